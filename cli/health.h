// What a monitor asks: how old is each series, can it be restored, are its protectors there and proven, and what wants
// doing soon.
#pragma once

#include "cli/access.h"
#include "cli/protector_needs.h"

#include <string>
#include <vector>

namespace signet::cli {

struct SeriesHealth {
    std::string series;
    std::uint64_t backups = 0;  ///< trusted ones
    TimePoint last;             ///< time of the newest
    bool restorable = false;    ///< the newest, as far as can be known without unwrapping
};

struct ProtectorHealth {
    ProtectorNeed need;
    std::optional<TimePoint> last_proven;  ///< by `keyring check`
};

struct Health {
    TimePoint now;
    Access access;                            ///< of the keyring
    std::vector<SeriesHealth> series;         ///< by name
    std::vector<ProtectorHealth> protectors;  ///< that backups need
    std::vector<std::string> reminders;       ///< sentences; they never change an exit code
};

/// Asks vaults to describe, never to unwrap. throws  as Context::catalogue()
[[nodiscard]] Health health_of(Context& context);

}  // namespace signet::cli
