#include "core/crypto/aead.h"

#include <algorithm>

#include "tests/support/matchers.h"
#include "tests/support/vectors.h"

using namespace signet;
using namespace signet::crypto;
using signet::test::has_code;
using signet::test::load_json_vectors;
using signet::test::unhex;

namespace {

Nonce nonce_of(const Bytes& octets) {
    Nonce nonce;
    REQUIRE(octets.size() == nonce.octets.size());
    std::copy(octets.begin(), octets.end(), nonce.octets.begin());
    return nonce;
}

Bytes joined(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

struct Sample {
    Bytes key = Bytes(32, 0x42);
    Nonce nonce = Nonce::counter(5);
    Bytes associated = {1, 2, 3};
    Bytes plaintext = {'h', 'e', 'l', 'l', 'o'};
};

bool opens(Aead& aead, const Nonce& nonce, ByteView associated, ByteView sealed) {
    Bytes plaintext(sealed.size() < kAeadTagSize ? 0 : sealed.size() - kAeadTagSize, 0xcc);
    const bool opened = aead.open(nonce, associated, sealed, plaintext);
    // Whatever does not verify is not released.
    if (!opened) CHECK(std::all_of(plaintext.begin(), plaintext.end(), [](std::uint8_t octet) { return octet == 0; }));
    return opened;
}

}  // namespace

TEST_CASE("AES-256-GCM meets the published vectors in both directions", "[core][aead][vectors]") {
    const auto vectors = load_json_vectors("published/aes_256_gcm.json");
    for (const auto& item : vectors["cases"]) {
        Aead aead(unhex(item["key"]));
        const Nonce nonce = nonce_of(unhex(item["nonce"]));
        const Bytes associated = unhex(item["aad"]);
        const Bytes plaintext = unhex(item["plaintext"]);
        const Bytes expected = joined(unhex(item["ciphertext"]), unhex(item["tag"]));
        CHECK(aead.seal(nonce, associated, plaintext) == expected);
        CHECK(aead.open_bytes(nonce, associated, expected, "vector") == plaintext);
        CHECK(aead.open_secret(nonce, associated, expected, "vector").equals(plaintext));
    }
}

TEST_CASE("AES-256-GCM decides an independent implementation's cases as that does", "[core][aead][vectors]") {
    const auto vectors = load_json_vectors("negatives/aes_256_gcm.json");
    for (const auto& item : vectors["cases"]) {
        CAPTURE(item["id"].get<int>(), item["comment"].get<std::string>());
        Aead aead(unhex(item["key"]));
        const Nonce nonce = nonce_of(unhex(item["nonce"]));
        const Bytes associated = unhex(item["aad"]);
        const Bytes sealed = joined(unhex(item["ciphertext"]), unhex(item["tag"]));
        const bool valid = item["valid"];
        CHECK(opens(aead, nonce, associated, sealed) == valid);
        if (valid) CHECK(aead.seal(nonce, associated, unhex(item["plaintext"])) == sealed);
    }
}

TEST_CASE("every single flipped bit of a sealed message is noticed", "[core][aead]") {
    const Sample sample;
    Aead aead(sample.key);
    const Bytes sealed = aead.seal(sample.nonce, sample.associated, sample.plaintext);
    CHECK(opens(aead, sample.nonce, sample.associated, sealed));
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        Bytes altered = sealed;
        altered[bit / 8] = static_cast<std::uint8_t>(altered[bit / 8] ^ (1U << (bit % 8)));
        CHECK_FALSE(opens(aead, sample.nonce, sample.associated, altered));
    }
}

TEST_CASE("every truncation and every extension of a sealed message is noticed", "[core][aead]") {
    const Sample sample;
    Aead aead(sample.key);
    Bytes sealed = aead.seal(sample.nonce, sample.associated, sample.plaintext);
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        CHECK_FALSE(opens(aead, sample.nonce, sample.associated, ByteView(sealed).first(size)));
        CHECK_THROWS_MATCHES(aead.open_bytes(sample.nonce, sample.associated, ByteView(sealed).first(size), "message"),
                             Error, has_code(ErrorCode::damaged));
        CHECK_THROWS_MATCHES(aead.open_secret(sample.nonce, sample.associated, ByteView(sealed).first(size), "message"),
                             Error, has_code(ErrorCode::damaged));
    }
    sealed.push_back(0);
    CHECK_FALSE(opens(aead, sample.nonce, sample.associated, sealed));
}

TEST_CASE("another nonce, associated data or key does not open a message", "[core][aead]") {
    const Sample sample;
    Aead aead(sample.key);
    const Bytes sealed = aead.seal(sample.nonce, sample.associated, sample.plaintext);
    CHECK_FALSE(opens(aead, Nonce::counter(6), sample.associated, sealed));
    CHECK_FALSE(opens(aead, sample.nonce, Bytes{1, 2}, sealed));
    CHECK_FALSE(opens(aead, sample.nonce, Bytes{1, 2, 4}, sealed));
    CHECK_FALSE(opens(aead, sample.nonce, {}, sealed));
    for (std::size_t bit = 0; bit < sample.key.size() * 8; ++bit) {
        Bytes key = sample.key;
        key[bit / 8] = static_cast<std::uint8_t>(key[bit / 8] ^ (1U << (bit % 8)));
        Aead other(key);
        CHECK_FALSE(opens(other, sample.nonce, sample.associated, sealed));
    }
}

TEST_CASE("a refused message does not disturb the next one", "[core][aead]") {
    const Sample sample;
    Aead aead(sample.key);
    const Bytes sealed = aead.seal(sample.nonce, sample.associated, sample.plaintext);
    Bytes altered = sealed;
    altered.back() ^= 1U;
    for (int i = 0; i < 3; ++i) {
        CHECK_FALSE(opens(aead, sample.nonce, sample.associated, altered));
        CHECK(opens(aead, sample.nonce, sample.associated, sealed));
        CHECK(aead.seal(sample.nonce, sample.associated, sample.plaintext) == sealed);
    }
}

TEST_CASE("messages without text, without associated data, or of a megabyte come back", "[core][aead]") {
    const std::size_t size = GENERATE(as<std::size_t>{}, 0, 1, 15, 16, 17, 4096, 1'048'576);
    Aead aead(Bytes(32, 9));
    const Bytes plaintext(size, 0x61);
    const Bytes sealed = aead.seal(Nonce::counter(0), {}, plaintext);
    CHECK(sealed.size() == size + 16);
    CHECK(aead.open_bytes(Nonce::counter(0), {}, sealed, "message") == plaintext);
}

TEST_CASE("a counter nonce is eight octets little-endian and four zero octets", "[core][aead]") {
    CHECK(to_hex(Nonce::counter(0).octets) == "000000000000000000000000");
    CHECK(to_hex(Nonce::counter(0x0102030405060708).octets) == "080706050403020100000000");
}
