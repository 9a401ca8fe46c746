#include "core/zone.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <set>

namespace signet {
namespace {

constexpr std::size_t kMinuteLength = 16;  // of "2026-03-14 09:30"

std::int64_t offset_at(TimePoint time) {
    return utc_offset(time.ns / kNsPerSecond - (time.ns % kNsPerSecond < 0 ? 1 : 0));
}

std::string name_of(std::int64_t offset) { return offset == 0 ? "UTC" : "UTC" + offset_text(offset); }

}  // namespace

std::int64_t utc_offset(std::int64_t moment) {
    const auto seconds = static_cast<std::time_t>(moment);
    std::tm local{};
    return ::localtime_r(&seconds, &local) == nullptr ? 0 : local.tm_gmtoff;
}

std::string offset_text(std::int64_t offset) {
    const std::int64_t minutes = (offset < 0 ? -offset : offset) / 60;
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%c%02d:%02d", offset < 0 ? '-' : '+', static_cast<int>(minutes / 60),
                  static_cast<int>(minutes % 60));
    return text.data();
}

std::string zone_of(const std::vector<TimePoint>& times) {
    std::set<std::int64_t> offsets;
    for (const TimePoint time : times) offsets.insert(offset_at(time));
    if (offsets.empty()) return "UTC";
    std::string text;
    for (const std::int64_t offset : offsets) text += (text.empty() ? "" : " and ") + name_of(offset);
    return text;
}

std::string first_second_text(TimePoint time) {
    const std::int64_t beyond = (time.ns % kNsPerSecond + kNsPerSecond) % kNsPerSecond;
    return to_table_time(beyond == 0 ? time : after({time.ns - beyond}, kNsPerSecond));
}

std::string first_moment_text(TimePoint time) {
    const std::string text = first_second_text(time);
    return text.ends_with(":00") ? text.substr(0, kMinuteLength) : text;
}

}  // namespace signet
