#include "core/crypto/identity_key.h"

#include <algorithm>

#include "core/crypto/digest.h"
#include "tests/support/matchers.h"
#include "tests/support/vectors.h"

using namespace signet;
using namespace signet::crypto;
using signet::test::has_code;
using signet::test::load_json_vectors;
using signet::test::unhex;

namespace {

VerifyKey verify_key_of(const Bytes& octets) {
    VerifyKey key;
    REQUIRE(octets.size() == key.octets.size());
    std::copy(octets.begin(), octets.end(), key.octets.begin());
    return key;
}

Signature signature_of(const Bytes& octets) {
    Signature signature{};
    REQUIRE(octets.size() == signature.size());
    std::copy(octets.begin(), octets.end(), signature.begin());
    return signature;
}

/// L, the order of the group, little-endian (RFC 8032 section 5.1).
const Bytes kOrder = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");

}  // namespace

TEST_CASE("Ed25519 meets RFC 8032: keys, signatures, verification", "[core][identity][vectors]") {
    const auto vectors = load_json_vectors("published/ed25519.json");
    for (const auto& item : vectors["cases"]) {
        const Bytes message = unhex(item["message"]);
        const SigningKey key = SigningKey::from_seed(SecretBytes(unhex(item["seed"])));
        CHECK(to_hex(key.verify_key().octets) == item["public"]);
        const Signature signature = key.sign(message);
        CHECK(to_hex(signature) == item["signature"]);
        CHECK(key.verify_key().verify(message, signature));
    }
}

TEST_CASE("Ed25519 decides an independent implementation's cases as that does", "[core][identity][vectors]") {
    const auto vectors = load_json_vectors("negatives/ed25519.json");
    std::size_t of_another_size = 0;
    for (const auto& item : vectors["cases"]) {
        CAPTURE(item["id"].get<int>(), item["comment"].get<std::string>());
        const Bytes signature = unhex(item["signature"]);
        if (signature.size() != 64) {
            // Signet's type has 64 octets, so that these cannot be asked at all.
            CHECK_FALSE(item["valid"].get<bool>());
            ++of_another_size;
            continue;
        }
        const bool valid = item["valid"];
        CHECK(verify_key_of(unhex(item["public"])).verify(unhex(item["message"]), signature_of(signature)) == valid);
    }
    CHECK(of_another_size < vectors["cases"].size() / 4);
}

TEST_CASE("a signature whose S is not below the group's order is refused", "[core][identity]") {
    const SigningKey key = SigningKey::from_seed(SecretBytes(Bytes(32, 3)));
    const Bytes message{1, 2, 3};
    Signature signature = key.sign(message);
    REQUIRE(key.verify_key().verify(message, signature));
    // S + L is the same number modulo L, and must not be another signature of the same message.
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        const unsigned sum = signature[32 + i] + unsigned{kOrder[i]} + carry;
        signature[32 + i] = static_cast<std::uint8_t>(sum);
        carry = sum >> 8U;
    }
    CHECK_FALSE(key.verify_key().verify(message, signature));
}

TEST_CASE("every flipped bit of signature, message or key is noticed", "[core][identity]") {
    const SigningKey key = SigningKey::from_seed(SecretBytes(Bytes(32, 4)));
    const Bytes message{'m', 'a', 'n', 'i', 'f', 'e', 's', 't'};
    const Signature signature = key.sign(message);
    const auto flip = [](auto octets, std::size_t bit) {
        octets[bit / 8] = static_cast<std::uint8_t>(octets[bit / 8] ^ (1U << (bit % 8)));
        return octets;
    };
    for (std::size_t bit = 0; bit < 512; ++bit) CHECK_FALSE(key.verify_key().verify(message, flip(signature, bit)));
    for (std::size_t bit = 0; bit < 64; ++bit) CHECK_FALSE(key.verify_key().verify(flip(message, bit), signature));
    for (std::size_t bit = 0; bit < 256; ++bit) {
        VerifyKey other = key.verify_key();
        other.octets = flip(other.octets, bit);
        CHECK_FALSE(other.verify(message, signature));
    }
    CHECK_FALSE(key.verify_key().verify(ByteView(message).first(7), signature));
}

TEST_CASE("an identity is the SHA-256 of the key's SubjectPublicKeyInfo", "[core][identity]") {
    // RFC 8410 section 10.1: the public key of the example, whose DER has 44 octets.
    const Bytes der = from_base64("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
    REQUIRE(der.size() == 44);
    const VerifyKey key = verify_key_of(Bytes(der.begin() + 12, der.end()));
    CHECK(key.identity().hex() == sha256(der).hex());
    CHECK(key.identity().hex() == "a1e9156054e04fac899ae9f275132cdc07a5dbc4ea2c2ad3a1ffc6e0d253681f");
}

TEST_CASE("the RFC 8410 example's seed has its public key", "[core][identity][vectors]") {
    // RFC 8410 section 10.3: the private key of the same example.
    const SigningKey key =
        SigningKey::from_seed(SecretBytes(unhex("d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842")));
    CHECK(to_hex(key.verify_key().octets) == "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
}

TEST_CASE("generated identities differ and can be made again from their seed", "[core][identity]") {
    const SigningKey first = SigningKey::generate();
    const SigningKey second = SigningKey::generate();
    CHECK_FALSE(first.verify_key() == second.verify_key());
    CHECK(SigningKey::from_seed(first.seed().clone()).verify_key() == first.verify_key());
    CHECK_FALSE(second.verify_key().verify(Bytes{1}, first.sign(Bytes{1})));
}

TEST_CASE("a seed of another length is refused", "[core][identity]") {
    const std::size_t size = GENERATE(as<std::size_t>{}, 0, 31, 33, 64);
    CHECK_THROWS_MATCHES(SigningKey::from_seed(SecretBytes(size)), Error, has_code(ErrorCode::damaged));
}
