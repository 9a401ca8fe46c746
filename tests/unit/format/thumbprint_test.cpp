#include "format/thumbprint.h"

#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

const std::string kDigits = "ab12cd34ef567890ab12cd34ef567890ab12cd34ef567890ab12cd34ef567890";

}  // namespace

TEST_CASE("a thumbprint has one spelling for people and one for object names", "[format][thumbprint]") {
    const auto sha = Thumbprint::parse("sha256:" + kDigits);
    REQUIRE(sha.has_value());
    CHECK(sha->text() == "sha256:" + kDigits);
    CHECK(sha->short_text() == "sha256:ab12cd34ef56");
    CHECK(sha->object_text() == "sha256-" + kDigits);
    CHECK(Thumbprint::parse(sha->object_text()) == sha);
    const auto kms = Thumbprint::parse("kms:" + kDigits);
    REQUIRE(kms.has_value());
    CHECK(kms->text() == "kms:" + kDigits);
    CHECK(kms != sha);
    CHECK(std::hash<Thumbprint>{}(*kms) != std::hash<Thumbprint>{}(*sha));
}

TEST_CASE("other spellings of a thumbprint are not thumbprints", "[format][thumbprint]") {
    const std::string text = GENERATE(as<std::string>{}, "", "sha256:", "sha256", "sha512:" + kDigits, kDigits,
                                      "sha256:" + kDigits + "0", "sha256:" + kDigits.substr(2), "SHA256:" + kDigits,
                                      "sha256:AB" + kDigits.substr(2), " sha256:" + kDigits, "kms_" + kDigits);
    CAPTURE(text);
    CHECK_FALSE(Thumbprint::parse(text).has_value());
}

TEST_CASE("a thumbprint is found by a prefix of at least four digits", "[format][thumbprint]") {
    const Thumbprint thumbprint = Thumbprint::parse("sha256:" + kDigits).value();
    CHECK(thumbprint.matches_prefix("ab12"));
    CHECK(thumbprint.matches_prefix("sha256:ab12"));
    CHECK(thumbprint.matches_prefix("sha256-ab12"));
    CHECK(thumbprint.matches_prefix(thumbprint.text()));
    CHECK(thumbprint.matches_prefix(thumbprint.short_text()));
    CHECK_FALSE(thumbprint.matches_prefix("ab1"));
    CHECK_FALSE(thumbprint.matches_prefix("sha256:ab1"));
    CHECK_FALSE(thumbprint.matches_prefix("kms:ab12"));
    CHECK_FALSE(thumbprint.matches_prefix("ab13"));
    CHECK_FALSE(thumbprint.matches_prefix(""));
    CHECK_FALSE(thumbprint.matches_prefix(kDigits + "0"));
}

TEST_CASE("an RSA key's thumbprint is the digest of its SubjectPublicKeyInfo [R87]", "[format][thumbprint]") {
    const crypto::RsaPublicKey key = sample_protector().public_key();
    const Thumbprint thumbprint = Thumbprint::of(key);
    CHECK(thumbprint.kind == Thumbprint::Kind::sha256);
    CHECK(thumbprint.digest == key.spki_digest());
}

TEST_CASE("a stored thumbprint is its kind and 32 octets", "[format][thumbprint]") {
    ByteWriter writer;
    Thumbprint::parse("kms:" + kDigits).value().encode(writer);
    CHECK(to_hex(writer.view()) == "02" + kDigits);
    const std::uint8_t kind = GENERATE(as<std::uint8_t>{}, 0, 3, 255);
    writer.bytes()[0] = kind;
    ByteReader reader(writer.view(), "thumbprint");
    REQUIRE_THROWS_MATCHES(Thumbprint::decode(reader), Error, has_code(ErrorCode::damaged));
}
