// Passphrases of files that hold keys: key backups, and private keys made elsewhere.
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

}  // namespace signet::cli
