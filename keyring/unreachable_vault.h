// A vault that is out of reach because somebody rehearses that it is.
#pragma once

#include "keyring/vault.h"

#include <set>
#include <string>
#include <utility>

namespace signet::keyring {

/// Stands before a vault in a drill: where some versions of a key are, nothing answers. See Vaults::replace().
class UnreachableVault final : public Vault {
public:
    /// behind  outlives it; answers for all others. away  locations, as text()
    UnreachableVault(Vault& behind, std::set<std::string> away) : behind_(behind), away_(std::move(away)) {}
    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override;
    [[nodiscard]] Answer<Bytes> wrap(const Location& location, ByteView plaintext, const Binding& binding) override;
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped,
                                             const Binding& binding) override;

private:
    [[nodiscard]] bool is_away(const Location& location) const { return away_.contains(location.text()); }
    Vault& behind_;
    std::set<std::string> away_;
};

}  // namespace signet::keyring
