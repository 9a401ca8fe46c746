#include "keyring/access_state.h"

#include "tests/unit/keyring/bench.h"

using namespace signet;
using namespace signet::keyring;

namespace {

constexpr std::int64_t kHour = 3600 * kNsPerSecond;
constexpr std::int64_t kWindow = 8 * kHour;
const TimePoint kNow{1'800'000'000LL * kNsPerSecond};

std::optional<TimePoint> lost(std::int64_t hours_ago) { return TimePoint{kNow.ns - hours_ago * kHour}; }

}  // namespace

TEST_CASE("an outage is degraded and heals by itself [R104]", "[keyring][access]") {
    CHECK(judge_access(ProtectorStatus::unreachable, {}, kNow, kWindow) == AccessState::degraded);
    CHECK(judge_access(ProtectorStatus::usable, {}, kNow, kWindow) == AccessState::ok);
}

TEST_CASE("a refusal is inaccessible at once [R101]", "[keyring][access]") {
    for (const auto status : {ProtectorStatus::disabled, ProtectorStatus::denied, ProtectorStatus::deleted,
                              ProtectorStatus::missing, ProtectorStatus::expired, ProtectorStatus::not_yet_valid}) {
        CHECK(judge_access(status, {}, kNow, kWindow) == AccessState::inaccessible);
        CHECK(judge_access(status, lost(1), kNow, kWindow) == AccessState::inaccessible);
    }
}

TEST_CASE("within the heal window access that is back is ok, and an outage is not access [R106]", "[keyring][access]") {
    CHECK(judge_access(ProtectorStatus::usable, lost(8), kNow, kWindow) == AccessState::ok);
    CHECK(judge_access(ProtectorStatus::wrap_only, lost(2), kNow, kWindow) == AccessState::ok);
    CHECK(judge_access(ProtectorStatus::unreachable, lost(2), kNow, kWindow) == AccessState::inaccessible);
}

TEST_CASE("beyond the heal window a person revalidates, whatever the vault says now [R107]", "[keyring][access]") {
    for (const auto status : {ProtectorStatus::usable, ProtectorStatus::wrap_only, ProtectorStatus::unreachable,
                              ProtectorStatus::disabled}) {
        CHECK(judge_access(status, lost(9), kNow, kWindow) == AccessState::needs_revalidation);
    }
}

TEST_CASE("a clock that is set back ends no loss [R107]", "[keyring][access]") {
    CHECK(judge_access(ProtectorStatus::usable, lost(-9), kNow, kWindow) == AccessState::needs_revalidation);
    CHECK(judge_access(ProtectorStatus::usable, lost(-1), kNow, kWindow) == AccessState::ok);
}

TEST_CASE("a change of the state of access is one line of the audit log [R119]", "[keyring][access]") {
    keyring::test::Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    const auto lines = [&] { return bench.keyring().audit().verify().lines; };
    bench.keyring().note_state("ok", key.thumbprint, "");
    bench.keyring().note_state("none", std::nullopt, "");
    CHECK(lines() == 0);
    bench.keyring().note_state("inaccessible", key.thumbprint, "disabled in local:prod/1");
    bench.keyring().note_state("inaccessible", key.thumbprint, "disabled in local:prod/1");
    CHECK(lines() == 1);
    const std::string log = keyring::test::content_of(bench.keyring_folder + "/audit.log");
    CHECK(log.find(R"("operation":"access-inaccessible")") != std::string::npos);
    CHECK(log.find("it was ok: disabled in local:prod/1") != std::string::npos);
    bench.keyring().note_state("ok", key.thumbprint, "");
    CHECK(lines() == 2);
}
