// What each protector is needed for in one repository: which data keys it wraps, and what would be lost without it.
#pragma once

#include "cli/context.h"

#include <map>
#include <optional>
#include <vector>

namespace signet::cli {

struct ProtectorNeed {
    keyring::ProtectorReport report;
    std::uint64_t deks = 0;              ///< data keys of retained backups that have a slot under it
    std::uint64_t backups = 0;           ///< retained backups that need one of those
    std::uint64_t sole_backups = 0;      ///< of these: with a data key that no other usable protector opens
    std::optional<TimePoint> sole_from;  ///< times of the first and the last of those
    std::optional<TimePoint> sole_to;
    /// When the newest backup was made that it opens and that no signed slot of another usable protector opens, one
    /// that the policy does not call retiring or compromised.
    std::optional<TimePoint> needed_until;
    /// When the newest data key of those was made that another such protector opens which is not usable here: backups
    /// to come may refer to it.
    std::optional<TimePoint> reachable;
    /// Of these: with a data key for which only unsigned slots say that another usable protector opens it. Whoever can
    /// write to the repository can store such slots; `keyring check` proves them.
    std::uint64_t claimed_backups = 0;
    const restore::RunKey* newest =
        nullptr;  ///< the newest data key that it opens by a signed slot; owned by the planner
    const restore::RunKey* newest_claim = nullptr;  ///< the same by an unsigned slot
};

struct ProtectorNeeds {
    std::vector<ProtectorNeed> protectors;  ///< by thumbprint
    /// Data keys that nothing usable opens by a signed slot, with the backups that need them.
    std::map<const restore::RunKey*, std::vector<const restore::Backup*>> unproven;
    /// Why backups are left out: they refer to entries that are not there. They cannot be restored with any key.
    std::vector<Error> broken;
    /// Why there may be more backups than were looked at: journals that are damaged. No date is certain then.
    std::vector<Error> unknown;

    /// For who has said everything else. throws  Error{damaged}: a backup was left out, or may be
    void require_whole() const;
};

/// Name and version where the place of the protector tells: "prod/2"; else its name.
[[nodiscard]] std::string title_of(const keyring::ProtectorReport& report);

/// Of every trusted backup. Asks vaults to describe, never to unwrap. throws  as Context::catalogue()
[[nodiscard]] ProtectorNeeds protector_needs(Context& context);

}  // namespace signet::cli
