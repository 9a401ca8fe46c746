#include "core/crypto/oaep.h"

#include "core/crypto/random.h"
#include "core/crypto/rsa.h"
#include "tests/support/matchers.h"
#include "tests/support/vectors.h"

using namespace signet;
using namespace signet::crypto;
using signet::test::has_code;
using signet::test::load_json_vectors;
using signet::test::load_vector;
using signet::test::unhex;

TEST_CASE("OAEP removal decides an independent implementation's cases as that does", "[core][oaep][vectors]") {
    const auto vectors = load_json_vectors("negatives/oaep_blocks.json");
    for (const auto& item : vectors["cases"]) {
        CAPTURE(item["id"].get<int>(), item["comment"].get<std::string>());
        const auto message = remove_oaep(unhex(item["encoded"]), item["modulus_size"].get<std::size_t>());
        CHECK(message.has_value() == item["valid"].get<bool>());
        if (message && item["valid"].get<bool>()) CHECK(message->equals(unhex(item["plaintext"])));
    }
}

TEST_CASE("any flipped bit of an encoded message is refused", "[core][oaep]") {
    const auto item = load_json_vectors("negatives/oaep_blocks.json")["cases"][2];
    const Bytes good = unhex(item["encoded"]);
    const Bytes message = unhex(item["plaintext"]);
    REQUIRE(remove_oaep(good, good.size()));
    // The message itself carries no check of its own: the slot's commitment is that.
    const std::size_t checked = good.size() - message.size() - 1;
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        Bytes altered = good;
        altered[bit / 8] = static_cast<std::uint8_t>(altered[bit / 8] ^ (1U << (bit % 8)));
        const auto opened = remove_oaep(altered, altered.size());
        CAPTURE(bit);
        if (bit / 8 <= checked)
            CHECK_FALSE(opened);
        else
            CHECK((!opened || !opened->equals(message)));
    }
}

TEST_CASE("a public key is the same from its numbers as from its SubjectPublicKeyInfo", "[core][rsa]") {
    // RFC 7638 section 3.1: modulus at offset 33 of the 294 octets, exponent in the last three.
    const Bytes spki = load_vector("published/rfc7638_spki.der");
    const ByteView modulus = ByteView(spki).subspan(33, 256);
    const ByteView exponent = ByteView(spki).last(3);
    CHECK(RsaPublicKey::from_numbers(modulus, exponent).spki() == spki);

    Bytes padded(modulus.begin(), modulus.end());
    padded.insert(padded.begin(), 4, 0);
    CHECK(RsaPublicKey::from_numbers(padded, exponent).spki() == spki);
    CHECK_THROWS_MATCHES(RsaPublicKey::from_numbers(modulus.first(128), exponent), Error, has_code(ErrorCode::refused));
    CHECK_THROWS_MATCHES(RsaPublicKey::from_numbers(modulus, Bytes{3}), Error, has_code(ErrorCode::refused));
    CHECK_THROWS_AS(RsaPublicKey::from_numbers({}, exponent), Error);
    CHECK_THROWS_AS(RsaPublicKey::from_numbers(modulus, {}), Error);
}
