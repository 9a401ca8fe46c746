// Shares of a key backup as files: one each, or all on standard output, for a printer.
#pragma once

#include "cli/context.h"
#include "keyring/key_backup.h"

#include <string>
#include <vector>

namespace signet::cli {

/// --shares, --threshold, --shares-dir, as `key backup` takes them.
[[nodiscard]] std::vector<OptionSpec> share_options();
/// What --shares and --threshold say; nothing when none was given.
/// throws  Error{usage}: one without the other, impossible numbers, --json without --shares-dir
[[nodiscard]] std::optional<keyring::ShareScheme> wanted_shares(const Context& context);

/// Writes each share: with --shares-dir into a file of its own (0600), else to standard output with form feeds between.
/// returns  the files. throws  Error{refused}: one is there already; Error{io}; what was written is then removed
std::vector<std::string> write_shares(Context& context, const keyring::SharedKeyBackup& shared);

/// Reads the shares in these files. throws  Error{damaged}: file, line and row; Error{io}
[[nodiscard]] std::vector<keyring::SecretShare> read_shares(const std::vector<std::string>& paths);

}  // namespace signet::cli
