// Where the passphrase comes from: a file, a command, a descriptor, or a person at a terminal; never the command line.
#pragma once

#include "cli/options.h"
#include "keyring/passphrase.h"

#include <string>

namespace signet::cli {

/// The source that the options name.
/// prefix  "passphrase" for the usual one; "new-passphrase" for the one that a change sets: those options then answer
///         requests for a new passphrase
[[nodiscard]] keyring::PassphraseSource::Ask passphrase_asker(const Options& options,
                                                              const std::string& prefix = "passphrase");
/// What passphrase_asker will do.
[[nodiscard]] keyring::PassphraseSource::Manner passphrase_manner(const Options& options);

/// A file's content without one line feed (or CR LF) at its end.
/// throws  Error{usage}: it cannot be read, or it is empty
[[nodiscard]] SecretBytes passphrase_from_file(const std::string& path);
/// What a shell command prints. throws  Error{failed}: it ended badly
/// object  whose it is, as SIGNET_PASSPHRASE_FOR tells the command: two vaults may have two
[[nodiscard]] SecretBytes passphrase_from_command(const std::string& line, const std::string& object);
/// Everything that a descriptor still has.
[[nodiscard]] SecretBytes passphrase_from_descriptor(int descriptor);
/// Asks at the terminal without echo; twice for a new one.
/// throws  Error{wrong_passphrase}: there is no terminal; Error{interrupted}
[[nodiscard]] SecretBytes passphrase_from_terminal(const keyring::PassphraseRequest& request);

}  // namespace signet::cli
