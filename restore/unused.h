// Packs that are needed in part: which they are, and moving what is needed of them to new packs under a new data key,
// for which an officer signs lossy repack entries (docs/format.md section 7). What stays behind goes with the old
// packs, by pruning. Nothing is removed here. It may be stopped or killed at any moment and begun again, and any number
// of them may run beside each other, beside backups and prunes.
#pragma once

#include "restore/plan.h"
#include "restore/repacker.h"
#include "storage/store.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace signet::restore {

/// How much may stay that nobody needs, in packs that are needed in part.
struct UnusedLimit {
    /// Of all octets in needed packs, after repacking: 0 <= share < 1. Else `octets`.
    std::optional<double> share;
    std::uint64_t octets = UINT64_MAX;
    /// Octets of packs from which one run copies, at most.
    std::uint64_t most = UINT64_MAX;

    /// used  octets that are needed
    [[nodiscard]] std::uint64_t tolerated(std::uint64_t used) const;
};

struct UnusedOptions {
    UnusedLimit limit;
    bool dry_run = false;
    /// Which protectors open the new data keys: the default first.
    std::vector<format::Thumbprint> protectors = {};
    /// Octets of packs that one repack entry stands for: what is lost, at most, when it is stopped.
    std::uint64_t piece_octets = std::uint64_t{1} << 30;
    const std::atomic<bool>* interrupted = nullptr;  ///< looked at often; may be null
    /// Called before anything is stored: asks for the officer's key.
    std::function<void()> prepare = {};
    Obedience obey = {};
    /// Takes one sentence.
    std::function<void(const std::string&)> warn = {};
    /// Takes octets of packs copied from so far, and in all. By the calling thread.
    std::function<void(std::uint64_t, std::uint64_t)> on_progress = {};
};

struct UnusedReport {
    std::uint64_t backups = 0;          ///< whose trees were read
    std::uint64_t packs = 0;            ///< that they need
    std::uint64_t octets = 0;           ///< of these
    std::uint64_t unused = 0;           ///< octets in them that nobody needs, about
    std::uint64_t tolerated = 0;        ///< octets of that that may stay
    std::uint64_t repacked = 0;         ///< packs that others stand for now (in a dry run: would)
    std::uint64_t repacked_octets = 0;  ///< of these
    std::uint64_t kept_octets = 0;      ///< of new packs (in a dry run: about)
    std::uint64_t unused_left = 0;      ///< as `unused`, after that
    std::uint64_t entries = 0;          ///< repack entries
    std::uint64_t made = 0;             ///< new data keys
    /// Backups that could not be read whole, and packs that could not be copied, and why: those packs stay.
    std::vector<Error> failures;

    /// Octets that go with the old packs.
    [[nodiscard]] std::uint64_t freed() const { return repacked_octets - std::min(repacked_octets, kept_octets); }
};

/// Reads the trees of all trusted backups, and repacks the packs of which they need least until no more than the limit
/// stays unused.
/// listing  of all objects, made before the planner's catalogue was read. append  as for reseal()
/// throws   KeyUnavailable: a data key of a backup cannot be had: nothing is stored then; Error{wrong_passphrase};
///          Error{damaged}: a journal that counts is not whole; Error{io}; Error{interrupted}: what was committed
///          counts
[[nodiscard]] UnusedReport repack_unused(const storage::Repository& repository, Planner& planner,
                                         keyring::Resolver& resolver, const storage::CompleteListing& listing,
                                         const EntryAppender& append, const UnusedOptions& options);

}  // namespace signet::restore
