// A lost or damaged config.json, made again: a keyring that has pinned the repository knows its id, its officer and the
// hash of the file, and every entry names that hash.
#pragma once

#include "cli/context.h"

#include <string>

namespace signet::cli {

enum class ConfigRepair {
    not_needed,  ///< or not possible: whoever opens the repository says what is wrong
    foreseen,    ///< in a dry run
    done,
};

/// Looks at the config.json of the repository's place. What is there and is not what the keyring has pinned is set
/// aside before the right one is stored. throws  Error{io}
[[nodiscard]] ConfigRepair repair_config(Context& context);

}  // namespace signet::cli
