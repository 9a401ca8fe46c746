// The commands that are about drills.
#pragma once

#include "cli/command.h"

namespace signet::cli {

[[nodiscard]] Command drill_run_command();
[[nodiscard]] Command drill_failover_command();
[[nodiscard]] Command drill_history_command();
[[nodiscard]] Command drill_report_command();
[[nodiscard]] Command drill_schedule_command();

}  // namespace signet::cli
