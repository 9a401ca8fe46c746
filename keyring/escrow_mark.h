// Which protectors of a keyring are escrow protectors: their private half lies in repositories, under a passphrase.
#pragma once

#include "keyring/keyring.h"

namespace signet::keyring {

/// Whether Signet made this protector: only such private halves ever go into a repository.
[[nodiscard]] bool is_escrow(const Keyring& keyring, const format::Thumbprint& thumbprint);
/// Remembers that Signet made it, in the keyring's settings. throws  Error{io}
void mark_escrow(Keyring& keyring, const format::Thumbprint& thumbprint);

}  // namespace signet::keyring
