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

TEST_CASE("keys in key managers are read and written the same", "[keyring][location][remote]") {
    const std::string id = "78deebed173b48e48f55abf87ed4cf71";
    for (const std::string& text :
         {std::string("azure:https://v1.vault.azure.net/keys/k1"), "azure:https://v1.vault.azure.net/keys/K-1/" + id,
          std::string("azure:https://hsm.managedhsm.azure.net/keys/k"),
          std::string("azure:http://127.0.0.1:8080/keys/k"),
          std::string("aws:arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
          std::string("aws:arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"),
          std::string("aws:arn:aws:kms:eu-west-1:111122223333:alias/backup/prod"),
          std::string("transit:https://vault.example:8200/transit/keys/backup"),
          std::string("transit:https://vault.example:8200/team/a/transit/keys/backup/3"),
          std::string("transit:http://[::1]:8200/transit/keys/b.2?namespace=team/a"),
          std::string("transit:http://localhost:8200/transit/keys/b/17?namespace=admin")}) {
        CAPTURE(text);
        const Location location = Location::parse(text);
        CHECK(location.text() == text);
        CHECK(Location::parse(location.text()) == location);
        CHECK(location.is_remote());
        CHECK(location.can_unwrap());
        CHECK(location.absolute() == location);
        CHECK(location.provider() + ":" == text.substr(0, text.find(':') + 1));
    }
    CHECK(Location::parse("azure:HTTPS://V1.Vault.Azure.NET:443/keys/Key/" + std::string(32, 'A')).text() ==
          "azure:https://v1.vault.azure.net/keys/Key/" + std::string(32, 'a'));
    CHECK(Location::parse("transit:https://h/t/keys/k?namespace=a/b/").text() ==
          "transit:https://h/t/keys/k?namespace=a/b");
}

TEST_CASE("versions of keys in key managers", "[keyring][location][remote]") {
    const Location azure = Location::parse("azure:https://v1.vault.azure.net/keys/k1");
    CHECK(azure.follows_newest());
    const Location version = azure.with_revision(std::string(32, '7'));
    CHECK_FALSE(version.follows_newest());
    CHECK(version.without_version() == azure);
    CHECK(version.vault_name() == "v1");

    const Location transit = Location::parse("transit:https://h:8200/transit/keys/k/3?namespace=a");
    CHECK(transit.version == 3);
    CHECK(transit.mount == "transit");
    CHECK(transit.space == "a");
    CHECK_FALSE(transit.follows_newest());
    CHECK(transit.without_version().follows_newest());
    CHECK(transit.without_version().with_version(4).text() == "transit:https://h:8200/transit/keys/k/4?namespace=a");
    CHECK(transit.vault_name() == "h:8200");

    CHECK(Location::parse("aws:arn:aws:kms:eu-west-1:111122223333:alias/backup").follows_newest());
    CHECK_FALSE(Location::parse("aws:arn:aws:kms:eu-west-1:111122223333:key/1").follows_newest());
}

TEST_CASE("what could lead credentials astray is no location", "[keyring][location][remote]") {
    for (const char* text : {"azure:v1.vault.azure.net/keys/k",
                             "azure:http://v1.vault.azure.net/keys/k",
                             "azure:https:///keys/k",
                             "azure:https://user@v1.vault.azure.net/keys/k",
                             "azure:https://v1.vault.azure.net/secrets/k",
                             "azure:https://v1.vault.azure.net/keys/",
                             "azure:https://v1.vault.azure.net/keys/k/1",
                             "azure:https://v1.vault.azure.net/keys/k?x=1",
                             "azure:https://v1.vault.azure.net/keys/k_1",
                             "azure:http://127.0.0.1.example/keys/k",
                             "azure:http://localhost.example/keys/k",
                             "azure:https://h:/keys/k",
                             "azure:https://h:123456/keys/k",
                             "aws:arn",
                             "aws:arn:aws:s3:eu-west-1:111122223333:key/x",
                             "aws:arn:aws:kms:eu-west-1:1:key/x",
                             "aws:arn:aws:kms::111122223333:key/x",
                             "aws:arn:aws:kms:eu-west-1:111122223333:key/",
                             "aws:arn:aws:kms:eu-west-1:111122223333:grant/x",
                             "transit:https://h/keys/k",
                             "transit:http://h/transit/keys/k",
                             "transit:https://h/a/../keys/k",
                             "transit:https://h//transit/keys/k",
                             "transit:https://h/transit/keys/k/0",
                             "transit:https://h/transit/keys/a b",
                             "transit:https://h/transit/keys/k?x=1",
                             "transit:https://h/transit/keys/k?namespace=",
                             "transit:https://h/transit/keys/k?namespace=../x",
                             "transit:https://h/tr%2fansit/keys/k"}) {
        CAPTURE(text);
        CHECK_THROWS_MATCHES(Location::parse(text), Error, has_code(ErrorCode::usage));
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
