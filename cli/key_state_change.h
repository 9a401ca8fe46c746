// What the commands share that change keys of the vault: which versions are meant, what is said, and the audit log.
#pragma once

#include "cli/context.h"

namespace signet::cli {

/// The versions that a command's word means: all of a name, or one.
/// throws  Error{key_unavailable}: none
[[nodiscard]] std::vector<keyring::KeyVersion> versions_of(const keyring::LocalVault& vault,
                                                           const std::string& reference);

/// What `key enable` and `key disable` do with the key of the first argument.
[[nodiscard]] ExitCode set_key_enabled(Context& context, bool enabled);

/// A warning for each version that wraps new backups. until  what would end that: "it is enabled or replaced"
void warn_of_wrapping_links(Context& context, const std::vector<keyring::KeyVersion>& versions,
                            const std::string& until);

/// A line in the audit log for each version. operation  "key-delete", …
void audit_key_change(Context& context, const std::string& operation, const std::vector<keyring::KeyVersion>& versions,
                      const std::string& detail = {});

/// The line before a change of which the key is not known yet, so that nothing is made that the log cannot hold.
/// throws  Error{io}: then nothing must be done
void audit_before_key_change(Context& context, const std::string& operation, const std::string& location);

/// Looks at changed versions where they are linked, so that the keyring remembers what they answer now: what a person
/// has disabled or deleted stays refused when its vault is out of reach later, and no twin takes its place.
void remember_answers(Context& context, const std::vector<keyring::KeyVersion>& versions);

/// The result: the versions as they are now, one object or an array; for people a line each.
void print_versions(Context& context, const std::string& reference);

/// Warns when a key has never been backed up, or has changed since. Nothing for escrow protectors, which repositories
/// hold. occasion  empty, or why it matters now: "before its first use"
void remind_of_key_backup(Context& context, const std::string& name, const std::string& occasion = {});
/// The same for what a link's location names, where that is a local vault.
void remind_of_key_backup(Context& context, const keyring::Link& link);

}  // namespace signet::cli
