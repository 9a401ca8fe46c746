// Protectors in the Transit engine of HashiCorp Vault or OpenBao.
#pragma once

#include <memory>
#include <mutex>
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
    [[nodiscard]] int lanes() const override;
    [[nodiscard]] std::string identity() override;
    [[nodiscard]] std::vector<std::string> excess_rights(const Location& location) override;

private:
    [[nodiscard]] KeyDescription read(const Location& location, std::string& request);
    [[nodiscard]] RemoteAnswer ask(const std::string& operation, HttpMethod method, const std::string& path,
                                   const SecretJson* body, std::string& request);
    [[nodiscard]] RemoteAnswer ask_once(const std::string& operation, HttpMethod method, const std::string& path,
                                        const SecretJson* body, std::uint64_t& token);
    [[nodiscard]] std::vector<std::string> headers(std::uint64_t& which);
    [[nodiscard]] bool renew_token(std::uint64_t failed);
    [[nodiscard]] const std::string& cluster();

    RemoteClient& client_;
    std::string origin_;
    RecentDescriptions recent_;
    std::string cluster_;
    bool sealed_is_outage_ = false;

    /// Of what follows. Held during a login: whoever needs its token too waits for it, and does not log in as well.
    std::mutex mutex_;
    std::unique_ptr<TransitLogin> login_;
    std::uint64_t token_ = 0;  ///< how many were thrown away
};

}  // namespace signet::keyring
