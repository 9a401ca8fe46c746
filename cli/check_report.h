// What a check found, for people and for machines.
#pragma once

#include "cli/context.h"
#include "cli/json.h"
#include "restore/checker.h"

namespace signet::cli {

/// One line for each finding, with whom it touches and what to do, on standard error.
void tell_findings(Terminal& terminal, const restore::CheckReport& report, std::string_view during);
/// {"object", "message", "altered", "backups", "files", "more_files", "remedy"}
[[nodiscard]] Json finding_json(const restore::Finding& finding);
/// The `summary` of a check.
[[nodiscard]] Json check_json(const restore::CheckReport& report);

}  // namespace signet::cli
