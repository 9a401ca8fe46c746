// In what time zone tables show times.
#pragma once

#include "core/clock.h"

#include <string>
#include <vector>

namespace signet {

/// "UTC", "UTC+02:00", or "UTC+01:00 and UTC+02:00": the local time zone at these times, as to_table_time() shows them.
[[nodiscard]] std::string zone_of(const std::vector<TimePoint>& times);

/// A moment for tables, never an earlier one than it is: "2026-03-14 09:30", "2026-03-14 09:30:05" where it has
/// seconds. In the local time zone, as parse_time() reads it.
[[nodiscard]] std::string first_moment_text(TimePoint time);

}  // namespace signet
