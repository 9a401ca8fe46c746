#include "core/clock.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/zone.h"

namespace signet {
namespace {

__extension__ using Wide = __int128;

constexpr std::int64_t kSecondsPerDay = 86'400;

class SystemClock final : public Clock {
public:
    TimePoint now() const override {
        timespec moment{};
        invariant(::clock_gettime(CLOCK_REALTIME, &moment) == 0, "the system clock cannot be read");
        return {std::int64_t{moment.tv_sec} * kNsPerSecond + moment.tv_nsec};
    }
};

struct Civil {
    std::int64_t year = 1970;
    int month = 1;
    int day = 1;
    int hour = 0;
    int minute = 0;
    int second = 0;
    std::int64_t nanosecond = 0;
};

/// Days since 1970-01-01 of a day in the proleptic Gregorian calendar (Howard Hinnant's days_from_civil).
std::int64_t days_from_civil(std::int64_t year, int month, int day) {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const std::int64_t year_of_era = year - era * 400;
    const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146'097 + day_of_era - 719'468;
}

Civil to_civil(TimePoint time) {
    std::int64_t seconds = time.ns / kNsPerSecond;
    std::int64_t nanosecond = time.ns % kNsPerSecond;
    if (nanosecond < 0) {
        nanosecond += kNsPerSecond;
        --seconds;
    }
    std::int64_t days = seconds / kSecondsPerDay;
    std::int64_t rest = seconds % kSecondsPerDay;
    if (rest < 0) {
        rest += kSecondsPerDay;
        --days;
    }
    days += 719'468;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const std::int64_t day_of_era = days - era * 146'097;
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
    Civil civil;
    civil.day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    civil.month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    civil.year = year_of_era + era * 400 + (civil.month <= 2 ? 1 : 0);
    civil.hour = static_cast<int>(rest / 3600);
    civil.minute = static_cast<int>(rest / 60 % 60);
    civil.second = static_cast<int>(rest % 60);
    civil.nanosecond = nanosecond;
    return civil;
}

bool is_leap(std::int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int days_in_month(std::int64_t year, int month) {
    constexpr std::array<int, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

std::optional<TimePoint> from_utc_seconds(std::int64_t seconds, std::int64_t nanosecond) {
    const Wide ns = Wide{seconds} * kNsPerSecond + nanosecond;
    if (ns < INT64_MIN || ns > INT64_MAX) return std::nullopt;
    return TimePoint{static_cast<std::int64_t>(ns)};
}

std::int64_t utc_seconds(const Civil& civil) {
    return days_from_civil(civil.year, civil.month, civil.day) * kSecondsPerDay + std::int64_t{civil.hour} * 3600 +
           std::int64_t{civil.minute} * 60 + civil.second;
}

std::optional<TimePoint> from_local(const Civil& civil) {
    std::tm parts{};
    parts.tm_year = static_cast<int>(civil.year - 1900);
    parts.tm_mon = civil.month - 1;
    parts.tm_mday = civil.day;
    parts.tm_hour = civil.hour;
    parts.tm_min = civil.minute;
    parts.tm_sec = civil.second;
    parts.tm_isdst = -1;
    parts.tm_wday = -1;  // stays -1 only when mktime fails; -1 alone is also the second before the epoch
    const std::time_t seconds = std::mktime(&parts);
    if (seconds == -1 && parts.tm_wday == -1) return std::nullopt;
    return from_utc_seconds(seconds, civil.nanosecond);
}

/// The offsets of the moments that have this local time: two where the clock is set back, in the order of the moments.
std::vector<std::int64_t> offsets_of(const Civil& civil) {
    const std::int64_t as_utc = utc_seconds(civil);
    std::vector<std::int64_t> offsets;
    for (const std::int64_t near : {as_utc - kSecondsPerDay, as_utc + kSecondsPerDay}) {
        const std::int64_t offset = utc_offset(near);
        const bool is_known = std::find(offsets.begin(), offsets.end(), offset) != offsets.end();
        if (!is_known && utc_offset(as_utc - offset) == offset) offsets.push_back(offset);
    }
    return offsets;
}

/// A day begins at its first moment.
std::optional<TimePoint> first_local(const Civil& civil) {
    const std::vector<std::int64_t> offsets = offsets_of(civil);
    return offsets.size() < 2 ? from_local(civil)
                              : from_utc_seconds(utc_seconds(civil) - offsets.front(), civil.nanosecond);
}

/// throws  Error{usage}: two moments have this local time
void refuse_repeated(const Civil& civil, std::string_view text) {
    const std::vector<std::int64_t> offsets = offsets_of(civil);
    if (offsets.size() < 2) return;
    throw Error(ErrorCode::usage,
                "two moments have this local time, as the clock was set back: \"" + std::string(text) + "\"",
                "say which: " + std::string(text) + offset_text(offsets.front()) + ", or " + std::string(text) +
                    offset_text(offsets.back()));
}

/// A cursor over what a person typed; every step says whether it fitted.
class Scanner {
public:
    explicit Scanner(std::string_view text) : text_(text) {}

    [[nodiscard]] bool at_end() const { return position_ == text_.size(); }
    [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[position_]; }

    bool skip(std::string_view any_of) {
        if (at_end() || any_of.find(peek()) == std::string_view::npos) return false;
        ++position_;
        return true;
    }

    /// Exactly `count` decimal digits.
    bool digits(int count, int& value) {
        value = 0;
        for (int i = 0; i < count; ++i) {
            if (peek() < '0' || peek() > '9') return false;
            value = value * 10 + (text_[position_++] - '0');
        }
        return true;
    }

    /// At least one digit; at most nine, so that products stay small.
    bool number(std::int64_t& value) {
        value = 0;
        int count = 0;
        while (peek() >= '0' && peek() <= '9' && count < 9) {
            value = value * 10 + (text_[position_++] - '0');
            ++count;
        }
        return count > 0;
    }

    /// One to nine digits after a decimal point, as nanoseconds.
    bool fraction(std::int64_t& nanoseconds) {
        nanoseconds = 0;
        std::int64_t unit = kNsPerSecond / 10;
        int count = 0;
        while (peek() >= '0' && peek() <= '9' && count < 9) {
            nanoseconds += unit * (text_[position_++] - '0');
            unit /= 10;
            ++count;
        }
        return count > 0;
    }

private:
    std::string_view text_;
    std::size_t position_ = 0;
};

bool scan_date(Scanner& in, Civil& civil) {
    int year = 0;
    if (!in.digits(4, year) || !in.skip("-") || !in.digits(2, civil.month) || !in.skip("-") ||
        !in.digits(2, civil.day)) {
        return false;
    }
    civil.year = year;
    return civil.month >= 1 && civil.month <= 12 && civil.day >= 1 && civil.day <= days_in_month(year, civil.month);
}

bool scan_clock(Scanner& in, Civil& civil) {
    if (!in.digits(2, civil.hour) || !in.skip(":") || !in.digits(2, civil.minute)) return false;
    if (in.skip(":")) {
        if (!in.digits(2, civil.second)) return false;
        if (in.skip(".") && !in.fraction(civil.nanosecond)) return false;
    }
    return civil.hour <= 23 && civil.minute <= 59 && civil.second <= 59;
}

/// "+hh:mm", "+hhmm" or "+hh" (as PostgreSQL shows it), or the same with "-", in seconds.
bool scan_offset(Scanner& in, std::int64_t& seconds) {
    const bool west = in.peek() == '-';
    if (!in.skip("+-")) return false;
    int hours = 0;
    int minutes = 0;
    if (!in.digits(2, hours)) return false;
    const bool has_colon = in.skip(":");
    if ((has_colon || !in.at_end()) && !in.digits(2, minutes)) return false;
    if (hours > 23 || minutes > 59) return false;
    seconds = (std::int64_t{hours} * 3600 + std::int64_t{minutes} * 60) * (west ? -1 : 1);
    return true;
}

std::optional<TimePoint> parse_moment(std::string_view text) {
    Scanner in(text);
    Civil civil;
    if (!scan_date(in, civil)) return std::nullopt;
    if (in.at_end()) return first_local(civil);
    if (!in.skip("Tt ") || !scan_clock(in, civil)) return std::nullopt;
    if (in.at_end()) {
        refuse_repeated(civil, text);
        return from_local(civil);
    }
    std::int64_t offset = 0;
    if (!in.skip("Zz") && !scan_offset(in, offset)) return std::nullopt;
    if (!in.at_end()) return std::nullopt;
    return from_utc_seconds(utc_seconds(civil) - offset, civil.nanosecond);
}

/// Parts of a duration, from the largest unit down.
struct Duration {
    std::int64_t years = 0;
    std::int64_t months = 0;
    std::int64_t seconds = 0;
};

struct DurationPart {
    std::int64_t value = 0;
    char unit = 0;
};

std::optional<std::vector<DurationPart>> scan_duration(std::string_view text) {
    Scanner in(text);
    std::vector<DurationPart> parts;
    while (!in.at_end()) {
        DurationPart part;
        if (!in.number(part.value)) return std::nullopt;
        part.unit = in.peek();
        if (!in.skip("ymwdhs")) return std::nullopt;
        parts.push_back(part);
    }
    if (parts.empty()) return std::nullopt;
    return parts;
}

/// Units stand in falling order, each at most once. "m" is months after "y" and before "d" or "w", minutes otherwise;
/// "5m2h" is neither and is refused. Years and months exist only where there is a calendar.
std::optional<Duration> parse_duration(std::string_view text, bool calendar) {
    const auto parts = scan_duration(text);
    if (!parts) return std::nullopt;
    constexpr std::string_view kRanks = "yMwdhms";
    Duration duration;
    std::size_t next_rank = 0;
    for (std::size_t i = 0; i < parts->size(); ++i) {
        auto [value, unit] = (*parts)[i];
        const char previous = i > 0 ? (*parts)[i - 1].unit : '\0';
        const char following = i + 1 < parts->size() ? (*parts)[i + 1].unit : '\0';
        if (unit == 'm' && (previous == 'y' || following == 'd' || following == 'w')) unit = 'M';
        if (!calendar && (unit == 'y' || unit == 'M')) return std::nullopt;
        const std::size_t rank = kRanks.find(unit);
        if (rank < next_rank) return std::nullopt;
        next_rank = rank + 1;
        switch (unit) {
            case 'y':
                duration.years = value;
                break;
            case 'M':
                duration.months = value;
                break;
            case 'w':
                duration.seconds += value * 7 * kSecondsPerDay;
                break;
            case 'd':
                duration.seconds += value * kSecondsPerDay;
                break;
            case 'h':
                duration.seconds += value * 3600;
                break;
            case 'm':
                duration.seconds += value * 60;
                break;
            default:
                duration.seconds += value;
                break;
        }
    }
    return duration;
}

std::optional<TimePoint> before(TimePoint now, const Duration& duration) {
    Civil civil = to_civil(now);
    const std::int64_t month_index = civil.year * 12 + (civil.month - 1) - duration.years * 12 - duration.months;
    if (month_index < 0) return std::nullopt;
    civil.year = month_index / 12;
    civil.month = static_cast<int>(month_index % 12) + 1;
    // The last day of a shorter month stands for the days that it lacks.
    civil.day = std::min(civil.day, days_in_month(civil.year, civil.month));
    return from_utc_seconds(utc_seconds(civil) - duration.seconds, civil.nanosecond);
}

[[noreturn]] void refuse(std::string_view what, std::string_view text, std::string hint) {
    std::string message(what);
    message.append(": \"").append(text).append("\"");
    throw Error(ErrorCode::usage, message, std::move(hint));
}

}  // namespace

TimePoint after(TimePoint time, std::int64_t span_ns) {
    return {span_ns > 0 && time.ns > INT64_MAX - span_ns ? INT64_MAX : time.ns + span_ns};
}

const Clock& Clock::system() {
    static const SystemClock clock;
    return clock;
}

std::string to_rfc3339(TimePoint time) {
    const Civil civil = to_civil(time);
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%04lld-%02d-%02dT%02d:%02d:%02d", static_cast<long long>(civil.year),
                  civil.month, civil.day, civil.hour, civil.minute, civil.second);
    std::string result = text.data();
    if (civil.nanosecond != 0) {
        std::snprintf(text.data(), text.size(), ".%09lld", static_cast<long long>(civil.nanosecond));
        std::string decimals = text.data();
        decimals.erase(decimals.find_last_not_of('0') + 1);
        result += decimals;
    }
    return result + "Z";
}

std::string to_table_time(TimePoint time) {
    const auto seconds = static_cast<std::time_t>(time.ns / kNsPerSecond - (time.ns % kNsPerSecond < 0 ? 1 : 0));
    std::tm local{};
    const bool is_local = ::localtime_r(&seconds, &local) != nullptr;
    const Civil civil = to_civil(is_local ? TimePoint{time.ns + local.tm_gmtoff * kNsPerSecond} : time);
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%04lld-%02d-%02d %02d:%02d:%02d", static_cast<long long>(civil.year),
                  civil.month, civil.day, civil.hour, civil.minute, civil.second);
    return text.data();
}

TimePoint parse_time(std::string_view text, TimePoint now) {
    if (text == "now") return now;
    std::optional<TimePoint> time;
    if (text.starts_with('-')) {
        if (const auto duration = parse_duration(text.substr(1), true)) time = before(now, *duration);
    } else {
        time = parse_moment(text);
    }
    if (!time) {
        refuse("not a time", text,
               "use 2026-03-14T09:30:00Z, 2026-03-14, \"2026-03-14 09:30\", now, or a span before now such as -2d");
    }
    return *time;
}

std::int64_t parse_span(std::string_view text) {
    const auto duration = parse_duration(text, false);
    if (!duration || duration->seconds > INT64_MAX / kNsPerSecond) {
        refuse("not a span of time", text, "use 90s, 30m, 26h or 90d");
    }
    return duration->seconds * kNsPerSecond;
}

}  // namespace signet
