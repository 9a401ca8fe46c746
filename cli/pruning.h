// prune with this host's keyring and the officer's signature.
#pragma once

#include "cli/context.h"
#include "restore/pruner.h"

#include <cstdint>

namespace signet::cli {

struct Pruning {
    restore::PruneReport report;
    std::uint64_t temporary = 0;  ///< files of dead writers that were removed
    bool is_replica = false;
};

/// Prunes the context's repository; honours --dry-run.
/// wait  go on until nothing is condemned any more. grace_ns  as in restore::PruneSetup
/// throws  Error{damaged}: a journal that counts is not whole; Error{refused}: this keyring has no officer of the
///         repository; Error{io}: a listing failed, or a deletion is not durable; Error{interrupted}
[[nodiscard]] Pruning prune(Context& context, bool wait, std::int64_t grace_ns);

}  // namespace signet::cli
