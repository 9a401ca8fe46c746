// A lost or damaged config.json, made again: a keyring that has pinned the repository knows its id, its officer and the
// hash of the file, and every entry names that hash.
#pragma once

#include "cli/context.h"

#include <string>

namespace signet::cli {

enum class ConfigRepair {
    not_needed,  ///< or there is nothing of a repository: whoever opens it says so
    foreseen,    ///< in a dry run
    done,
};

/// Whether an entry that can be read was signed for another config.json than the repository's. Reads every entry.
[[nodiscard]] bool has_entries_of_another(Context& context);

/// Looks at the config.json of the repository's place. What is there and is not what the keyring has pinned is set
/// aside before the right one is stored; where no keyring remembers the place, all entries that can be read have to be
/// of one repository.
/// throws  Error{io}; Error{damaged}, Error{no_repository}: why it cannot be made; Error{damaged}: entries of two
///         repositories
[[nodiscard]] ConfigRepair repair_config(Context& context);

}  // namespace signet::cli
