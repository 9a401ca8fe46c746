// Tombstones: an officer says that backups are forgotten, or takes that back (docs/format.md section 7).
#pragma once

#include "cli/context.h"
#include "format/officer_entry.h"

#include <vector>

namespace signet::cli {

/// Says this of backups of the context's catalogue, in as few entries as it takes, and looks whether it counts. Asks
/// for the officer's key. Nothing is signed when there are none.
/// throws  as append_officer_entry(); Error{refused}: it was signed, but something else counts
void append_tombstones(Context& context, const std::vector<const restore::Backup*>& backups,
                       format::TombstoneAction action);

}  // namespace signet::cli
