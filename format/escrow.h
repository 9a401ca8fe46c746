// Escrow objects: the escrow protector's private half under the passphrase (docs/format.md section 12).
#pragma once

#include "core/crypto/scrypt.h"
#include "core/id.h"
#include "format/thumbprint.h"

namespace signet::format {

struct EscrowSecret {
    std::string name;
    SecretBytes pkcs8;
    SecretBytes officer_seed;  ///< empty: none
};

/// Whether opening it costs what this program's own objects cost: those are tried first. Proves nothing.
[[nodiscard]] bool has_usual_cost(ByteView object);

[[nodiscard]] Bytes seal_escrow(const RepositoryId& repository, const Thumbprint& thumbprint,
                                const EscrowSecret& secret, const SecretBytes& passphrase,
                                const crypto::ScryptCost& cost);
/// throws  Error{wrong_passphrase}; Error{damaged}: also when the private key is not the thumbprint's;
/// Error{unsupported}
[[nodiscard]] EscrowSecret open_escrow(ByteView object, const RepositoryId& repository, const SecretBytes& passphrase,
                                       std::string_view what);

}  // namespace signet::format
