#include "core/zone.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <set>

namespace signet {
namespace {

constexpr std::size_t kMinuteLength = 16;  // of "2026-03-14 09:30"

/// Seconds east of UTC.
long offset_at(TimePoint time) {
    const auto seconds = static_cast<std::time_t>(time.ns / kNsPerSecond - (time.ns % kNsPerSecond < 0 ? 1 : 0));
    std::tm local{};
    return ::localtime_r(&seconds, &local) == nullptr ? 0 : local.tm_gmtoff;
}

std::string name_of(long offset) {
    if (offset == 0) return "UTC";
    const long minutes = (offset < 0 ? -offset : offset) / 60;
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "UTC%c%02ld:%02ld", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
    return text.data();
}

}  // namespace

std::string zone_of(const std::vector<TimePoint>& times) {
    std::set<long> offsets;
    for (const TimePoint time : times) offsets.insert(offset_at(time));
    if (offsets.empty()) return "UTC";
    std::string text;
    for (const long offset : offsets) text += (text.empty() ? "" : " and ") + name_of(offset);
    return text;
}

std::string first_moment_text(TimePoint time) {
    const std::int64_t beyond = (time.ns % kNsPerSecond + kNsPerSecond) % kNsPerSecond;
    const std::string text = to_table_time({beyond == 0 ? time.ns : time.ns - beyond + kNsPerSecond});
    return text.ends_with(":00") ? text.substr(0, kMinuteLength) : text;
}

}  // namespace signet
