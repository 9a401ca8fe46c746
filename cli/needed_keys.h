// `key list --needed`: for each protector what backups need it for, and what would be lost without it.
#pragma once

#include "cli/context.h"

namespace signet::cli {

/// Prints the table, or the array for programs. throws  Error{damaged}: some backups could not be judged, after
/// everything else was printed
void print_needed_keys(Context& context);

}  // namespace signet::cli
