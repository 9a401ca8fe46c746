// Protectors in Azure Key Vault and Managed HSM.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "keyring/remote_vault.h"

namespace signet::keyring {

class AzureLogin;
struct AzureChallenge;

/// One vault. RSA keys wrap by RSA-OAEP-256; symmetric keys of a Managed HSM by A256GCM. Every call names a version.
///
/// SIGNET_AZURE_API_VERSION  of the service's interface (2025-07-01)
class AzureVault final : public RemoteVault {
public:
    AzureVault(RemoteClient& client, const Location& vault);
    ~AzureVault() override;

    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override;
    [[nodiscard]] Answer<KeyDescription> newest(const Location& location) override;
    [[nodiscard]] Answer<Bytes> wrap(const Location& location, ByteView plaintext, const Binding& binding) override;
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped,
                                             const Binding& binding) override;
    [[nodiscard]] int lanes() const override;
    [[nodiscard]] std::string identity() override;

    [[nodiscard]] std::vector<std::string> excess_rights(const Location& location) override;
    [[nodiscard]] bool can(AdminVerb verb) const override;
    [[nodiscard]] std::vector<KeyDescription> versions(const Location& location) override;
    [[nodiscard]] KeyDescription create(const Location& location, const NewKey& wanted) override;
    [[nodiscard]] KeyDescription rotate(const Location& location, int bits, const KeyDates& dates) override;
    [[nodiscard]] KeyDescription import_key(const Location& location, const crypto::RsaPrivateKey& key,
                                            const KeyDates& dates) override;
    [[nodiscard]] KeyDescription import_byok(const Location& location, ByteView file, const KeyDates& dates) override;
    void set_enabled(const Location& location, bool enabled) override;
    [[nodiscard]] RemovedKey remove(const Location& location) override;
    [[nodiscard]] KeyDescription recover(const Location& location) override;
    void purge(const Location& location) override;
    [[nodiscard]] SecretBytes backup(const Location& location) override;
    [[nodiscard]] KeyDescription restore(const Location& vault, const SecretBytes& backup) override;

private:
    struct Call {
        std::string operation;
        HttpMethod method = HttpMethod::get;
        std::string path;
        const SecretJson* body = nullptr;
        bool is_unwrap = false;
    };
    [[nodiscard]] KeyDescription change(const Call& call, const Location& location);
    [[nodiscard]] bool is_hsm() const { return origin_.find(".managedhsm.") != std::string::npos; }
    [[nodiscard]] bool is_there(const Location& location);

    /// What one attempt used, and what was said of it.
    struct Attempt {
        std::uint64_t token = 0;  ///< which of the tokens that this process has had
        std::string claims = {};  ///< what the next one must have, where the vault says so
    };
    [[nodiscard]] RemoteAnswer ask(const Call& call, std::string& request);
    [[nodiscard]] RemoteAnswer ask_with_token(const Call& call, Attempt& attempt);
    [[nodiscard]] AzureChallenge ask_challenge(const Call& call);
    [[nodiscard]] std::string authorization(std::uint64_t& which);
    void require_challenge(const Call& call);
    void renew_token(const Call& call, const Attempt& failed);
    [[nodiscard]] std::string url_of(const std::string& path) const;
    void note_region(const RemoteAnswer& answer);
    [[nodiscard]] std::optional<std::string> region();
    [[nodiscard]] KeyDescription read(const Location& location, std::string& request);
    [[noreturn]] void refuse_missing(const Location& location, const RemoteError& error);
    [[nodiscard]] Location with_version(const Location& location, std::string& request);
    [[nodiscard]] bool is_symmetric(const Location& location, std::string& request);

    RemoteClient& client_;
    std::string origin_;
    std::string api_version_;
    RecentDescriptions recent_;

    /// Of what follows. Held while a token is fetched: whoever needs it too waits for it, and fetches none of its own.
    std::mutex mutex_;
    std::unique_ptr<AzureLogin> login_;
    std::unique_ptr<AzureChallenge> challenge_;
    std::uint64_t token_ = 0;  ///< how many were thrown away
    std::optional<std::string> region_;
    std::map<std::string, bool> symmetric_;  ///< by location: what describe() has seen
};

}  // namespace signet::keyring
