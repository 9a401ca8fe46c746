// How backups are listed.
#pragma once

#include "cli/context.h"

namespace signet::cli {

/// A row of `list`: id, short_id, series, writer, host, kind, time, paths, tags, protector_thumbprint, needs,
/// restorable, … Names are null without the writer's label key.
[[nodiscard]] Json backup_row(const restore::Backup& backup, restore::Planner& planner);

/// "files" or "stream".
[[nodiscard]] std::string_view kind_text(format::BackupKind kind);

/// The protector that the backup was made under: the first of its slots; empty when it has none.
[[nodiscard]] std::string protector_of(const restore::Backup& backup);

}  // namespace signet::cli
