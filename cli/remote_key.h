// Keys in key managers, in commands that take them beside the keys of the local vault: "azure:…", "aws:…", "transit:…".
#pragma once

#include "cli/context.h"
#include "keyring/key_record.h"
#include "keyring/remote_vault.h"

#include <optional>
#include <string>

namespace signet::cli {

/// The location that an argument names; nothing for any other argument.
[[nodiscard]] std::optional<keyring::Location> manager_location(const std::string& argument);

// What the commands do there. Each is on record before it is done. throw  Error{key_unavailable}, Error{refused}: what
// the manager said, with the command that would help; Error{refused}: its kind of vault does not do that

[[nodiscard]] ExitCode show_in_manager(Context& context, const keyring::Location& location);
/// Every version, the newest first.
[[nodiscard]] ExitCode list_in_manager(Context& context, const keyring::Location& location);
[[nodiscard]] ExitCode create_in_manager(Context& context, const keyring::Location& location,
                                         const keyring::NewKey& wanted);
/// The same key in a second place of the same kind. key  the one that is there
[[nodiscard]] ExitCode copy_in_manager(Context& context, const keyring::Location& key,
                                       const keyring::Location& location);
[[nodiscard]] ExitCode import_into_manager(Context& context, const keyring::Location& location,
                                           const crypto::RsaPrivateKey& key, const keyring::KeyDates& dates);
/// A .byok file that was wrapped for a key exchange key of that vault.
[[nodiscard]] ExitCode import_byok_into_manager(Context& context, const keyring::Location& location, ByteView file,
                                                const keyring::KeyDates& dates);
/// Where the keyring has linked an earlier version, the new one is tested and linked in its role.
[[nodiscard]] ExitCode rotate_in_manager(Context& context, const keyring::Location& location, int bits,
                                         const keyring::KeyDates& dates);
/// One version: the one that is named, else the newest.
[[nodiscard]] ExitCode set_enabled_in_manager(Context& context, const keyring::Location& location, bool enabled);
/// throws  also Error{refused}: this keyring links it, and --force was not given
[[nodiscard]] ExitCode delete_in_manager(Context& context, const keyring::Location& location);
[[nodiscard]] ExitCode recover_in_manager(Context& context, const keyring::Location& location);
/// throws  also Error{usage}: --confirm does not name it
[[nodiscard]] ExitCode purge_in_manager(Context& context, const keyring::Location& location);
/// Into a new file. What the manager alone can restore.
[[nodiscard]] ExitCode back_up_in_manager(Context& context, const keyring::Location& location, const std::string& path);
[[nodiscard]] ExitCode restore_in_manager(Context& context, const keyring::Location& location, const std::string& path);

}  // namespace signet::cli
