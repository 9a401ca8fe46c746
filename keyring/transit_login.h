// Inside keyring/ only: who this host is to a Vault or OpenBao server.
#pragma once

#include <optional>
#include <string>

#include "keyring/location.h"
#include "keyring/remote_client.h"

namespace signet::keyring {

/// A token, from wherever there is one, in this order:
///
/// - the server's section of the credentials file ("https://host:8200", or with "?namespace=team/a", or "transit"):
///   token, token_file; role_id with secret_id or secret_id_file (AppRole); kubernetes_role, with jwt_file
///   (Kubernetes). approle_mount and kubernetes_mount say where the auth methods are mounted
/// - VAULT_TOKEN or BAO_TOKEN; VAULT_ROLE_ID with VAULT_SECRET_ID; the file ~/.vault-token. Only for the server of
///   VAULT_ADDR (BAO_ADDR), where that is set: a token is shown to nobody else
class TransitLogin {
public:
    /// server  any location on it
    TransitLogin(RemoteClient& client, const Location& server);
    /// The token, made by a login where that is needed or two thirds of its lease are over. SecretBytes live until the
    /// next call. throws  RemoteError{credential_rejected}: there is none, or the login is refused
    [[nodiscard]] const SecretBytes& token();
    /// Forgets the token. returns  whether another one can be had: by a login, or from a file that has changed
    [[nodiscard]] bool renew();
    /// The headers of every request but the token: namespace and what agents insist on.
    [[nodiscard]] std::vector<std::string> headers() const;
    /// Whence the token came: "AppRole 1b2c…", "the token of VAULT_TOKEN". Empty before there is one.
    [[nodiscard]] const std::string& source() const { return source_; }
    /// The server's section of the credentials file, or "".
    [[nodiscard]] const CredentialSection& section() const { return section_; }

private:
    [[nodiscard]] SecretBytes find_token();
    [[nodiscard]] std::optional<std::string> value(const std::string& name,
                                                   const std::vector<std::string>& variables) const;
    [[nodiscard]] std::optional<SecretBytes> secret(const std::string& name,
                                                    const std::vector<std::string>& variables) const;
    [[nodiscard]] SecretBytes log_in(const std::string& mount, const SecretJson& credential);

    RemoteClient& client_;
    std::string origin_, space_;
    CredentialSection section_;
    bool uses_environment_ = true;
    bool is_lease_ = false;  ///< a login made it
    std::string source_;
    std::optional<SecretBytes> token_;
    std::optional<TimePoint> renew_at_;
};

}  // namespace signet::keyring
