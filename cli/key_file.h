// Files that hold keys: their passphrases, and where they are written.
#pragma once

#include "cli/context.h"
#include "keyring/key_backup.h"

#include <vector>

namespace signet::cli {

/// --PREFIX-file, --PREFIX-command, --PREFIX-fd. whose  "the key backup"
[[nodiscard]] std::vector<OptionSpec> passphrase_options(const std::string& prefix, const std::string& whose);
/// Whether one of them was given.
[[nodiscard]] bool has_passphrase_option(const Context& context, const std::string& prefix);
/// From one of them, else from a person. is_new  a person is asked twice
[[nodiscard]] SecretBytes ask_passphrase(const Context& context, const std::string& prefix, const std::string& object,
                                         bool is_new = false);

/// throws  Error{refused}: there is something at this path
void require_new_file(const std::string& path);
/// -o FILE, which must not be there yet. throws  Error{usage}: none was named; Error{refused}
[[nodiscard]] std::string new_output_file(const Context& context);

/// Writes a key backup into a file and remembers it, in the vault and in the audit log.
/// passphrase  nullptr: the vault's own. throws  as keyring::make_key_backup(); Error{io}
keyring::KeyBackup store_key_backup(Context& context, const std::string& name, const std::string& path,
                                    const SecretBytes* passphrase = nullptr);

}  // namespace signet::cli
