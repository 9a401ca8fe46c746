// What is done about a protector that others have: seven steps, each of which looks whether it is done already, so that
// the whole may be stopped at any moment and run again.
#pragma once

#include "cli/fence.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace signet::cli {

/// Backups of one repository with a data key that the protector opens.
struct Exposure {
    Place place;
    std::string repository;            ///< its id; empty when it could not be looked at
    std::vector<std::string> backups;  ///< for people: "prod-db at 2026-03-14 09:30:05 (1a2b3c4d)"
    Json rows = Json::array();         ///< for programs: id, time, series
    std::uint64_t untrusted = 0;       ///< more of them, by writers who are not trusted: nothing is done about these
    std::set<std::string> undecided;   ///< of those, writers about whom nobody has decided yet
};

struct CompromiseOptions {
    std::optional<std::string>
        replace_by;                        ///< the location of the new default protector; else the local key is rotated
    std::optional<std::string> backup_to;  ///< the file for the key backup that is made before the deletion
};

/// Does what can be done, and says each step as it goes.
/// throws  Error{refused}: a step waits for something, which the hint names; run it again then. Else as the commands
/// that do the same
void treat_compromise(Context& context, const NamedProtector& protector, const CompromiseOptions& options);

}  // namespace signet::cli
