// Copying a repository to another place, for `copy` and `init --replica-of`.
#pragma once

#include "cli/context.h"
#include "restore/rewrap.h"
#include "storage/copy.h"

#include <optional>

namespace signet::cli {

/// What a copy did, and what it left undone.
struct CopyResult {
    std::string source;
    std::string target;
    storage::CopyReport report;
    /// Why it is not whole: an officer's journal is broken, and nobody else's entries were copied; or entries that a
    /// keyring has seen are in neither place.
    std::optional<Error> doubt;
    /// Slots for the default of the target's region; nothing where it has none of its own.
    std::optional<restore::RewrapReport> slots;
};

/// Copies what the target lacks, with progress, and names what is left out. Then, where the own keyring knows the
/// target as a replica, adds slots for its region's default protector, unless `--no-rewrap` was given.
/// source  held to the keyrings; target  nullptr in a dry run: there is nothing yet. place  the target's
/// throws  as storage::copy_repository(), restore::rewrap(); Error{interrupted}
[[nodiscard]] CopyResult copy_to(Context& context, const storage::Repository& source, const storage::Repository* target,
                                 const std::string& place);

/// A repository in an empty place, with the config.json of `source`. throws  Error{refused}: journals are there
void create_like(storage::Store& store, const storage::Repository& source);

/// For programs; the fields of a summary.
[[nodiscard]] Json copy_json(const CopyResult& result, bool dry_run);
void print_copy(Terminal& terminal, const CopyResult& result, bool dry_run);

/// throws  what was left undone: Error{damaged}, Error{io}, Error{key_unavailable}
void require_complete(const CopyResult& result);

/// --no-rewrap
[[nodiscard]] OptionSpec no_rewrap_option();

}  // namespace signet::cli
