// Giving up the logs of a series that has no backup left: `forget --logs`.
#pragma once

#include "cli/context.h"
#include "cli/exit_code.h"

namespace signet::cli {

/// An officer signs that the logs of --series may go; a later prune deletes them. Honours --dry-run.
/// throws  Error{usage}: no such series, or other words beside it; Error{refused}: it has backups; as
///         append_officer_entry()
ExitCode give_up_logs(Context& context);

}  // namespace signet::cli
