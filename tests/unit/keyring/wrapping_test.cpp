#include "keyring/wrapping.h"

#include "keyring/policy_check.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

/// A host that has the public half of `old` alone, as its default; the officer's next key is `next`.
struct WriteOnly : Bench {
    crypto::RsaPrivateKey old_key = crypto::RsaPrivateKey::generate(2048);
    crypto::RsaPrivateKey next_key = crypto::RsaPrivateKey::generate(2048);
    format::Thumbprint old = format::Thumbprint::of(old_key.public_key());
    format::Thumbprint next = format::Thumbprint::of(next_key.public_key());

    WriteOnly() { keyring().link(public_file("old.pem", old_key.public_key()), {.role = LinkRole::default_}, vaults); }
    [[nodiscard]] Policy policy(bool with_half) const {
        Policy policy;
        policy.default_protector = next;
        if (with_half) policy.public_keys[next] = next_key.public_key().spki();
        return policy;
    }
};

Wrapping wrapping_of(Resolving& with, const Policy& policy, const std::string& region_of_repository = "local") {
    format::RepositoryConfig config;
    config.region = region_of_repository;
    return wrapping_for(policy, with.keyrings.own(), with.resolver, config, {"local", "local"});
}

}  // namespace

TEST_CASE("a host with public halves alone learns of a new default from the policy [R92] [R98]",
          "[keyring][wrapping]") {
    WriteOnly bench;
    Resolving with(bench);
    SECTION("and links the public half that the officer signed, for wrapping alone") {
        const Wrapping wrapping = wrapping_of(with, bench.policy(true));
        CHECK(wrapping.protectors == std::vector<format::Thumbprint>{bench.next});
        CHECK(wrapping.warnings.size() == 2);
        const Link* link = with.keyrings.own().find(bench.next);
        REQUIRE(link != nullptr);
        CHECK(link->role == LinkRole::linked);
        CHECK(link->wrap_only());
        // Other repositories have other policies.
        CHECK(bench.keyring().default_link("local", "local")->thumbprint == bench.old);
        CHECK(wrapping_of(with, bench.policy(true)).warnings.size() == 1);
        CHECK(wrapping_of(with, {}).protectors.front() == bench.old);
    }
    SECTION("or is told the command") {
        const Wrapping wrapping = wrapping_of(with, bench.policy(false));
        CHECK(wrapping.protectors == std::vector<format::Thumbprint>{bench.old});
        REQUIRE(wrapping.warnings.size() == 1);
        CHECK(wrapping.warnings.front().find("signet keyring link public:FILE --thumbprint " + bench.next.short_text() +
                                             " --default") != std::string::npos);
        CHECK(bench.keyring().find(bench.next) == nullptr);
    }
    SECTION("of one that it has linked") {
        bench.keyring().link(bench.public_file("next.pem", bench.next_key.public_key()), {}, bench.vaults);
        with.keyrings.own().refresh();
        CHECK(wrapping_of(with, bench.policy(false)).protectors.front() == bench.next);
    }
}

TEST_CASE("a default whose vault is at hand gives way only when it is to go [R96]", "[keyring][wrapping]") {
    Bench bench;
    const auto old = bench.vault().create_key("prod", 2048).thumbprint;
    const auto next = bench.vault().create_key("next", 2048).thumbprint;
    bench.keyring().link(Location::parse("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    bench.keyring().link(Location::parse("local:next"), {}, bench.vaults);
    Resolving with(bench);
    Policy policy;
    policy.default_protector = next;
    CHECK(wrapping_of(with, policy).protectors.front() == old);
    CHECK(wrapping_of(with, policy).warnings.front().find("signet keyring default " + next.short_text()) !=
          std::string::npos);
    policy.retiring = {old};
    CHECK(wrapping_of(with, policy).protectors.front() == next);
    SECTION("and without a successor nothing wraps") {
        policy.default_protector.reset();
        const Wrapping wrapping = wrapping_of(with, policy);
        CHECK_THROWS_MATCHES(require_policy(policy, with.keyrings.own(), wrapping.protectors), Error,
                             has_code(ErrorCode::refused));
    }
}

TEST_CASE("a default of another region is not taken from the policy [R51]", "[keyring][wrapping]") {
    WriteOnly bench;
    bench.keyring().link(bench.public_file("next.pem", bench.next_key.public_key()), {.region = "eu-west"},
                         bench.vaults);
    Resolving with(bench);
    CHECK(wrapping_of(with, bench.policy(true)).protectors.front() == bench.old);
    SECTION("nor is it where a replica is in another region than the repository") {
        WriteOnly other;
        Resolving there(other);
        CHECK(wrapping_of(there, other.policy(true), "eu-west").protectors.front() == other.old);
        CHECK(there.keyrings.own().find(other.next) == nullptr);
    }
}

}  // namespace signet::keyring::test
