#include "keyring/location.h"

#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

TEST_CASE("locations are read and written the same", "[keyring][location]") {
    for (const char* text : {"local:prod", "local:prod/2", "local:/srv/vault#prod", "local:/srv/a#b/vault#prod-2025/17",
                             "local:../v#p", "public:/keys/prod.pem", "public:a:b#c/d"}) {
        CAPTURE(text);
        CHECK(Location::parse(text).text() == text);
        CHECK(Location::parse(Location::parse(text).text()) == Location::parse(text));
    }
    const Location location = Location::parse("local:/srv/a#b/vault#prod-2025/17");
    CHECK(location.folder == "/srv/a#b/vault");
    CHECK(location.name == "prod-2025");
    CHECK(location.version == 17);
    CHECK_FALSE(location.follows_newest());
    CHECK(location.without_version().follows_newest());
    CHECK(location.without_version().with_version(3).text() == "local:/srv/a#b/vault#prod-2025/3");
    CHECK(location.can_unwrap());
    CHECK_FALSE(Location::parse("public:x").can_unwrap());
    CHECK_FALSE(Location::parse("public:x").follows_newest());
}

TEST_CASE("what is no location is a wrong use", "[keyring][location]") {
    for (const char* text : {"", "prod", "local:", "local:#prod", "local:dir#", "local:prod/", "local:prod/0",
                             "local:prod/01", "local:prod/-1", "local:prod/4294967296", "local:prod/1/2", "local:a b",
                             "public:", "file:x", "public:a\nb", "local:x\x1b[2J"}) {
        CAPTURE(text);
        CHECK_THROWS_MATCHES(Location::parse(text), Error, has_code(ErrorCode::usage));
    }
}

TEST_CASE("locations of later versions are refused by name", "[keyring][location]") {
    for (const char* text : {"azure:https://v1.vault.azure.net/keys/k1", "aws:arn:aws:kms:eu-west-1:1:key/x",
                             "transit:https://h/transit/keys/k"}) {
        CAPTURE(text);
        try {
            static_cast<void>(Location::parse(text));
            FAIL("accepted");
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::usage);
            CHECK(std::string(error.what()).find("is not built in yet") != std::string::npos);
        }
    }
}

TEST_CASE("folders and files of locations are made absolute", "[keyring][location]") {
    const std::string here = std::filesystem::current_path().string();
    CHECK(Location::parse("public:a/../b.pem").absolute().text() == "public:" + here + "/b.pem");
    CHECK(Location::parse("local:v#prod").absolute().text() == "local:" + here + "/v#prod");
    CHECK(Location::parse("local:prod").absolute().text() == "local:prod");
}

}  // namespace
}  // namespace signet::keyring::test
