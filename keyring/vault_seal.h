// Inside keyring/ only: how a vault and a key backup seal their secrets. A random file key is held by unlock slots;
// each secret is sealed under a key of its own, derived from the file key, a fresh salt, and what the secret is.
#pragma once

#include "core/bytes.h"
#include "core/crypto/scrypt.h"
#include "core/id.h"
#include "core/secret.h"
#include "format/thumbprint.h"
#include "keyring/state_file.h"

#include <optional>
#include <string_view>

namespace signet::keyring {

/// Names one file of sealed secrets: a vault, or a key backup. Random.
using VaultId = Id<struct VaultTag, 16>;

inline constexpr std::size_t kVaultKeySize = 32;

/// A sealed secret.
struct Sealed {
    Bytes salt;
    Bytes octets;
};

/// What a secret is, so that no sealed secret can stand in for another one.
[[nodiscard]] Bytes key_context(const VaultId& vault, const format::Thumbprint& thumbprint);
[[nodiscard]] Bytes identity_context(const VaultId& vault, const IdentityId& identity);

[[nodiscard]] Sealed seal(const SecretBytes& vault_key, const Bytes& context, ByteView plaintext);
/// throws  Error{damaged}
[[nodiscard]] SecretBytes open_sealed(const SecretBytes& vault_key, const Bytes& context, const Sealed& sealed,
                                      std::string_view what);

/// An unlock slot: the file key under a passphrase. throws  Error{usage}: an empty passphrase
[[nodiscard]] Json make_passphrase_slot(const VaultId& vault, const SecretBytes& vault_key,
                                        const SecretBytes& passphrase, const crypto::ScryptCost& cost);
[[nodiscard]] bool is_passphrase_slot(const Json& slot);
/// returns  nothing when the passphrase is not this slot's. throws  Error{damaged}
[[nodiscard]] std::optional<SecretBytes> try_passphrase_slot(const Json& slot, const VaultId& vault,
                                                             const SecretBytes& passphrase, std::string_view what);

/// Authenticates a whole file: its public halves, states and dates.
[[nodiscard]] Digest mac_of(const SecretBytes& vault_key, const VaultId& vault, const Json& body_without_mac);

}  // namespace signet::keyring
