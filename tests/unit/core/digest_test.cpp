#include "core/crypto/digest.h"

#include "tests/support/matchers.h"
#include "tests/support/vectors.h"

using namespace signet;
using namespace signet::crypto;
using signet::test::load_json_vectors;
using signet::test::unhex;

TEST_CASE("SHA-256 meets the published vectors, whole and in pieces", "[core][digest][vectors]") {
    const auto vectors = load_json_vectors("published/sha256.json");
    for (const auto& item : vectors["cases"]) {
        const Bytes piece = unhex(item["message"]);
        Bytes message;
        for (int i = 0; i < item.value("repeat", 1); ++i) message.insert(message.end(), piece.begin(), piece.end());
        const std::string expected = item["digest"];
        CHECK(sha256(message).hex() == expected);
        const std::size_t half = message.size() / 2;
        CHECK(sha256({ByteView(message).first(half), ByteView(message).subspan(half)}).hex() == expected);
        Sha256 pieces;
        for (std::size_t at = 0; at < message.size(); at += 63) {
            pieces.update(ByteView(message).subspan(at, std::min<std::size_t>(63, message.size() - at)));
        }
        CHECK(pieces.finish().hex() == expected);
        // A finished object starts again.
        pieces.update(message);
        CHECK(pieces.finish().hex() == expected);
    }
}

TEST_CASE("HMAC-SHA256 meets RFC 4231, also from a clone and again and again", "[core][digest][vectors]") {
    const auto vectors = load_json_vectors("published/hmac_sha256.json");
    for (const auto& item : vectors["cases"]) {
        const Bytes message = unhex(item["message"]);
        const std::string expected = item["tag"];
        HmacSha256 hmac(unhex(item["key"]));
        HmacSha256 clone = hmac.clone();
        for (int i = 0; i < 3; ++i) {
            CHECK(hmac.compute({message}).hex().substr(0, expected.size()) == expected);
            const ByteView view(message);
            CHECK(clone.compute({view.first(3), view.subspan(3)}).hex().substr(0, expected.size()) == expected);
        }
    }
}

TEST_CASE("HKDF-Expand meets RFC 5869, with the info in one piece or two", "[core][digest][vectors]") {
    const auto vectors = load_json_vectors("published/hkdf_expand_sha256.json");
    for (const auto& item : vectors["cases"]) {
        const Bytes key = unhex(item["prk"]);
        const Bytes info = unhex(item["info"]);
        const Bytes expected = unhex(item["okm"]);
        CHECK(hkdf_expand(key, {info}, expected.size()).equals(expected));
        const std::size_t half = info.size() / 2;
        CHECK(hkdf_expand(key, {ByteView(info).first(half), ByteView(info).subspan(half)}, expected.size())
                  .equals(expected));
        // A shorter output is a prefix of a longer one.
        CHECK(hkdf_expand(key, {info}, 7).equals(ByteView(expected).first(7)));
    }
}

TEST_CASE("HKDF-Expand makes up to 255 blocks", "[core][digest]") {
    const Bytes key(32, 7);
    CHECK(hkdf_expand(key, {}, 255 * 32).size() == 255 * 32);
    CHECK(hkdf_expand(key, {}, 0).empty());
}
