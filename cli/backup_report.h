// What a backup did, for people and for machines.
#pragma once

#include "backup/backup.h"
#include "cli/context.h"
#include "cli/progress.h"

namespace signet::cli {

/// The `summary` object (DESIGN: backup_id, series, files_new, …).
[[nodiscard]] Json backup_json(const backup::BackupReport& report, bool dry_run, bool trusted);
/// A short text.
void print_backup(Terminal& terminal, const backup::BackupReport& report, bool dry_run);
[[nodiscard]] ProgressState progress_state(const backup::Progress& progress);

}  // namespace signet::cli
