// A vault that is out of reach because somebody rehearses that it is.
#pragma once

#include "keyring/vault.h"

namespace signet::keyring {

/// Stands in for a vault in a drill: nothing answers. See Vaults::replace().
class UnreachableVault final : public Vault {
public:
    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override;
    [[nodiscard]] Answer<Bytes> wrap(const Location& location, ByteView plaintext, const Binding& binding) override;
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped,
                                             const Binding& binding) override;
};

}  // namespace signet::keyring
