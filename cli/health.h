// What a monitor asks: how old is each series, can it be restored, are its protectors there and proven, and what wants
// doing soon.
#pragma once

#include "cli/access.h"
#include "cli/log_health.h"
#include "cli/protector_needs.h"

#include <string>
#include <vector>

namespace signet::cli {

/// One line of backups: those of one series by one writer and by whoever took its place, as plans have it. Hosts that
/// give their series one name have a line each.
struct SeriesHealth {
    std::string series;  ///< its name, or its id
    SeriesId id;
    std::string host;                ///< of the newest backup; empty where the names of its writer are not known
    IdentityId writer;               ///< of the newest backup
    bool has_namesake = false;       ///< another line has the same name
    std::uint64_t backups = 0;       ///< trusted ones
    std::uint64_t untrusted = 0;     ///< others: nothing is restored from them
    std::optional<TimePoint> last;   ///< time of the newest trusted one; none when nobody trusts any
    bool broken = false;             ///< that one refers to entries that are not there: no key would help
    bool restorable = false;         ///< that one, as far as can be known without unwrapping
    bool latest_restorable = false;  ///< and a restore of the newest is not refused
    std::optional<LogHealth> logs;   ///< of a series with logs; counts in the two above

    /// For people: "prod-db", or "db (1a2b3c4d, web1)" where another line has that name.
    [[nodiscard]] std::string title() const;
};

struct ProtectorHealth {
    ProtectorNeed need;
    std::optional<TimePoint> last_proven;  ///< by `keyring check`
};

struct Health {
    TimePoint now;
    Access access;                            ///< of the keyring
    std::vector<SeriesHealth> series;         ///< by name and id
    std::optional<bool> latest_restorable;    ///< of all backups the newest: neither refused nor without its keys
    std::vector<ProtectorHealth> protectors;  ///< that backups need
    std::vector<std::string> reminders;       ///< sentences; they never change an exit code
    /// Why a restore of the newest, of all or of one line, is refused, and which backups could not be judged: each
    /// once.
    std::vector<Error> problems;
};

/// Asks vaults to describe, never to unwrap. throws  as Context::catalogue()
[[nodiscard]] Health health_of(Context& context);

/// The code of what is worst: a protector that is missing, then damage, then what is refused, then a missed objective.
[[nodiscard]] ExitCode worse(ExitCode left, ExitCode right);

}  // namespace signet::cli
