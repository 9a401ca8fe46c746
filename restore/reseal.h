// Resealing: backups leave data keys. All packs that they need under those, and their bodies, are sealed under a new
// data key, which today's protectors alone open; an officer says so in repack entries (docs/format.md section 7). Old
// packs and slots stay. It may be stopped at any moment and begun again: what a repack entry stands for is not done
// twice.
#pragma once

#include "restore/plan.h"
#include "restore/repacker.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace signet::restore {

struct ResealOptions {
    bool dry_run = false;
    /// Which protectors open the new data keys: the default first. Empty: the resolver's wrapping_protectors()
    std::vector<format::Thumbprint> protectors = {};
    /// The data keys to be left are those that one of these opens, as far as a slot says so. Empty: those that anything
    /// but today's wrapping protectors opens.
    std::set<format::Thumbprint> opened_by = {};
    /// The data keys to be left, whatever opens them. None named: see `opened_by`
    std::set<DekId> deks = {};
    /// Octets of packs that one repack entry stands for: what is lost, at most, when it is stopped.
    std::uint64_t piece_octets = std::uint64_t{1} << 30;
    /// Asked before each pack: whether to stop here.
    std::function<bool()> stop = {};
    Obedience obey = {};
    /// Takes one sentence.
    std::function<void(const std::string&)> warn = {};
    /// Takes octets of packs copied so far, and in all. By the calling thread.
    std::function<void(std::uint64_t, std::uint64_t)> on_progress = {};
};

struct ResealReport {
    std::vector<format::Thumbprint> protectors;  ///< that open the new data keys: the default first
    std::uint64_t backups = 0;
    std::uint64_t touched = 0;  ///< backups that need a data key to be left
    std::uint64_t left = 0;     ///< those data keys
    std::uint64_t made = 0;     ///< new data keys
    std::uint64_t bodies = 0;   ///< sealed anew (in a dry run: to be)
    std::uint64_t packs = 0;    ///< copied (in a dry run: to be copied)
    std::uint64_t octets = 0;   ///< of these
    std::uint64_t entries = 0;  ///< repack entries
    bool stopped = false;       ///< before all was done
    /// What could not be opened or copied, and why; it stays as it was.
    std::vector<Error> failures;
};

/// Moves backups to new data keys, one for each writer.
/// backups  trusted ones of the planner's catalogue, which knows nothing of the new entries
/// append   signs with the key of an officer who is trusted; not called in a dry run
/// throws   Error{refused}: new data keys would be opened by what the old ones are to be left for;
///          Error{key_unavailable}: there is no default protector, or one of them is refused by its vault;
///          Error{wrong_passphrase}; Error{damaged}: a backup refers to an entry that is not there; Error{io}
[[nodiscard]] ResealReport reseal(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                                  const std::vector<const Backup*>& backups, const EntryAppender& append,
                                  const ResealOptions& options = {});

}  // namespace signet::restore
