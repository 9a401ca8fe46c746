// `prune --max-unused`: packs that are needed in part are copied with this host's keys and the officer's signature.
#pragma once

#include "cli/context.h"
#include "restore/unused.h"

#include <optional>
#include <vector>

namespace signet::cli {

/// --max-unused and --max-repack-size.
[[nodiscard]] std::vector<OptionSpec> unused_options();
/// What they ask for; nothing: packs that are needed in part stay. throws  Error{usage}
[[nodiscard]] std::optional<restore::UnusedLimit> unused_limit(const Options& options);

/// Repacks within a limit. Shows progress and honours --dry-run. The context's catalogue is read before and forgotten
/// afterwards.
/// throws  KeyUnavailable: nothing was done; Error{refused}: this is a replica, the policy forbids a protector, or
/// there
///         is no officer here; else as restore::repack_unused()
[[nodiscard]] restore::UnusedReport repack_unused(Context& context, const restore::UnusedLimit& limit);

}  // namespace signet::cli
