// Which protectors of a keyring are escrow protectors: their private half lies in repositories, under a passphrase.
#pragma once

#include "keyring/keyring.h"

namespace signet::keyring {

/// Whether Signet made this protector: only such private halves ever go into a repository.
[[nodiscard]] bool is_escrow(const Keyring& keyring, const format::Thumbprint& thumbprint);
/// Remembers that Signet made it, in the keyring's settings. throws  Error{io}
void mark_escrow(Keyring& keyring, const format::Thumbprint& thumbprint);
/// A newer version of the same key has taken over: it is what the older one was. For who changes a keyring's settings
/// just now.
void pass_on_escrow_mark(std::map<std::string, std::string>& settings, const format::Thumbprint& from,
                         const format::Thumbprint& to);

}  // namespace signet::keyring
