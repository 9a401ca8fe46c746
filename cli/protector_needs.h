// What each protector is needed for in one repository: which data keys it wraps, and what would be lost without it.
#pragma once

#include "cli/context.h"

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
    const restore::RunKey* newest =
        nullptr;  ///< the newest such data key, a signed slot before a claim; owned by the planner
};

/// Of every trusted backup, by thumbprint. Asks vaults to describe, never to unwrap.
/// throws  as Context::catalogue(); Error{damaged}: a backup refers to an entry that is not there
[[nodiscard]] std::vector<ProtectorNeed> protector_needs(Context& context);

}  // namespace signet::cli
