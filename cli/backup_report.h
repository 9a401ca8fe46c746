// What a backup did, for people and for machines.
#pragma once

#include "backup/backup.h"
#include "cli/context.h"
#include "cli/progress.h"
#include "restore/checkpoint.h"

#include <optional>

namespace signet::cli {

/// What to keep outside of the repository of the backup that was made; nothing when none was.
[[nodiscard]] std::optional<restore::Checkpoint> checkpoint_of(const RepositoryId& repository,
                                                               const backup::BackupReport& report);
/// The `summary` object (DESIGN: backup_id, series, files_new, …).
[[nodiscard]] Json backup_json(const backup::BackupReport& report, const std::optional<restore::Checkpoint>& checkpoint,
                               bool dry_run, bool trusted);
/// A short text.
void print_backup(Terminal& terminal, const backup::BackupReport& report,
                  const std::optional<restore::Checkpoint>& checkpoint, bool dry_run);
[[nodiscard]] ProgressState progress_state(const backup::Progress& progress);

}  // namespace signet::cli
