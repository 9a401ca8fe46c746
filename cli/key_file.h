// Files that hold keys: their passphrases, and where they are written.
#pragma once

#include "cli/context.h"

#include <vector>

namespace signet::cli {

/// --PREFIX-file, --PREFIX-command, --PREFIX-fd. whose  "the key backup"
[[nodiscard]] std::vector<OptionSpec> passphrase_options(const std::string& prefix, const std::string& whose);
/// Whether one of them was given.
[[nodiscard]] bool has_passphrase_option(const Context& context, const std::string& prefix);
/// From one of them, else from a person. is_new  a person is asked twice
[[nodiscard]] SecretBytes ask_passphrase(const Context& context, const std::string& prefix, const std::string& object,
                                         bool is_new = false);

/// -o FILE, which must not be there yet. throws  Error{usage}: none was named; Error{refused}
[[nodiscard]] std::string new_output_file(const Context& context);

}  // namespace signet::cli
