// Sealing backups anew with this host's keys and the officer's signature: for `reseal` and `key compromised`.
#pragma once

#include "cli/context.h"
#include "restore/reseal.h"

#include <set>
#include <vector>

namespace signet::cli {

/// Moves backups of the repository to data keys that today's protectors alone open, as the policy has it. Shows
/// progress and honours --dry-run. What was loaded of the repository before knows nothing of the new entries. left  the
/// data keys to be left are those that one of these opens; empty: those that anything else opens throws Error{refused}:
/// the policy forbids a protector, or there is no officer here; else as restore::reseal()
[[nodiscard]] restore::ResealReport reseal_backups(Context& context, const std::vector<const restore::Backup*>& backups,
                                                   const std::set<format::Thumbprint>& left);

}  // namespace signet::cli
