#include "backup/retention.h"

#include "tests/support/matchers.h"

#include <cstdlib>
#include <ctime>

using namespace signet;
using namespace signet::backup;
using signet::test::has_code;

namespace {

/// The local calendar is UTC's here, whatever the machine says.
const bool kUtc = [] {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    return true;
}();

TimePoint at(const std::string& text) { return parse_time(text, TimePoint{}); }

std::vector<RetentionCandidate> history(const std::vector<std::string>& times) {
    std::vector<RetentionCandidate> candidates;
    for (const std::string& time : times) candidates.push_back({at(time), std::vector<std::string>{}});
    return candidates;
}

/// "1" for each that stays.
std::string kept(const RetentionRules& rules, const std::vector<RetentionCandidate>& candidates,
                 const std::string& now = "2030-01-01") {
    std::string text;
    for (const auto& reasons : apply_retention(rules, candidates, at(now))) text += reasons.empty() ? '0' : '1';
    return text;
}

RetentionRules keeping(Period period, std::uint32_t count) {
    RetentionRules rules;
    rules.counts[static_cast<std::size_t>(period)] = count;
    return rules;
}

RetentionRules keeping_within(Period period, const std::string& span) {
    RetentionRules rules;
    rules.within[static_cast<std::size_t>(period)] = span;
    return rules;
}

}  // namespace

TEST_CASE("each count keeps the newest backup of as many periods as have one", "[backup][retention]") {
    REQUIRE(kUtc);
    const auto backups = history({"2026-03-03 18:30", "2026-03-03 18:10", "2026-03-03 06:00", "2026-03-02 12:00",
                                  "2026-02-20 12:00", "2026-02-19 12:00", "2025-12-31 12:00", "2024-06-01 12:00"});
    CHECK(kept(keeping(Period::last, 3), backups) == "11100000");
    CHECK(kept(keeping(Period::hourly, 2), backups) == "10100000");
    CHECK(kept(keeping(Period::daily, 3), backups) == "10011000");
    CHECK(kept(keeping(Period::weekly, 2), backups) == "10001000");
    CHECK(kept(keeping(Period::monthly, 3), backups) == "10001010");
    CHECK(kept(keeping(Period::yearly, 2), backups) == "10000010");
    CHECK(kept(keeping(Period::yearly, RetentionRules::kUnlimited), backups) == "10000011");
}

TEST_CASE("while a rule is not used up the oldest backup stays", "[backup][retention]") {
    const auto backups = history({"2026-03-03 12:00", "2026-03-02 18:00", "2026-03-02 12:00"});
    CHECK(kept(keeping(Period::daily, 2), backups) == "110");
    CHECK(kept(keeping(Period::daily, 3), backups) == "111");
}

TEST_CASE("a week is the calendar's, also across the end of a year", "[backup][retention]") {
    // 2026-W01 begins on 2025-12-29.
    const auto backups = history({"2026-01-02 12:00", "2025-12-29 12:00", "2025-12-28 12:00", "2025-12-22 12:00"});
    CHECK(kept(keeping(Period::weekly, 2), backups) == "1010");
}

TEST_CASE("a span is counted back from the newest backup, not from now", "[backup][retention]") {
    const auto backups = history({"2026-03-03 12:00", "2026-03-02 12:00", "2026-02-20 12:00", "2026-02-20 11:00",
                                  "2025-03-04 12:00", "2025-03-02 12:00"});
    CHECK(kept(keeping_within(Period::last, "2d"), backups) == "110000");
    CHECK(kept(keeping_within(Period::daily, "1m"), backups) == "111000");
    CHECK(kept(keeping_within(Period::last, "1y"), backups) == "111110");
}

TEST_CASE("what is dated later than now counts in no rule and stays", "[backup][retention]") {
    const auto backups = history({"2027-01-01 12:00", "2026-03-03 12:00", "2026-03-02 12:00", "2026-03-01 12:00"});
    CHECK(kept(keeping(Period::last, 1), backups, "2026-03-04") == "1100");
    CHECK(kept(keeping_within(Period::last, "1d"), backups, "2026-03-04") == "1100");
}

TEST_CASE("a flood of backups on one day pushes no other day out", "[backup][retention]") {
    std::vector<std::string> times;
    for (int minute = 59; minute >= 0; --minute) {
        const std::string digits = std::to_string(minute);
        times.push_back("2026-03-03 12:" + std::string(minute < 10 ? "0" : "") + digits);
    }
    times.insert(times.end(), {"2026-03-02 12:00", "2026-03-01 12:00"});
    CHECK(kept(keeping(Period::daily, 3), history(times)) == "1" + std::string(59, '0') + "11");
}

TEST_CASE("all tags of a rule keep a backup, and so do tags that are not known", "[backup][retention]") {
    RetentionRules rules;
    rules.tags = {{"prod", "year"}};
    std::vector<RetentionCandidate> backups = history({"2026-03-04", "2026-03-03", "2026-03-02", "2026-03-01"});
    backups[0].tags = {"prod"};
    backups[1].tags = {"year", "x", "prod"};
    backups[2].tags.reset();
    const auto reasons = apply_retention(rules, backups, at("2030-01-01"));
    CHECK(reasons[0].empty());
    CHECK(reasons[1] == KeepReasons{"tag prod,year"});
    CHECK(reasons[2] == KeepReasons{"tags unknown"});
    CHECK(reasons[3].empty());
}

TEST_CASE("a rule that is none is refused", "[backup][retention]") {
    for (const char* value : {"0", "-1", "x", "", "4294967296", "3x"})
        CHECK_THROWS_MATCHES(parse_keep_count("keep-daily", value), Error, has_code(ErrorCode::usage));
    CHECK(parse_keep_count("keep-daily", "7") == 7);
    CHECK(parse_keep_count("keep-daily", "unlimited") == RetentionRules::kUnlimited);
    for (const char* value : {"", "x", "7", "1y-2d", "30s"})
        CHECK_THROWS_MATCHES(check_keep_span("keep-within", value), Error, has_code(ErrorCode::usage));
    CHECK_NOTHROW(check_keep_span("keep-within", "1y6m2d3h"));
    CHECK(RetentionRules{}.empty());
    CHECK_FALSE(keeping(Period::last, 1).empty());
}
