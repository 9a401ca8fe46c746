// Linking, testing, choosing and following protectors.
#include "keyring/keyring.h"

#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

Location at(const std::string& text) { return Location::parse(text); }

/// The keyring's file, or nothing.
std::string saved(const Bench& bench) {
    const std::string path = bench.keyring_folder + "/keyring.json";
    return std::filesystem::exists(path) ? content_of(path) : "";
}

TEST_CASE("linking tests first, then records [R60]", "[keyring][link]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    Keyring keyring = bench.keyring();
    const LinkReport report = keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    CHECK(report.is_new);
    CHECK(report.proven);
    CHECK(report.warnings.empty());
    CHECK(bench.passphrases.times_asked() == 1);

    const Keyring again = bench.keyring();
    REQUIRE(again.links().size() == 1);
    const Link& link = again.links().front();
    CHECK(link.thumbprint == key.thumbprint);
    CHECK(link.name == "prod");
    CHECK(link.role == LinkRole::default_);
    CHECK(link.provider == "local");
    CHECK(link.region == "local");
    CHECK(link.locations == std::vector<std::string>{"local:prod/1"});
    CHECK(link.follow == "local:prod");
    CHECK(link.linked == bench.clock.now());
    CHECK(link.last_state == "enabled");
    CHECK(format::Thumbprint::of(link.public_key()) == key.thumbprint);
    CHECK_FALSE(link.wrap_only());

    const std::string log = content_of(bench.keyring_folder + "/audit.log");
    CHECK(log.find(R"("operation":"test")") != std::string::npos);
    CHECK(keyring.audit().verify().intact());
    CHECK(keyring.audit().verify().uncertain.empty());
}

TEST_CASE("a link with a version does not follow", "[keyring][link]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    Keyring keyring = bench.keyring();
    CHECK_FALSE(keyring.link(at("local:prod/1"), {}, bench.vaults).link.follow_newest());
    CHECK(keyring.links().front().role == LinkRole::linked);
}

TEST_CASE("nothing is kept when a test fails [R60]", "[keyring][link]") {
    Bench bench;
    bench.vault().create_key("disabled", 2048);
    bench.vault().set_enabled("disabled", false);
    bench.vault().create_key("deleted", 2048);
    bench.vault().soft_delete("deleted");
    bench.vault().create_key("expired", 2048, {.not_before = {}, .expires = bench.clock.in_days(-1)});
    bench.vault().create_key("future", 2048, {.not_before = bench.clock.in_days(1), .expires = {}});
    const KeyVersion good = bench.vault().create_key("good", 2048);
    Keyring keyring = bench.keyring();

    const auto link_fails = [&](const std::string& place, const LinkOptions& options, ErrorCode code) {
        CAPTURE(place);
        CHECK_THROWS_MATCHES(keyring.link(at(place), options, bench.vaults), Error, has_code(code));
        CHECK(saved(bench).empty());
        CHECK(bench.keyring().links().empty());
    };
    const LinkOptions as_default{.role = LinkRole::default_};
    SECTION("missing") { link_fails("local:nothing", as_default, ErrorCode::key_unavailable); }
    SECTION("no such version") { link_fails("local:good/2", as_default, ErrorCode::key_unavailable); }
    SECTION("no such vault") { link_fails("local:/nowhere#good", as_default, ErrorCode::key_unavailable); }
    SECTION("disabled [R74]") {
        link_fails("local:disabled", as_default, ErrorCode::key_unavailable);
        link_fails("local:disabled", {}, ErrorCode::key_unavailable);
    }
    SECTION("deleted") { link_fails("local:deleted", {}, ErrorCode::key_unavailable); }
    SECTION("expired [R73]") {
        link_fails("local:expired", as_default, ErrorCode::key_unavailable);
        link_fails("local:expired", {.role = LinkRole::recovery}, ErrorCode::key_unavailable);
    }
    SECTION("not yet valid [R72]") { link_fails("local:future", as_default, ErrorCode::key_unavailable); }
    SECTION("wrong passphrase") {
        bench.answer = "wrong";
        link_fails("local:good", as_default, ErrorCode::wrong_passphrase);
        CHECK_FALSE(bench.passphrases.knows(bench.vaults.local().object()));
        CHECK(keyring.audit().verify().uncertain.empty());
    }
    SECTION("another thumbprint than expected") {
        link_fails("local:good", {.thumbprint = "sha256:0000000000"}, ErrorCode::refused);
        CHECK_NOTHROW(keyring.link(at("local:good"), {.thumbprint = good.thumbprint.short_text()}, bench.vaults));
    }
    SECTION("a region that is no name") {
        link_fails("local:good", {.role = LinkRole::default_, .region = "West Europe"}, ErrorCode::usage);
    }
    SECTION("no file") {
        link_fails("public:" + (bench.folder / "nothing.pem"), as_default, ErrorCode::key_unavailable);
    }
    SECTION("not a key") {
        put_content(bench.folder / "junk.pem", "junk");
        link_fails("public:" + (bench.folder / "junk.pem"), as_default, ErrorCode::damaged);
    }
}

TEST_CASE("a vault that refuses, or gives back something else, is not linked [R60] [R29] [R30] [R31]",
          "[keyring][link]") {
    Bench bench;
    FakeVault& fake = install_fake(bench, "local:/far#prod", crypto::RsaPrivateKey::generate(2048));
    Keyring keyring = bench.keyring();
    const auto link_fails = [&](ErrorCode code) {
        CHECK_THROWS_MATCHES(keyring.link(at("local:/far#prod"), {}, bench.vaults), Error, has_code(code));
        CHECK(saved(bench).empty());
    };
    fake.describes = Outcome::denied;
    link_fails(ErrorCode::key_unavailable);
    fake.describes = Outcome::unavailable;
    link_fails(ErrorCode::key_unavailable);
    fake.describes = Outcome::ok;
    fake.unwraps = Outcome::denied;
    link_fails(ErrorCode::key_unavailable);
    fake.unwraps = Outcome::ok;
    fake.forgets = true;
    link_fails(ErrorCode::damaged);
    fake.forgets = false;
    fake.region = "eu-west";
    CHECK_THROWS_MATCHES(
        keyring.link(at("local:/far#prod"), {.role = LinkRole::default_, .region = "us-east"}, bench.vaults), Error,
        has_code(ErrorCode::refused));
    CHECK(saved(bench).empty());
    CHECK(keyring.link(at("local:/far#prod"), {.role = LinkRole::default_}, bench.vaults).link.region == "eu-west");
}

TEST_CASE("an expired key can still be linked for unwrapping", "[keyring][link]") {
    Bench bench;
    bench.vault().create_key("old", 2048, {.not_before = {}, .expires = bench.clock.in_days(-1)});
    Keyring keyring = bench.keyring();
    const LinkReport report = keyring.link(at("local:old"), {}, bench.vaults);
    CHECK(report.proven);
    CHECK(report.warnings.size() == 1);
    CHECK(report.link.last_state == "expired");
    REQUIRE_THROWS_MATCHES(keyring.set_default(report.link.thumbprint, bench.vaults), Error,
                           has_code(ErrorCode::key_unavailable));
    CHECK(keyring.links().front().role == LinkRole::linked);
}

TEST_CASE("a default that expires within thirty days is linked with a warning [R73]", "[keyring][link]") {
    Bench bench;
    bench.vault().create_key("soon", 2048, {.not_before = {}, .expires = bench.clock.in_days(29)});
    Keyring keyring = bench.keyring();
    CHECK(keyring.link(at("local:soon"), {.role = LinkRole::default_}, bench.vaults).warnings.size() == 1);
}

TEST_CASE("there is one default per provider and region, and linking a new one changes it [R50] [R83]",
          "[keyring][link]") {
    Bench bench;
    const auto first = bench.vault().create_key("first", 2048).thumbprint;
    const auto second = bench.vault().create_key("second", 2048).thumbprint;
    const auto abroad = bench.vault().create_key("abroad", 2048).thumbprint;
    Keyring keyring = bench.keyring();
    keyring.link(at("local:first"), {.role = LinkRole::default_}, bench.vaults);
    keyring.link(at("local:abroad"), {.role = LinkRole::default_, .region = "eu-west"}, bench.vaults);
    CHECK(keyring.default_link("local", "local")->thumbprint == first);
    CHECK(keyring.default_link("local", "eu-west")->thumbprint == abroad);
    CHECK(keyring.default_link("local", "us-east") == nullptr);

    const LinkReport report = keyring.link(at("local:second"), {.role = LinkRole::default_}, bench.vaults);
    CHECK(report.former_default == first);
    CHECK(keyring.default_link("local", "local")->thumbprint == second);
    CHECK(keyring.find(first)->role == LinkRole::linked);
    CHECK(keyring.find(abroad)->role == LinkRole::default_);

    CHECK(keyring.set_default(first, bench.vaults).former_default == second);
    CHECK(bench.keyring().default_link("local", "local")->thumbprint == first);
    CHECK(bench.keyring().find(second)->role == LinkRole::linked);
}

TEST_CASE("a default that fails its test does not become one", "[keyring][link]") {
    Bench bench;
    const auto first = bench.vault().create_key("first", 2048).thumbprint;
    const auto second = bench.vault().create_key("second", 2048).thumbprint;
    Keyring keyring = bench.keyring();
    keyring.link(at("local:first"), {.role = LinkRole::default_}, bench.vaults);
    keyring.link(at("local:second"), {}, bench.vaults);
    bench.vault().set_enabled("second", false);
    REQUIRE_THROWS_MATCHES(keyring.set_default(second, bench.vaults), Error, has_code(ErrorCode::key_unavailable));
    std::filesystem::rename(bench.vault_folder, bench.folder / "away");
    REQUIRE_THROWS_MATCHES(keyring.set_default(second, bench.vaults), Error, has_code(ErrorCode::key_unavailable));
    CHECK(bench.keyring().default_link("local", "local")->thumbprint == first);
    REQUIRE_THROWS_MATCHES(keyring.set_default({}, bench.vaults), Error, has_code(ErrorCode::usage));
}

TEST_CASE("linking the same thumbprint again adds a location", "[keyring][link]") {
    Bench bench;
    TemporaryFolder elsewhere;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    LocalVault twin = LocalVault::create(elsewhere / "vault", secret("sesame"), kCheap, bench.clock);
    twin.import_key("copy", crypto::RsaPrivateKey::from_pkcs8(bench.vault().export_private(key.thumbprint).reveal()));
    twin.create_key("foreign", 2048);
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    const std::string place = "local:" + (elsewhere / "vault");

    REQUIRE_THROWS_MATCHES(keyring.link(at(place + "#foreign"), {.twin_of = "prod"}, bench.vaults), Error,
                           has_code(ErrorCode::refused));
    const LinkReport report =
        keyring.link(at(place + "#copy/1"), {.region = "eu-west", .twin_of = "prod"}, bench.vaults);
    CHECK_FALSE(report.is_new);
    CHECK(report.link.role == LinkRole::default_);
    CHECK(report.link.region == "local");
    CHECK(report.link.locations == std::vector<std::string>{"local:prod/1", place + "#copy/1"});
    keyring.link(at("local:prod/1"), {}, bench.vaults);
    CHECK(bench.keyring().links().size() == 1);
    CHECK(bench.keyring().links().front().locations.size() == 2);
    CHECK(bench.keyring().get("copy/1").thumbprint == key.thumbprint);
}

TEST_CASE("a twin in another region cannot be the default there [R58] [R128] [R129]", "[keyring][link]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_, .region = "eu-west"}, bench.vaults);
    const Location twin = bench.public_file("twin.pem", key.public_key());
    REQUIRE_THROWS_MATCHES(keyring.link(twin, {.role = LinkRole::default_, .region = "us-east"}, bench.vaults), Error,
                           has_code(ErrorCode::refused));
    CHECK_NOTHROW(keyring.link(twin, {.region = "us-east"}, bench.vaults));
    CHECK(keyring.default_link("local", "us-east") == nullptr);
}

TEST_CASE("a public half is linked wrap-only [R24]", "[keyring][link]") {
    Bench bench;
    const auto key = crypto::RsaPrivateKey::generate(2048);
    Keyring keyring = bench.keyring();
    const LinkReport report = keyring.link(bench.public_file("prod-2026.pub.pem", key.public_key()),
                                           {.role = LinkRole::default_}, bench.vaults);
    CHECK_FALSE(report.proven);
    CHECK(report.link.wrap_only());
    CHECK(report.link.name == "prod-2026");
    CHECK(bench.passphrases.times_asked() == 0);
    CHECK_FALSE(report.link.follow_newest());

    // The keyring keeps its own copy of the public half.
    std::filesystem::remove(bench.folder / "prod-2026.pub.pem");
    CHECK(keyring.test(report.link.thumbprint, bench.vaults).ok());
    CHECK_NOTHROW(keyring.set_default(report.link.thumbprint, bench.vaults));
}

TEST_CASE("a recovery protector keeps its role", "[keyring][link]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const auto recovery = crypto::RsaPrivateKey::generate(2048);
    const Location file = bench.public_file("safe.pem", recovery.public_key());
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    const auto link = keyring.link(file, {.role = LinkRole::recovery, .name = "the safe"}, bench.vaults).link;
    CHECK(link.name == "the safe");
    REQUIRE_THROWS_MATCHES(keyring.set_default(link.thumbprint, bench.vaults), Error, has_code(ErrorCode::refused));
    REQUIRE_THROWS_MATCHES(keyring.link(file, {.role = LinkRole::default_}, bench.vaults), Error,
                           has_code(ErrorCode::refused));
    REQUIRE_THROWS_MATCHES(keyring.link(at("local:prod"), {.role = LinkRole::recovery}, bench.vaults), Error,
                           has_code(ErrorCode::refused));
    CHECK(keyring.link(file, {}, bench.vaults).link.role == LinkRole::recovery);
    // With the private half at hand it is no safer than the default.
    bench.vault().create_key("near", 2048);
    CHECK(keyring.link(at("local:near"), {.role = LinkRole::recovery}, bench.vaults).warnings.size() == 1);
}

TEST_CASE("links are named by name, version or thumbprint", "[keyring][link]") {
    Bench bench;
    const auto first = bench.vault().create_key("prod", 2048).thumbprint;
    const auto second = bench.vault().rotate("prod").thumbprint;
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod/1"), {}, bench.vaults);
    CHECK(keyring.get("prod").thumbprint == first);
    keyring.link(at("local:prod/2"), {}, bench.vaults);
    REQUIRE_THROWS_MATCHES(keyring.get("prod"), Error, has_code(ErrorCode::usage));
    CHECK(keyring.get("prod/1").thumbprint == first);
    CHECK(keyring.get("prod/2").thumbprint == second);
    CHECK(keyring.get(second.short_text()).thumbprint == second);
    CHECK(keyring.get(second.text()).thumbprint == second);
    REQUIRE_THROWS_MATCHES(keyring.get("other"), Error, has_code(ErrorCode::usage));
    try {
        static_cast<void>(keyring.get("pkcs11:token=a;object=prod?pin-value=4815"));
        FAIL("found one");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::usage);
        CHECK(std::string(error.what()).find("4815") == std::string::npos);
    }
}

TEST_CASE("the default is not unlinked by mistake", "[keyring][link]") {
    Bench bench;
    const auto first = bench.vault().create_key("first", 2048).thumbprint;
    const auto second = bench.vault().create_key("second", 2048).thumbprint;
    Keyring keyring = bench.keyring();
    keyring.link(at("local:first"), {.role = LinkRole::default_}, bench.vaults);
    keyring.link(at("local:second"), {}, bench.vaults);
    REQUIRE_THROWS_MATCHES(keyring.unlink(first), Error, has_code(ErrorCode::refused));
    CHECK(keyring.unlink(second).thumbprint == second);
    REQUIRE_THROWS_MATCHES(keyring.unlink(second), Error, has_code(ErrorCode::usage));
    CHECK(bench.keyring().links().size() == 1);
    CHECK(keyring.unlink(first, true).thumbprint == first);
    CHECK(bench.keyring().links().empty());
    CHECK(bench.vault().list().size() == 2);
}

TEST_CASE("a test says what is wrong at each location, and the state is remembered", "[keyring][link]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    LinkTest test = keyring.test(key.thumbprint, bench.vaults);
    REQUIRE(test.results.size() == 1);
    CHECK(test.ok());
    CHECK(test.results.front().proven);

    bench.vault().set_enabled("prod", false);
    test = keyring.test(key.thumbprint, bench.vaults);
    CHECK_FALSE(test.ok());
    CHECK(test.results.front().outcome == Outcome::key_disabled);
    CHECK(bench.keyring().find(key.thumbprint)->last_state == "key-disabled");
    bench.vault().set_enabled("prod", true);
    bench.clock.add_days(1);
    CHECK(keyring.test(key.thumbprint, bench.vaults).ok());
    CHECK(bench.keyring().find(key.thumbprint)->last_state == "enabled");
    CHECK(bench.keyring().find(key.thumbprint)->last_state_time == bench.clock.now());
    CHECK(keyring.audit().verify().uncertain.empty());
}

TEST_CASE("a test is not well while what a location refused is remembered [R131]", "[keyring][link]") {
    Bench bench;
    const auto key = crypto::RsaPrivateKey::generate(2048);
    FakeVault& near = install_fake(bench, "local:/near#prod", key);
    install_fake(bench, "local:/far#prod", key);
    Keyring keyring = bench.keyring();
    const auto thumbprint =
        keyring.link(at("local:/near#prod"), {.role = LinkRole::default_}, bench.vaults).link.thumbprint;
    keyring.link(at("local:/far#prod"), {.twin_of = "prod"}, bench.vaults);
    near.describes = Outcome::unavailable;
    CHECK(keyring.test(thumbprint, bench.vaults).ok());

    near.describes = Outcome::key_disabled;
    CHECK_FALSE(keyring.test(thumbprint, bench.vaults).ok());
    near.describes = Outcome::unavailable;
    const LinkTest test = keyring.test(thumbprint, bench.vaults);
    CHECK_FALSE(test.ok());
    CHECK(test.results.front().outcome == Outcome::unavailable);
    CHECK(test.results.front().refused_since == bench.clock.now());
    CHECK(test.results.front().detail == "as told; key-disabled, refused since 2026-03-14T09:30:00Z");
    CHECK(bench.keyring().find(thumbprint)->last_state == "key-disabled");

    // A person says that it was not meant; what is out of reach stays the first place.
    CHECK(keyring.use_twin(thumbprint, "anna", bench.vaults) == "local:/near#prod/1");
    CHECK(keyring.test(thumbprint, bench.vaults).ok());
}

TEST_CASE("a place that is written in another way is no twin, and takes the place of the old one [R127]",
          "[keyring][link]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    std::filesystem::create_directory_symlink(bench.vault_folder, bench.folder / "way");
    const std::string by_way = "local:" + (bench.folder / "way") + "#prod";
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    REQUIRE_THROWS_MATCHES(keyring.link(at(by_way), {.twin_of = "prod"}, bench.vaults), Error,
                           has_code(ErrorCode::refused));
    CHECK(keyring.find(key.thumbprint)->locations == std::vector<std::string>{"local:prod/1"});

    keyring.note_answer("local:prod/1", "unwrap", Outcome::denied, bench.vaults);
    keyring.link(at(by_way), {}, bench.vaults);
    const Link& link = *keyring.find(key.thumbprint);
    CHECK(link.locations == std::vector<std::string>{by_way + "/1"});
    CHECK(link.follow == by_way);
    CHECK(link.role == LinkRole::default_);
    CHECK(keyring.refusal("local:prod/1", bench.vaults) == nullptr);
}

TEST_CASE("a twin leaves a link following where it did [R88] [R128]", "[keyring][link]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    std::filesystem::copy(bench.vault_folder, bench.folder / "twin");
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    keyring.link(at("local:" + (bench.folder / "twin") + "#prod"), {.twin_of = "prod"}, bench.vaults);
    CHECK(keyring.find(key.thumbprint)->locations.size() == 2);
    CHECK(keyring.find(key.thumbprint)->follow == "local:prod");
}

TEST_CASE("a recovery protector that a newer version follows wraps no more [R88]", "[keyring][link]") {
    Bench bench;
    const auto first = bench.vault().create_key("safe", 2048).thumbprint;
    const auto second = bench.vault().rotate("safe").thumbprint;
    Keyring keyring = bench.keyring();
    keyring.link(at("local:safe/1"), {.role = LinkRole::recovery}, bench.vaults);
    keyring.link(at("local:safe/2"), {.role = LinkRole::recovery, .instead_of = first}, bench.vaults);
    CHECK(keyring.find(first)->role == LinkRole::linked);
    CHECK(keyring.find(second)->role == LinkRole::recovery);
}

// Following.

TEST_CASE("a new version becomes the default and the old one stays linked, without a passphrase [R88] [R89]",
          "[keyring][follow]") {
    Bench bench;
    const auto first = bench.vault().create_key("prod", 2048).thumbprint;
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    CHECK(keyring.refresh_followed(bench.vaults).changes.empty());

    const auto second = bench.vault().rotate("prod").thumbprint;
    PassphraseSource none;
    Vaults locked(bench.vault_folder, none, bench.clock);
    const FollowReport report = keyring.refresh_followed(locked);
    REQUIRE(report.changes.size() == 1);
    CHECK(report.changes.front().from == first);
    CHECK(report.changes.front().to == second);
    CHECK(report.changes.front().location == "local:prod/2");
    CHECK(report.changes.front().role == LinkRole::default_);
    const Keyring again = bench.keyring();
    CHECK(again.default_link("local", "local")->thumbprint == second);
    CHECK(again.find(second)->follow == "local:prod");
    CHECK(again.find(first)->role == LinkRole::linked);
    CHECK_FALSE(again.find(first)->follow_newest());
    CHECK(keyring.refresh_followed(locked).changes.empty());
    CHECK(keyring.audit().verify().intact());

    // Two rotations in between are one step.
    bench.vault().rotate("prod");
    const auto fourth = bench.vault().rotate("prod").thumbprint;
    CHECK(keyring.refresh_followed(locked).changes.size() == 1);
    CHECK(keyring.default_link("local", "local")->thumbprint == fourth);
    CHECK(keyring.links().size() == 3);
}

TEST_CASE("following only goes forward", "[keyring][follow]") {
    Bench bench;
    const auto first = bench.vault().create_key("prod", 2048).thumbprint;
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    const auto second = bench.vault().rotate("prod").thumbprint;
    bench.vault().set_enabled("prod/2", false);
    CHECK(keyring.refresh_followed(bench.vaults).changes.empty());
    CHECK(keyring.default_link("local", "local")->thumbprint == first);

    bench.vault().set_enabled("prod/2", true);
    CHECK(keyring.refresh_followed(bench.vaults).changes.size() == 1);
    // Who disables the newest version means it: the older one must not take its place again.
    bench.vault().set_enabled("prod/2", false);
    CHECK(keyring.refresh_followed(bench.vaults).changes.empty());
    CHECK(keyring.default_link("local", "local")->thumbprint == second);
}

TEST_CASE("a version that is not valid yet is not followed until it is", "[keyring][follow]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    const auto second =
        bench.vault().rotate("prod", 0, {.not_before = bench.clock.in_days(7), .expires = {}}).thumbprint;
    CHECK(keyring.refresh_followed(bench.vaults).changes.empty());
    bench.clock.add_days(7);
    CHECK(keyring.refresh_followed(bench.vaults).changes.size() == 1);
    CHECK(keyring.default_link("local", "local")->thumbprint == second);
}

TEST_CASE("a vault out of reach changes nothing and is told", "[keyring][follow]") {
    Bench bench;
    const auto first = bench.vault().create_key("prod", 2048).thumbprint;
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    std::filesystem::rename(bench.vault_folder, bench.folder / "away");
    const FollowReport report = keyring.refresh_followed(bench.vaults);
    CHECK(report.changes.empty());
    CHECK(report.warnings.size() == 1);
    CHECK(keyring.default_link("local", "local")->thumbprint == first);
}

TEST_CASE("a version linked by hand takes the role over when it is followed", "[keyring][follow]") {
    Bench bench;
    const auto first = bench.vault().create_key("prod", 2048).thumbprint;
    Keyring keyring = bench.keyring();
    keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    const auto second = bench.vault().rotate("prod").thumbprint;
    SECTION("as linked") {
        keyring.link(at("local:prod"), {}, bench.vaults);
        CHECK(keyring.default_link("local", "local")->thumbprint == first);
        CHECK(keyring.refresh_followed(bench.vaults).changes.size() == 1);
    }
    SECTION("as the default") {
        CHECK(keyring.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults).former_default == first);
        CHECK(keyring.refresh_followed(bench.vaults).changes.empty());
    }
    SECTION("in another region, which keeps its own default") {
        keyring.link(at("local:prod/2"), {.role = LinkRole::default_, .region = "eu-west"}, bench.vaults);
        CHECK(keyring.refresh_followed(bench.vaults).changes.size() == 1);
        CHECK(keyring.default_link("local", "eu-west")->thumbprint == second);
        CHECK_NOTHROW(bench.keyring());
        return;
    }
    CHECK(keyring.links().size() == 2);
    CHECK(keyring.default_link("local", "local")->thumbprint == second);
    CHECK(keyring.find(first)->role == LinkRole::linked);
    CHECK_FALSE(keyring.find(first)->follow_newest());
    CHECK(keyring.find(second)->follow == "local:prod");
}

}  // namespace
}  // namespace signet::keyring::test
