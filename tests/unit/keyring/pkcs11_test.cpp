#include "keyring/pkcs11_error.h"
#include "keyring/pkcs11_object.h"
#include "keyring/pkcs11_uri.h"
#include "keyring/pkcs11_vault.h"
#include "keyring/resolver.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

CK_TOKEN_INFO token_info(std::string_view label, std::string_view serial) {
    CK_TOKEN_INFO info{};
    const auto fill = [](auto& field, std::string_view text) {
        std::fill(std::begin(field), std::end(field), ' ');
        std::copy(text.begin(), text.end(), std::begin(field));
    };
    fill(info.label, label);
    fill(info.manufacturerID, "SoftHSM project");
    fill(info.model, "SoftHSM v2");
    fill(info.serialNumber, serial);
    return info;
}

TEST_CASE("pkcs11 locations are brought into one form", "[keyring][pkcs11]") {
    const auto [given, canonical] = GENERATE(table<const char*, const char*>({
        {"pkcs11:token=bk;object=kek1", "pkcs11:token=bk;object=kek1"},
        {"pkcs11:object=kek1;token=bk", "pkcs11:token=bk;object=kek1"},
        {"pkcs11:token=b%6b;object=a%20b;id=%01%FF", "pkcs11:token=bk;id=%01%FF;object=a%20b"},
        {"pkcs11:serial=1;object=k;type=private", "pkcs11:serial=1;object=k;type=private"},
        {"pkcs11:token=bk;object=k?pin-source=file%3A%2Frun%2Fp%20n",
         "pkcs11:token=bk;object=k?pin-source=file:/run/p%20n"},
        {"pkcs11:token=bk;object=k?pin-source=file:///run/pin&module-path=/a/b.so",
         "pkcs11:token=bk;object=k?module-path=/a/b.so&pin-source=file:/run/pin"},
        {"pkcs11:token=bk;object=k?module-name=softhsm2", "pkcs11:token=bk;object=k?module-name=softhsm2"},
    }));
    CAPTURE(given);
    CHECK(Location::parse(given).text() == canonical);
    CHECK(Location::parse(canonical).text() == canonical);
    CHECK(Location::parse(given) == Location::parse(canonical));
}

TEST_CASE("a pkcs11 location unwraps, and keeps its PIN's file to itself", "[keyring][pkcs11]") {
    const Location location = Location::parse("pkcs11:token=bk;object=kek1?pin-source=file:pin");
    CHECK(location.can_unwrap());
    CHECK(location.provider() == "pkcs11");
    CHECK(location.name == "kek1");
    CHECK(location.public_text() == "pkcs11:token=bk;object=kek1");
    const std::string here = std::filesystem::current_path().string();
    CHECK(location.absolute().text() == "pkcs11:token=bk;object=kek1?pin-source=file:" + here + "/pin");
}

TEST_CASE("labels on tokens say which version a key is [R88]", "[keyring][pkcs11]") {
    const auto [label, name, version] = GENERATE(table<const char*, const char*, std::uint32_t>({
        {"prod", "prod", 1},
        {"prod/2", "prod", 2},
        {"prod/4294967295", "prod", 4294967295U},
        {"a/b/3", "a/b", 3},
        {"prod/1", "prod/1", 1},
        {"prod/02", "prod/02", 1},
        {"prod/", "prod/", 1},
        {"prod/x", "prod/x", 1},
        {"prod/2x", "prod/2x", 1},
        {"prod/4294967296", "prod/4294967296", 1},
        {"/2", "/2", 1},
        {"", "", 1},
    }));
    CAPTURE(label);
    const VersionedLabel read = VersionedLabel::parse(label);
    CHECK(read.name == name);
    CHECK(read.version == version);
    CHECK(read.text() == label);
}

TEST_CASE("a label without version and id follows the newest version, and means version 1 itself [R88]",
          "[keyring][pkcs11]") {
    const Location first = Location::parse("pkcs11:token=bk;object=prod?pin-source=file:/run/pin");
    CHECK(first.follows_newest());
    CHECK(first.named_version() == 1);
    CHECK(first.with_version(1) == first);
    const Location third = first.with_version(3);
    CHECK(third.text() == "pkcs11:token=bk;object=prod%2F3?pin-source=file:/run/pin");
    CHECK(third.name == "prod");
    CHECK(third.version == 3);
    CHECK_FALSE(third.follows_newest());
    CHECK(third.without_version() == first);
    CHECK(Location::parse("pkcs11:token=bk;object=prod/3?pin-source=file:/run/pin") == third);
    CHECK_FALSE(Location::parse("pkcs11:token=bk;object=prod;id=%01").follows_newest());
    CHECK_FALSE(Location::parse("pkcs11:token=bk;id=%01").follows_newest());
    // Another version has another id.
    CHECK(Location::parse("pkcs11:token=bk;object=prod;id=%01").with_version(2).text() ==
          "pkcs11:token=bk;object=prod%2F2");
}

/// A token's label "prod" and its versions, each a key of its own.
class FakeToken final : public Vault {
public:
    explicit FakeToken(const Clock& clock) : clock_(clock) {}
    bool has_pin = true;
    Outcome unwraps = Outcome::ok;
    std::map<std::uint32_t, crypto::RsaPrivateKey> versions;

    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override {
        const auto found = versions.find(*location.named_version());
        if (found == versions.end()) return Answer<KeyDescription>::refuse(Outcome::not_found, "no such key");
        KeyDescription description;
        description.public_key = found->second.public_key();
        description.thumbprint = format::Thumbprint::of(*description.public_key);
        description.name = location.name;
        description.location = location;
        description.size_bits = description.public_key->bits();
        description.state = description.attributes.state(clock_.now());
        description.can_unwrap = true;
        return Answer<KeyDescription>::of(std::move(description));
    }
    [[nodiscard]] Answer<KeyDescription> newest(const Location& location) override {
        return describe(location.with_version(versions.rbegin()->first));
    }
    [[nodiscard]] Answer<Bytes> wrap(const Location& location, ByteView plaintext, const Binding&) override {
        return Answer<Bytes>::of(versions.at(*location.named_version()).public_key().wrap(plaintext));
    }
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped, const Binding&) override {
        if (unwraps == Outcome::credential_rejected) throw Error(ErrorCode::wrong_passphrase, "not this PIN");
        if (unwraps != Outcome::ok) return Answer<SecretBytes>::refuse(unwraps, "as told");
        return Answer<SecretBytes>::of(*versions.at(*location.named_version()).unwrap(wrapped));
    }
    [[nodiscard]] bool unwraps_unattended(const Location&) override { return has_pin; }

private:
    const Clock& clock_;
};

/// "prod" on a token, linked as the default, and a newer key "prod/2" beside it.
struct NewerOnToken : Bench {
    Location place = Location::parse("pkcs11:token=bk;object=prod?pin-source=file:/run/pin");
    FakeToken& token = install();
    Keyring own = keyring();

    NewerOnToken() {
        own.link(place, {.role = LinkRole::default_}, vaults);
        token.versions.emplace(2, crypto::RsaPrivateKey::generate(2048));
    }
    [[nodiscard]] format::Thumbprint thumbprint(std::uint32_t version) const {
        return format::Thumbprint::of(token.versions.at(version).public_key());
    }

private:
    FakeToken& install() {
        auto fake = std::make_unique<FakeToken>(clock);
        FakeToken& installed = *fake;
        installed.versions.emplace(1, crypto::RsaPrivateKey::generate(2048));
        vaults.replace(place, std::move(fake));
        return installed;
    }
};

TEST_CASE("a newer version on a token takes over once the token has unwrapped with it [R88] [R89]",
          "[keyring][pkcs11]") {
    NewerOnToken bench;
    CHECK(bench.own.links().front().follow == bench.place.text());
    const FollowReport report = bench.own.refresh_followed(bench.vaults);
    REQUIRE(report.changes.size() == 1);
    CHECK(report.changes.front().to == bench.thumbprint(2));
    CHECK(report.changes.front().location == bench.place.with_version(2).text());
    CHECK(bench.own.default_link("local", "local")->thumbprint == bench.thumbprint(2));
    CHECK(bench.own.find(bench.thumbprint(1))->role == LinkRole::linked);
    CHECK(bench.own.find(bench.thumbprint(1))->locations == std::vector<std::string>{bench.place.text()});
    CHECK(bench.own.refresh_followed(bench.vaults).changes.empty());
}

TEST_CASE("a newer version on a token that has proven nothing is not followed", "[keyring][pkcs11]") {
    NewerOnToken bench;
    SECTION("no PIN at hand") { bench.token.has_pin = false; }
    SECTION("another private half, or none") { bench.token.unwraps = Outcome::not_found; }
    const FollowReport report = bench.own.refresh_followed(bench.vaults);
    CHECK(report.changes.empty());
    REQUIRE(report.warnings.size() == 1);
    CHECK(report.warnings.front().find("not followed yet") != std::string::npos);
    CHECK(bench.own.default_link("local", "local")->thumbprint == bench.thumbprint(1));
}

TEST_CASE("a PIN that was refused while following is not tried again by the next run", "[keyring][pkcs11]") {
    NewerOnToken bench;
    bench.token.unwraps = Outcome::credential_rejected;
    CHECK(bench.own.refresh_followed(bench.vaults).warnings.front().find("not this PIN") != std::string::npos);
    bench.token.unwraps = Outcome::ok;
    Keyring later = bench.keyring();
    CHECK(later.refresh_followed(bench.vaults).warnings.front().find("refuses the PIN since") != std::string::npos);
    CHECK(later.test(bench.thumbprint(1), bench.vaults).ok());  // a person has put it right
    CHECK(later.refresh_followed(bench.vaults).changes.size() == 1);
}

TEST_CASE("a location from a repository is quoted for a command, or left out", "[keyring][pkcs11]") {
    CHECK(for_command("local:/srv/vault#prod/1") == "local:/srv/vault#prod/1");
    CHECK(for_command("pkcs11:token=b%20k;object=kek1") == "'pkcs11:token=b%20k;object=kek1'");
    for (const char* text : {"", "-x", "--config=/x", "local:a'b", "local:a b", "local:$(x)", "local:`x`", "local:x\ny",
                             "pkcs11:object=k?module-path=/evil.so"}) {
        CAPTURE(text);
        CHECK(for_command(text) == "LOCATION");
    }
}

TEST_CASE("what is no pkcs11 location of a key is a wrong use", "[keyring][pkcs11]") {
    const char* text =
        GENERATE("pkcs11:", "pkcs11:token=bk", "pkcs11:token=%zz;object=k", "pkcs11:token=bk;object=k;foo=1",
                 "pkcs11:token=bk;object=k;type=secret-key", "pkcs11:token=bk;object=k?pin-source=/run/pin",
                 "pkcs11:token=bk;object=k?pin-source=|cat",
                 "pkcs11:token=bk;object=k?pin-source=file:", "pkcs11:token=bk;object=k?x-unknown=1",
                 "pkcs11:object=k?token=bk", "pkcs11:object=");
    CAPTURE(text);
    CHECK_THROWS_MATCHES(Location::parse(text), Error, has_code(ErrorCode::usage));
}

TEST_CASE("a PIN in a location is refused and not repeated", "[keyring][pkcs11]") {
    for (const char* text :
         {"pkcs11:token=bk;object=k?pin-value=48151623", "pkcs11:token=bk;object=k;pin-value=48151623",
          "pkcs11:foo=1?pin-value=48151623", "pkcs11:token=%zz?pin-value=48151623"}) {
        CAPTURE(text);
        try {
            static_cast<void>(Location::parse(text));
            FAIL("accepted");
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::usage);
            CHECK(std::string(error.what()).find("48151623") == std::string::npos);
            CHECK(error.hint().find("48151623") == std::string::npos);
            CHECK(error.hint().find("pin-source=file:") != std::string::npos);
        }
    }
}

TEST_CASE("tokens are chosen by what the location says of them", "[keyring][pkcs11]") {
    const CK_TOKEN_INFO token = token_info("bk", "235ca266de734198");
    CHECK(Pkcs11Uri::parse("pkcs11:token=bk;object=k").matches_token(token));
    CHECK(Pkcs11Uri::parse("pkcs11:serial=235ca266de734198;object=k").matches_token(token));
    CHECK(Pkcs11Uri::parse("pkcs11:object=k").matches_token(token));
    CHECK_FALSE(Pkcs11Uri::parse("pkcs11:token=b;object=k").matches_token(token));
    CHECK_FALSE(Pkcs11Uri::parse("pkcs11:token=bk;serial=1;object=k").matches_token(token));
    const CK_SLOT_INFO slot{};
    CHECK(Pkcs11Uri::parse("pkcs11:slot-id=7;object=k").matches_slot(7, slot));
    CHECK_FALSE(Pkcs11Uri::parse("pkcs11:slot-id=7;object=k").matches_slot(8, slot));
    CHECK(Pkcs11Uri::parse("pkcs11:object=k").matches_slot(8, slot));
}

TEST_CASE("only a token that is gone or broken leads to a twin [R130, R131]", "[keyring][pkcs11]") {
    for (const CK_RV result : {CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY,
                               CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_HOST_MEMORY, CKR_SESSION_COUNT}) {
        CAPTURE(name_of(result));
        CHECK(may_fail_over(outcome_of(result)));
    }
    for (const CK_RV result :
         {CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_EXPIRED, CKR_USER_PIN_NOT_INITIALIZED, CKR_USER_NOT_LOGGED_IN,
          CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_HANDLE_INVALID, CKR_MECHANISM_INVALID, CKR_ENCRYPTED_DATA_INVALID,
          CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_FUNCTION_REJECTED, CK_RV{CKR_VENDOR_DEFINED} + 7,
          CK_RV{0x7fff}}) {
        CAPTURE(name_of(result));
        CHECK(is_refusal(outcome_of(result)));
    }
}

TEST_CASE("answers of a token are classified", "[keyring][pkcs11]") {
    CHECK(outcome_of(CKR_OK) == Outcome::ok);
    CHECK(outcome_of(CKR_PIN_LOCKED) == Outcome::credential_rejected);
    CHECK(outcome_of(CKR_KEY_FUNCTION_NOT_PERMITTED) == Outcome::denied);
    CHECK(outcome_of(CKR_GENERAL_ERROR) == Outcome::denied);
    // What SoftHSM2 says of a padding that does not fit.
    CHECK(outcome_of(CKR_GENERAL_ERROR, Pkcs11Step::decrypt) == Outcome::integrity);
    CHECK(outcome_of(CKR_DEVICE_REMOVED, Pkcs11Step::decrypt) == Outcome::unavailable);
    CHECK(name_of(CKR_PIN_INCORRECT) == "CKR_PIN_INCORRECT");
    CHECK(name_of(0x80000007UL) == "CKR 0x80000007");
    CHECK(is_mechanism_refused(CKR_ARGUMENTS_BAD));
    CHECK_FALSE(is_mechanism_refused(CKR_KEY_FUNCTION_NOT_PERMITTED));
    CHECK_NOTHROW(require_ok(CKR_OK, "x"));
    CHECK_THROWS_MATCHES(require_ok(CKR_DEVICE_REMOVED, "x"), Error, has_code(ErrorCode::key_unavailable));
}

TEST_CASE("a token with one try left is not asked", "[keyring][pkcs11]") {
    const CK_FLAGS ready = CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED;
    CHECK(login_obstacle(ready).empty());
    CHECK(login_obstacle(ready | CKF_USER_PIN_COUNT_LOW).empty());
    CHECK(login_obstacle(ready | CKF_USER_PIN_FINAL_TRY).find("one try is left") != std::string::npos);
    CHECK(login_obstacle(ready | CKF_USER_PIN_LOCKED).find("locked") != std::string::npos);
    CHECK_FALSE(login_obstacle(CKF_LOGIN_REQUIRED).empty());
}

TEST_CASE("dates of tokens are days", "[keyring][pkcs11]") {
    const auto shown = [](std::string_view digits) {
        const auto time = parse_date(as_bytes(digits));
        return time ? to_rfc3339(*time) : "none";
    };
    CHECK(shown("20260314") == "2026-03-14T00:00:00Z");
    CHECK(shown("20240229") == "2024-02-29T00:00:00Z");
    for (const char* text : {"", "00000000", "20230229", "20261301", "2026031", "2026 314", "202603140", "-0260314"}) {
        CAPTURE(text);
        CHECK(shown(text) == "none");
    }
    const CK_DATE date = to_date(*parse_date(as_bytes("20260314")));
    CHECK(std::string(reinterpret_cast<const char*>(&date), sizeof(date)) == "20260314");
}

TEST_CASE("a module that cannot be loaded is an outage", "[keyring][pkcs11]") {
    Bench bench;
    const Location location = Location::parse("pkcs11:token=bk;object=k?module-path=/nowhere/module.so");
    const auto answer = bench.vaults.at(location).describe(location);
    CHECK(answer.outcome == Outcome::unavailable);
    CHECK(answer.detail.find("/nowhere/module.so") != std::string::npos);
    CHECK_FALSE(bench.vaults.at(location).unwraps_unattended(location));
}

TEST_CASE("a token's key is the default where the local vault's would be, and the other way round [R50, R52]",
          "[keyring][pkcs11]") {
    Bench bench;
    const auto first = bench.vault().create_key("first", 2048);
    const std::string place = "pkcs11:token=bk;object=second";
    install_fake(bench, place, crypto::RsaPrivateKey::generate(2048));
    Keyring keyring = bench.keyring();
    keyring.link(Location::parse("local:first"), {.role = LinkRole::default_}, bench.vaults);
    const LinkReport report = keyring.link(Location::parse(place), {.role = LinkRole::default_}, bench.vaults);
    CHECK(report.link.provider == "pkcs11");
    CHECK(report.former_default == first.thumbprint);
    REQUIRE(keyring.default_link("local", "local") != nullptr);
    CHECK(keyring.default_link("local", "local")->thumbprint == report.link.thumbprint);
    CHECK(keyring.default_link("aws", "local") == nullptr);
    CHECK(keyring.default_link("local", "eu") == nullptr);
    keyring.set_default(first.thumbprint, bench.vaults);
    CHECK(keyring.default_link("local", "local")->thumbprint == first.thumbprint);
    CHECK(keyring.default_link("pkcs11", "local")->thumbprint == first.thumbprint);
}

}  // namespace
}  // namespace signet::keyring::test
