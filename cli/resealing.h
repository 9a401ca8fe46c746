// Sealing backups anew with this host's keys and the officer's signature: for `reseal`, `consolidate` and `key
// compromised`.
#pragma once

#include "cli/context.h"
#include "restore/reseal.h"

#include <set>
#include <string>
#include <vector>

namespace signet::cli {

/// Which data keys are to be left: these, or else those that one of the protectors opens, or else those that anything
/// but today's protectors opens.
struct LeftKeys {
    std::set<format::Thumbprint> opened_by = {};
    std::set<DekId> deks = {};
};

/// Moves backups of the repository to data keys that today's protectors alone open, as the policy has it. Shows
/// progress and honours --dry-run. What was loaded of the repository before knows nothing of the new entries.
/// throws  Error{refused}: the policy forbids a protector, or there is no officer here; else as restore::reseal()
[[nodiscard]] restore::ResealReport reseal_backups(Context& context, const std::vector<const restore::Backup*>& backups,
                                                   const LeftKeys& left);

/// For a command that reseals: says what was done, and lines of its own after that where anything was.
/// returns  the exit code. throws  Error{interrupted}; Error{key_unavailable}, Error{damaged}: not everything was done
[[nodiscard]] ExitCode tell_resealing(Context& context, const restore::ResealReport& report,
                                      const std::string& afterwards);

}  // namespace signet::cli
