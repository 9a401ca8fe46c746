// Proving that protectors still open what backups of a repository need: one call to a vault for each.
#pragma once

#include "cli/protector_needs.h"

#include <set>
#include <string>

namespace signet::cli {

struct Proof {
    bool is_proven = false;
    bool is_lacking = false;  ///< a slot that its writer signed does not open
    std::string what;         ///< which data key it opened, or why it did not
};

/// Opens the newest data key that the protector wraps, by nothing but this protector, and remembers the date.
[[nodiscard]] Proof prove(Context& context, const ProtectorNeed& need);

/// Where a usable protector is named by unsigned slots alone, only opening tells. returns  short ids of the backups
/// that nothing opens
[[nodiscard]] std::set<std::string> unopenable(Context& context, const ProtectorNeeds& needs);

}  // namespace signet::cli
