// Inside keyring/ only: an unlock slot of a key backup that shares open instead of a passphrase. docs/vault.md.
#pragma once

#include "keyring/secret_shares.h"
#include "keyring/vault_seal.h"

#include <vector>

namespace signet::keyring {

struct ShareSlot {
    Json slot;
    std::vector<SecretShare> shares;
};

/// The file key under a random secret, and that secret in shares. Their set is named by the file's id.
/// throws  Error{usage}: not a valid scheme
[[nodiscard]] ShareSlot make_share_slot(const VaultId& id, const SecretBytes& file_key, const ShareScheme& scheme);
[[nodiscard]] bool is_share_slot(const Json& slot);
/// throws  Error{damaged}
[[nodiscard]] ShareScheme scheme_of_slot(const Json& slot, std::string_view what);
/// Never noise: each share is compared with its digest in the slot, and what they make with the slot's check value.
/// A share that was given twice counts once.
/// throws  Error{wrong_passphrase}: a share of another key backup, one that was altered, or too few ("2 of 3 needed
///         shares"); Error{damaged}
[[nodiscard]] SecretBytes open_share_slot(const Json& slot, const VaultId& id, const std::vector<SecretShare>& shares,
                                          std::string_view what);

}  // namespace signet::keyring
