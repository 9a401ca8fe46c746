// Writers that a command waits for, as it shows them.
#pragma once

#include "cli/json.h"
#include "restore/fence.h"

#include <string>

namespace signet::cli {

/// "writer 1a2b… (db1), last backup 2026-03-14 02:00:00".
[[nodiscard]] std::string waiting_text(const restore::WaitingWriter& writer);
/// identity, last_backup, entries, host
[[nodiscard]] Json waiting_json(const restore::WaitingWriter& writer);

}  // namespace signet::cli
