// Inside keyring/ only: who this host is to Microsoft Entra ID, and tokens for its vaults.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "keyring/azure_answer.h"
#include "keyring/remote_client.h"

namespace signet::keyring {

/// How a host proves who it is. In this order:
///
/// - the vault's section of the credentials file ("https://VAULT.vault.azure.net" or "azure"): tenant, client_id, and
/// one
///   of client_secret, client_secret_file, client_certificate_file, federated_token_file; or managed_identity, "system"
///   or the client id of one; authority; other_tenants, "yes"
/// - AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH (PEM), AZURE_FEDERATED_TOKEN_FILE, each with AZURE_TENANT_ID
/// and
///   AZURE_CLIENT_ID
/// - the machine's managed identity: App Service (IDENTITY_ENDPOINT, IDENTITY_HEADER), Azure Arc (IDENTITY_ENDPOINT,
///   IMDS_ENDPOINT), else the metadata service
enum class AzureIdentityKind { secret, certificate, federated, app_service, arc, metadata };
/// "client secret", "client certificate", …
[[nodiscard]] std::string_view text(AzureIdentityKind kind);

/// Whose token it is, as the token itself says; nothing is verified, for it is only shown.
struct AzureIdentity {
    std::string client;  ///< appid
    std::string object;  ///< oid
    std::string tenant;  ///< tid
    [[nodiscard]] static AzureIdentity of(const SecretBytes& token);
};

class AzureLogin {
public:
    AzureLogin(RemoteClient& client, const std::string& origin);
    /// The token for what the challenge asks for, kept until five minutes before it ends.
    /// throws  RemoteError{credential_rejected, untrusted, unavailable, …}
    [[nodiscard]] const SecretBytes& token(const AzureChallenge& challenge);
    void forget();
    /// Of the last token.
    [[nodiscard]] const AzureIdentity& identity() const { return identity_; }
    [[nodiscard]] AzureIdentityKind kind() const { return kind_; }

private:
    [[nodiscard]] std::optional<std::string> value(const std::string& name, const char* variable) const;
    void choose_kind();
    [[nodiscard]] std::string authority_for(const AzureChallenge& challenge) const;
    void check_tenant(const AzureChallenge& challenge) const;
    [[nodiscard]] RemoteAnswer ask_authority(const AzureChallenge& challenge);
    void add_proof(SecretText& form, const std::string& token_url) const;
    [[nodiscard]] SecretText assertion(const std::string& token_url) const;
    [[nodiscard]] RemoteAnswer ask_machine(const AzureChallenge& challenge);
    [[nodiscard]] std::string arc_key(const std::string& url) const;

    RemoteClient& client_;
    std::string origin_;
    CredentialSection section_;
    AzureIdentityKind kind_ = AzureIdentityKind::metadata;
    bool is_chosen_ = false;  ///< somebody has said so, rather than nothing else being there
    std::optional<SecretBytes> token_;
    TimePoint renew_at_;
    AzureIdentity identity_;
};

/// Reads an answer of the token endpoint. throws nothing
[[nodiscard]] Verdict judge_token(const RemoteAnswer& answer);
/// The same of the metadata service, which says 404 while it is being updated.
[[nodiscard]] Verdict judge_metadata(const RemoteAnswer& answer);

}  // namespace signet::keyring
