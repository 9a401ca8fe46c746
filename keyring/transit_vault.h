// Protectors in the Transit engine of HashiCorp Vault or OpenBao.
#pragma once

#include <memory>
#include <string>

#include "keyring/remote_vault.h"

namespace signet::keyring {

class TransitLogin;

/// One server and namespace. Symmetric keys wrap and unwrap with the data key's ids as associated data; RSA keys with
/// RSA-OAEP-256. A version below min_decryption_version is disabled, one below min_encryption_version wraps no more.
///
/// SIGNET_TRANSIT_CLUSTER  what stands for the server in thumbprints of symmetric keys, in place of its cluster id:
///                         one name for all clusters that hold the same keys. "cluster" in the credentials file
/// SIGNET_TRANSIT_SEALED   "outage": a sealed server may lead to a twin. Else sealing counts as an operator's decision
class TransitVault final : public RemoteVault {
public:
    TransitVault(RemoteClient& client, const Location& server);
    ~TransitVault() override;

    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override;
    [[nodiscard]] Answer<KeyDescription> newest(const Location& location) override;
    [[nodiscard]] Answer<Bytes> wrap(const Location& location, ByteView plaintext, const Binding& binding) override;
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped,
                                             const Binding& binding) override;

private:
    [[nodiscard]] KeyDescription read(const Location& location, std::string& request);
    [[nodiscard]] RemoteAnswer ask(const std::string& operation, HttpMethod method, const std::string& path,
                                   const SecretJson* body, std::string& request);
    [[nodiscard]] RemoteAnswer ask_once(const std::string& operation, HttpMethod method, const std::string& path,
                                        const SecretJson* body);
    [[nodiscard]] const std::string& cluster();

    RemoteClient& client_;
    std::string origin_;
    std::unique_ptr<TransitLogin> login_;
    RecentDescriptions recent_;
    std::string cluster_;
    bool sealed_is_outage_ = false;
};

}  // namespace signet::keyring
