#include "keyring/policy.h"

#include "keyring/policy_check.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

TEST_CASE("without a policy the defaults hold", "[keyring][policy]") {
    const Policy policy = Policy::from_values({});
    CHECK_FALSE(policy.after_rotation);
    CHECK(policy.dedup_horizon_ns == 90LL * 86'400 * kNsPerSecond);
    CHECK(policy.max_deks == 64);
    CHECK(policy.values().empty());
    CHECK(policy.rotation_rule(true) == AfterRotation::rewrap);
    CHECK(policy.rotation_rule(false) == AfterRotation::inherit);
}

TEST_CASE("policy values are read and written the same", "[keyring][policy]") {
    const std::map<std::string, std::string> values = {
        {"after-rotation", "fresh"}, {"dedup-horizon", "30d"},
        {"max-deks", "8"},           {"min-protectors", "2"},
        {"require-twin", "yes"},     {"allowed-sizes", "3072,4096"},
        {"of-a-later-version", "x"}, {"allowed-providers", "local,pkcs11"},
        {"replicas", "east,north"},  {"require-proof", "7d"}};
    const Policy policy = Policy::from_values(values);
    CHECK(policy.after_rotation == AfterRotation::fresh);
    CHECK(policy.rotation_rule(true) == AfterRotation::fresh);
    CHECK(policy.dedup_horizon_ns == 30LL * 86'400 * kNsPerSecond);
    CHECK(policy.max_deks == 8);
    CHECK(policy.min_protectors == 2);
    CHECK(policy.require_twin);
    CHECK(policy.allowed_sizes == std::vector<std::uint32_t>{3072, 4096});
    CHECK(policy.allowed_providers == std::vector<std::string>{"local", "pkcs11"});
    CHECK(policy.replicas == std::vector<std::string>{"east", "north"});
    CHECK(policy.others.at("of-a-later-version") == "x");
    CHECK(policy.values() == values);

    Policy changed = policy;
    for (const auto& [name, value] : values) changed.set(name, "");
    CHECK(changed.values().empty());
    changed.set("dedup-horizon", "90s");
    CHECK(Policy::from_values(changed.values()).dedup_horizon_ns == 90 * kNsPerSecond);
    changed.set("after-rotation", "auto");
    CHECK_FALSE(changed.after_rotation);
}

TEST_CASE("a value that a policy name cannot have is refused", "[keyring][policy]") {
    Policy policy;
    const std::vector<std::pair<std::string, std::string>> wrong = {{"after-rotation", "sometimes"},
                                                                    {"dedup-horizon", "soon"},
                                                                    {"dedup-horizon", "-1d"},
                                                                    {"max-deks", "0"},
                                                                    {"max-deks", "4097"},
                                                                    {"max-deks", "64x"},
                                                                    {"max-deks", "-1"},
                                                                    {"min-protectors", "0"},
                                                                    {"min-protectors", "17"},
                                                                    {"require-twin", "perhaps"},
                                                                    {"allowed-sizes", "1024"},
                                                                    {"allowed-sizes", "2048,"},
                                                                    {"allowed-providers", "local,cloud"},
                                                                    {"replicas", "East"},
                                                                    {"replicas", "any"},
                                                                    {"replicas", "east,"},
                                                                    {"require-proof", "often"}};
    for (const auto& [name, value] : wrong) {
        CAPTURE(name, value);
        CHECK_THROWS_MATCHES(policy.set(name, value), Error, has_code(ErrorCode::usage));
        // One that an officer signed is of a newer version: it must not be ignored.
        CHECK_THROWS_MATCHES(Policy::from_values({{name, value}}), Error, has_code(ErrorCode::unsupported));
    }
    CHECK(policy.values().empty());
    CHECK(policy_names().size() == 16);
}

TEST_CASE("a policy names four regions for replicas at most [R137]", "[keyring][policy]") {
    Policy policy;
    policy.set("replicas", "d,c,b,a");
    CHECK(policy.values().at("replicas") == "a,b,c,d");
    CHECK_THROWS_MATCHES(policy.set("replicas", "a,b,c,d,e"), Error, has_code(ErrorCode::refused));
    CHECK(policy.replicas.size() == 4);
    policy.set("replicas", "none");
    CHECK(policy.values().empty());
}

TEST_CASE("the policy says which protectors are to go, and until when backups are kept [R96] [R98]",
          "[keyring][policy]") {
    const auto thumbprint = [](char digit) { return *format::Thumbprint::parse("sha256:" + std::string(64, digit)); };
    const auto key = crypto::RsaPrivateKey::generate(2048).public_key();
    const auto own = format::Thumbprint::of(key);
    const std::map<std::string, std::string> values = {
        {"retiring", thumbprint('a').text() + "," + thumbprint('b').text()},
        {"compromised", thumbprint('c').text()},
        {"keep-within", "365d"},
        {"default-protector", own.text()},
        {"public-key:" + own.text(), to_base64(key.spki())}};
    Policy policy = Policy::from_values(values);
    CHECK(policy.is_fenced(thumbprint('a')));
    CHECK(policy.is_fenced(thumbprint('c')));
    CHECK_FALSE(policy.is_fenced(thumbprint('d')));
    CHECK(policy.is_compromised(thumbprint('c')));
    CHECK_FALSE(policy.is_compromised(thumbprint('b')));
    CHECK(policy.keep_within_ns == 365LL * 86'400 * kNsPerSecond);
    CHECK(policy.default_protector == own);
    CHECK(policy.public_keys.at(own) == key.spki());
    CHECK(policy.values() == values);
    policy.set("retiring", thumbprint('b').text() + "," + thumbprint('a').text());
    CHECK(policy.values() == values);

    for (const auto& [name, value] : values) policy.set(name, name.starts_with("public-key:") ? "" : "none");
    CHECK(policy.values().empty());
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"retiring", "sha256:ab12"},
             {"retiring", thumbprint('a').text() + ","},
             {"compromised", "prod/1"},
             {"keep-within", "for ever"},
             {"keep-within", "6"},
             {"keep-within", "6M"},
             {"keep-within", "-6d"},
             {"keep-within", "99999999999999999999d"},
             {"keep-within", "9999999y"},
             {"keep-within", "291y"},
             {"keep-within", "290y1s"},
             {"default-protector", thumbprint('a').object_text()},
             {"public-key:" + thumbprint('a').text(), to_base64(key.spki())},
             {"public-key:prod", to_base64(key.spki())},
             {"public-key:" + own.text(), "AAAA"}}) {
        CAPTURE(name, value);
        CHECK_THROWS_MATCHES(policy.set(name, value), Error, has_code(ErrorCode::usage));
    }
}

TEST_CASE("m are months in the policy keep-within, as in the rule of that name", "[keyring][policy]") {
    Policy policy;
    const auto days = [&](const char* value) {
        policy.set("keep-within", value);
        return *policy.keep_within_ns / (86'400 * kNsPerSecond);
    };
    CHECK(days("6m") == 6 * 31);
    CHECK(days("1y6m2w3d24h") == 366 + 6 * 31 + 14 + 3 + 1);
    CHECK(policy.values().at("keep-within") == "570d");
}

TEST_CASE("an officer's proofs are values of the policy [R122]", "[keyring][policy]") {
    const format::Thumbprint thumbprint = *format::Thumbprint::parse("sha256:" + std::string(64, 'b'));
    const TimePoint when{1'800'000'000LL * kNsPerSecond};
    Policy policy;
    CHECK_FALSE(policy.proven(thumbprint));
    policy.set_proven(thumbprint, when);
    CHECK(Policy::from_values(policy.values()).proven(thumbprint) == when);
    policy.set("proven:" + thumbprint.text(), "soon");
    CHECK_FALSE(policy.proven(thumbprint));
    policy.set("other", "x");
    policy.forget_proofs();
    CHECK(policy.values() == std::map<std::string, std::string>{{"other", "x"}});
}

TEST_CASE("no backup under a default that was not proven in time, where the policy says so [R122]",
          "[keyring][policy]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    Keyring keyring = bench.keyring();
    const format::Thumbprint thumbprint =
        keyring.link(Location::parse("local:prod"), {.role = LinkRole::default_}, bench.vaults).link.thumbprint;
    Policy policy;
    const auto is_refused = [&](TimePoint now) {
        try {
            require_proof(policy, keyring, thumbprint, now);
            return false;
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::refused);
            return true;
        }
    };
    CHECK_FALSE(is_refused(bench.clock.in_days(1000)));
    policy.set("require-proof", "7d");
    // Linking tested it.
    CHECK_FALSE(is_refused(bench.clock.in_days(7)));
    CHECK(is_refused(bench.clock.in_days(8)));
    policy.set_proven(thumbprint, bench.clock.in_days(3));
    CHECK_FALSE(is_refused(bench.clock.in_days(10)));
    CHECK(is_refused(bench.clock.in_days(11)));
    bench.clock.add_days(20);
    keyring.note_unwrapped(thumbprint);
    CHECK_FALSE(is_refused(bench.clock.in_days(7)));
}

TEST_CASE("a public half that nobody proved makes no backup under such a policy [R122]", "[keyring][policy]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    Keyring keyring = bench.keyring();
    keyring.link(bench.public_file("prod.pem", key.public_key()), {.role = LinkRole::default_}, bench.vaults);
    Policy policy;
    policy.set("require-proof", "7d");
    REQUIRE_THROWS_MATCHES(require_proof(policy, keyring, key.thumbprint, bench.clock.now()), Error,
                           has_code(ErrorCode::refused));
    policy.set_proven(key.thumbprint, bench.clock.now());
    CHECK_NOTHROW(require_proof(policy, keyring, key.thumbprint, bench.clock.now()));
}

}  // namespace
}  // namespace signet::keyring::test
