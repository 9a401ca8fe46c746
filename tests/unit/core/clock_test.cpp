#include "core/clock.h"

#include "core/zone.h"

#include <cstdlib>
#include <ctime>
#include <limits>
#include <string>

#include "tests/support/matchers.h"

using namespace signet;
using signet::test::has_code;

namespace {

/// Sets TZ for the life of the object.
class TimeZone {
public:
    explicit TimeZone(const char* name) {
        const char* old = std::getenv("TZ");
        if (old != nullptr) old_ = old;
        had_ = old != nullptr;
        ::setenv("TZ", name, 1);
        ::tzset();
    }
    ~TimeZone() {
        if (had_) {
            ::setenv("TZ", old_.c_str(), 1);
        } else {
            ::unsetenv("TZ");
        }
        ::tzset();
    }
    TimeZone(const TimeZone&) = delete;
    TimeZone& operator=(const TimeZone&) = delete;

private:
    std::string old_;
    bool had_ = false;
};

const TimePoint kNow{1'773'480'600 * kNsPerSecond};  // 2026-03-14T09:30:00Z

std::string parsed(std::string_view text) { return to_rfc3339(parse_time(text, kNow)); }

}  // namespace

TEST_CASE("a time is printed as RFC 3339 with as many decimals as needed", "[core][clock]") {
    CHECK(to_rfc3339(kNow) == "2026-03-14T09:30:00Z");
    CHECK(to_rfc3339({kNow.ns + 250'000'000}) == "2026-03-14T09:30:00.25Z");
    CHECK(to_rfc3339({kNow.ns + 1}) == "2026-03-14T09:30:00.000000001Z");
    CHECK(to_rfc3339({0}) == "1970-01-01T00:00:00Z");
    CHECK(to_rfc3339({-1}) == "1969-12-31T23:59:59.999999999Z");
    CHECK(to_rfc3339({std::numeric_limits<std::int64_t>::max()}) == "2262-04-11T23:47:16.854775807Z");
    CHECK(to_rfc3339({std::numeric_limits<std::int64_t>::min()}) == "1677-09-21T00:12:43.145224192Z");
    CHECK(to_table_time(kNow) == "2026-03-14 09:30:00");
}

TEST_CASE("RFC 3339 is read with any offset", "[core][clock]") {
    CHECK(parsed("2026-03-14T09:30:00Z") == "2026-03-14T09:30:00Z");
    CHECK(parsed("2026-03-14t09:30:00z") == "2026-03-14T09:30:00Z");
    CHECK(parsed("2026-03-14T09:30:00.25Z") == "2026-03-14T09:30:00.25Z");
    CHECK(parsed("2026-03-14T09:30:00.123456789Z") == "2026-03-14T09:30:00.123456789Z");
    CHECK(parsed("2026-03-14T11:30:00+02:00") == "2026-03-14T09:30:00Z");
    CHECK(parsed("2026-03-13T23:30:00-10:00") == "2026-03-14T09:30:00Z");
    CHECK(parsed("2026-03-14 11:30:00.5+02") == "2026-03-14T09:30:00.5Z");  // as PostgreSQL prints it
    CHECK(parsed("2026-03-14 15:00:00+0530") == "2026-03-14T09:30:00Z");
    CHECK(parsed("2026-03-14T09:30+00") == "2026-03-14T09:30:00Z");
    CHECK(parsed("2026-03-14 09:30Z") == "2026-03-14T09:30:00Z");
    CHECK(parsed("2024-02-29T00:00:00Z") == "2024-02-29T00:00:00Z");
    CHECK(parsed("1969-12-31T23:59:59Z") == "1969-12-31T23:59:59Z");
    CHECK(parsed("now") == "2026-03-14T09:30:00Z");
}

TEST_CASE("what is printed is read back, whatever the time", "[core][clock]") {
    const auto ns =
        GENERATE(take(200, random(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max())));
    CAPTURE(ns);
    CHECK(parse_time(to_rfc3339({ns}), kNow).ns == ns);
}

TEST_CASE("dates and times without an offset are local", "[core][clock]") {
    const TimeZone berlin("CET-1CEST,M3.5.0,M10.5.0/3");
    CHECK(parsed("2026-03-14") == "2026-03-13T23:00:00Z");
    CHECK(parsed("2026-03-14 09:30") == "2026-03-14T08:30:00Z");
    CHECK(parsed("2026-03-14 09:30:05") == "2026-03-14T08:30:05Z");
    CHECK(parsed("2026-07-14T09:30:05.5") == "2026-07-14T07:30:05.5Z");
    CHECK(parsed("1970-01-01 00:59:59") == "1969-12-31T23:59:59Z");
}

TEST_CASE("a local time that the clock repeats is refused, with both that it may be", "[core][clock]") {
    const TimeZone berlin("CET-1CEST,M3.5.0,M10.5.0/3");
    for (const char* text : {"2026-10-25 02:00", "2026-10-25T02:30:00", "2026-10-25 02:59:59.5"}) {
        try {
            (void)parse_time(text, kNow);
            FAIL(text);
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::usage);
            CHECK(error.hint().find(std::string(text) + "+02:00, or " + text + "+01:00") != std::string::npos);
        }
    }
    CHECK(parsed("2026-10-25 02:30+02:00") == "2026-10-25T00:30:00Z");
    CHECK(parsed("2026-10-25 02:30+01:00") == "2026-10-25T01:30:00Z");
    CHECK(parsed("2026-10-25 01:59:59") == "2026-10-24T23:59:59Z");
    CHECK(parsed("2026-10-25 03:00") == "2026-10-25T02:00:00Z");
    CHECK(parsed("2026-10-25") == "2026-10-24T22:00:00Z");
    // What the clock skips is the moment at which it does, or close to it.
    CHECK_NOTHROW(parse_time("2026-03-29 02:30", kNow));
    // Where midnight comes twice the day begins with the first.
    const TimeZone havana("CST5CDT,M3.2.0/0,M11.1.0/1");
    CHECK(parsed("2026-11-01") == "2026-11-01T04:00:00Z");
}

TEST_CASE("a span before now is counted in the calendar's years and months", "[core][clock]") {
    CHECK(parsed("-2d") == "2026-03-12T09:30:00Z");
    CHECK(parsed("-90m") == "2026-03-14T08:00:00Z");
    CHECK(parsed("-30s") == "2026-03-14T09:29:30Z");
    CHECK(parsed("-1w") == "2026-03-07T09:30:00Z");
    CHECK(parsed("-1y") == "2025-03-14T09:30:00Z");
    CHECK(parsed("-1y2m") == "2025-01-14T09:30:00Z");
    CHECK(parsed("-3m1d") == "2025-12-13T09:30:00Z");
    CHECK(parsed("-1y5m7d2h") == "2024-10-07T07:30:00Z");
    CHECK(parsed("-1h30m") == "2026-03-14T08:00:00Z");
    CHECK(to_rfc3339(parse_time("-1m0d", parse_time("2026-03-31T00:00:00Z", kNow))) == "2026-02-28T00:00:00Z");
}

TEST_CASE("what is no time is refused as a mistake of usage", "[core][clock]") {
    const auto* text =
        GENERATE("", "yesterday", "2026", "2026-3-14", "2026-13-01", "2026-02-29", "2026-04-31", "2026-03-14T24:00:00Z",
                 "2026-03-14T09:60Z", "2026-03-14T09:30:60Z", "2026-03-14T09:30:00.Z",
                 "2026-03-14T09:30:00.1234567890Z", "2026-03-14T09:30:00ZZ", "2026-03-14T09:30:00+2", "2026-03-14T",
                 "2026-03-14T09:30:00+02:", "2026-03-14T09:30:00+020", "2026-03-14T09:30:00+02000",
                 "2026-03-14T09:30:00+24", "2026-03-14T09:30:00+0060", "2026-03-14 ", " 2026-03-14",
                 "2262-04-12T00:00:00Z", "1677-09-20T00:00:00Z", "9999-12-31T00:00:00Z", "-", "-d", "-2", "-2x",
                 "-2h1d", "-5m2h", "-1d1d", "--2d", "2d", "-9999999999d", "-99999y", "Now");
    CAPTURE(text);
    CHECK_THROWS_MATCHES(parse_time(text, kNow), Error, has_code(ErrorCode::usage));
}

TEST_CASE("a span is a number and a unit, or several in falling order", "[core][clock]") {
    CHECK(parse_span("90s") == 90 * kNsPerSecond);
    CHECK(parse_span("30m") == 1800 * kNsPerSecond);
    CHECK(parse_span("26h") == 93'600 * kNsPerSecond);
    CHECK(parse_span("90d") == 7'776'000 * kNsPerSecond);
    CHECK(parse_span("1h2m3s") == 3723 * kNsPerSecond);
    CHECK(parse_span("0s") == 0);
    const auto* text = GENERATE("", "90", "s", "-90s", "1y", "3m1d", "1s1m", "1.5h", "999999999d", "1 h");
    CAPTURE(text);
    CHECK_THROWS_MATCHES(parse_span(text), Error, has_code(ErrorCode::usage));
}

TEST_CASE("the system's clock moves forward", "[core][clock]") {
    const TimePoint first = Clock::system().now();
    CHECK(first > TimePoint{1'700'000'000 * kNsPerSecond});
    CHECK(Clock::system().now() >= first);
}

TEST_CASE("a moment after the last one is the last one", "[core][clock]") {
    CHECK(after({5}, 3) == TimePoint{8});
    CHECK(after({5}, -7) == TimePoint{-2});
    CHECK(after({INT64_MAX - 1}, 3) == TimePoint{INT64_MAX});
    CHECK(after({INT64_MIN}, INT64_MAX) == TimePoint{-1});
}

TEST_CASE("a time in a table is never before the moment that it shows", "[core][clock]") {
    const auto shown = [](const char* text) { return parse_time(first_second_text(parse_time(text, kNow)), kNow); };
    CHECK(shown("2026-03-14T09:30:05Z") == parse_time("2026-03-14T09:30:05Z", kNow));
    CHECK(shown("2026-03-14T09:30:05.000000001Z") == parse_time("2026-03-14T09:30:06Z", kNow));
    CHECK(shown("1969-12-31T23:59:58.5Z") == parse_time("1969-12-31T23:59:59Z", kNow));
}
