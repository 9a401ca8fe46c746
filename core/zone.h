// In what time zone tables show times.
#pragma once

#include "core/clock.h"

#include <string>
#include <vector>

namespace signet {

/// Seconds east of UTC that the local time zone has at a moment, given in seconds since 1970.
[[nodiscard]] std::int64_t utc_offset(std::int64_t moment);

/// "+02:00", "-05:30".
[[nodiscard]] std::string offset_text(std::int64_t offset);

/// "UTC", "UTC+02:00", or "UTC+01:00 and UTC+02:00": the local time zone at these times, as to_table_time() shows them.
[[nodiscard]] std::string zone_of(const std::vector<TimePoint>& times);

/// A moment for tables, never an earlier one than it is, so that --at finds a backup by the time that is shown of it:
/// "2026-03-14 09:30:05", in the local time zone, as parse_time() reads it.
[[nodiscard]] std::string first_second_text(TimePoint time);
/// A moment for tables, never an earlier one than it is: "2026-03-14 09:30", "2026-03-14 09:30:05" where it has
/// seconds. In the local time zone, as parse_time() reads it.
[[nodiscard]] std::string first_moment_text(TimePoint time);

}  // namespace signet
