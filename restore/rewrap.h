// Re-wrapping on demand: the data keys of older backups get slots under today's protectors. Slots are added and nothing
// else is written, so it may be stopped at any moment and begun again, and backups may run meanwhile.
#pragma once

#include "keyring/proven_slots.h"
#include "restore/plan.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace signet::restore {

struct RewrapOptions {
    bool dry_run = false;
    /// Under which protectors: the default first. Empty: the resolver's wrapping_protectors()
    std::vector<format::Thumbprint> protectors = {};
    std::vector<const LogEpoch*> logs = {};  ///< whose data keys are treated as well: trusted ones of the catalogue
    /// Slots that this host wrote or opened before: they count without being opened again. May be nullptr.
    keyring::ProvenSlots* proven = nullptr;
    /// Asked before each data key: whether to stop here.
    std::function<bool()> stop = {};
};

struct RewrapReport {
    std::vector<format::Thumbprint> protectors;  ///< that every data key is to be wrapped by: the default first
    std::uint64_t backups = 0;
    std::uint64_t log_epochs = 0;
    std::uint64_t deks = 0;       ///< data keys that these backups and logs need
    std::uint64_t rewrapped = 0;  ///< of these: got a slot (in a dry run: would get one)
    std::uint64_t already = 0;    ///< had all slots, each signed or opened just now
    std::uint64_t slots_added = 0;
    std::uint64_t remaining = 0;  ///< not looked at: stopped before
    /// Data keys that could not be opened, and why.
    std::vector<std::pair<DekId, Error>> failures;
    /// Why backups were left out: they refer to entries that are not there.
    std::vector<Error> broken;
};

/// Wraps every data key that these backups need with each of the wrapping protectors. A stored slot counts once its
/// protector has opened it here, or where this host wrote it; else another one is added. backups  trusted ones of the
/// planner's catalogue throws  Error{key_unavailable}: there is no default protector, or one of them is refused by its
/// vault;
///         Error{wrong_passphrase}; Error{io}
[[nodiscard]] RewrapReport rewrap(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                                  const std::vector<const Backup*>& backups, const RewrapOptions& options = {});

}  // namespace signet::restore
