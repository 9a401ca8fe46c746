// Time: nanoseconds since 1970-01-01T00:00:00Z, parsing and printing, and a clock that a test can set.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace signet {

/// Nanoseconds since the Unix epoch, UTC, without leap seconds. Covers 1678 to 2262.
struct TimePoint {
    std::int64_t ns = 0;
    friend auto operator<=>(const TimePoint&, const TimePoint&) = default;
};

inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;

/// A moment later, or the last one there is: times are what somebody claims.
[[nodiscard]] TimePoint after(TimePoint time, std::int64_t span_ns);

/// Source of the present moment.
class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual TimePoint now() const = 0;
    /// The system's clock.
    static const Clock& system();
};

/// RFC 3339 in UTC with as many decimals as needed: "2026-03-14T09:30:00Z", "2026-03-14T09:30:00.25Z".
[[nodiscard]] std::string to_rfc3339(TimePoint time);
/// "2026-03-14 09:30:05" in the local time zone, as parse_time() reads it: for tables and messages.
[[nodiscard]] std::string to_table_time(TimePoint time);

/// Parses what people type: RFC 3339, a date, "2026-03-14 09:30[:05]" (local time zone unless an offset or Z is given),
/// "now", or a duration before `now` such as "-2d", "-1y5m7d2h", "-90m", "-30s".
/// throws  Error{usage}: the text is none of these, or a local time that a change of the clock repeats
[[nodiscard]] TimePoint parse_time(std::string_view text, TimePoint now);

/// "1h2m3s"-style durations: y mo? d h m s with restic's letters (y, m = months after y or before d, d, h) are in
/// backup/retention; here only simple spans: "90s", "30m", "26h", "90d". Nanoseconds.
/// throws  Error{usage}
[[nodiscard]] std::int64_t parse_span(std::string_view text);

}  // namespace signet
