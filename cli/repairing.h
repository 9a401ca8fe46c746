// Repair: sets damaged objects aside, puts back what can be had from elsewhere in the repository, and says what is
// left. Nothing becomes less restorable by it.
#pragma once

#include "cli/context.h"
#include "restore/checker.h"
#include "restore/healer.h"

#include <string>
#include <vector>

namespace signet::cli {

/// One thing that was done, or would be.
struct RepairStep {
    std::string object;
    std::string action;  ///< "config-stored", "set-aside", "slot-stored", "index-rebuilt", "pack-restored"
    std::string message;
};

struct RepairReport {
    restore::CheckReport before;
    std::vector<RepairStep> done;             ///< in a dry run: would be
    std::vector<restore::Finding> remaining;  ///< what is damaged all the same, and what helps
    std::vector<std::string> unreadable;
    std::vector<std::string> information;
    bool wants_keys = false;  ///< some of it could be mended with protectors that are missing
};

struct RepairOptions {
    bool without_keys = false;  ///< no protector is used
};

/// throws  Error{io}; Error{refused}: an officer signed what does not count; Error{wrong_passphrase};
///         Error{interrupted}
[[nodiscard]] RepairReport repair_repository(Context& context, const RepairOptions& options);

}  // namespace signet::cli
