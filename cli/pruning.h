// prune with this host's keyring and the officer's signature.
#pragma once

#include "cli/context.h"
#include "restore/pruner.h"
#include "restore/unused.h"

#include <cstdint>
#include <optional>

namespace signet::cli {

struct Pruning {
    restore::PruneReport report;
    std::optional<restore::UnusedReport> repacked;  ///< where that was asked for
    std::uint64_t temporary = 0;                    ///< files of dead writers that were removed
    bool is_replica = false;
    std::optional<Error> not_repacked = {};  ///< why repacking failed; the rest was done
};

struct PruneWishes {
    bool wait = false;          ///< go on until nothing is condemned any more
    std::int64_t grace_ns = 0;  ///< as in restore::PruneSetup
    /// Before anything else, repack what is needed in part. Nothing: such packs stay.
    std::optional<restore::UnusedLimit> unused = {};
};

/// Prunes the context's repository; honours --dry-run.
/// throws  as repack_unused(), where that is asked for and no disk failed: then nothing was pruned; Error{damaged}: a
/// journal that counts is not whole, or packs are lost that backups need; Error{refused}: this keyring has no officer
/// of the repository; Error{io}: a listing failed, or a deletion is not durable; Error{interrupted}
[[nodiscard]] Pruning prune(Context& context, const PruneWishes& wishes);

}  // namespace signet::cli
