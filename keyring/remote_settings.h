// How key managers over HTTP are reached, and whence their credentials come: the environment, as the managers' own
// tools read it, and a file with a section for each.
#pragma once

#include "core/secret.h"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace signet::keyring {

/// What is known of one key manager's credentials: names such as "role_id", "client_secret_file".
class CredentialSection {
public:
    CredentialSection() = default;
    CredentialSection(std::string name, std::map<std::string, std::string> values)
        : name_(std::move(name)), values_(std::move(values)) {}
    /// Of the credentials file; empty: there is none for this manager.
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::optional<std::string> get(const std::string& name) const;

private:
    std::string name_;
    std::map<std::string, std::string> values_;
};

/// SIGNET_CA_FILE          PEM of the authorities that certificates are held to, in place of the system's
/// SIGNET_CONNECT_TO       "HOST:PORT:OTHER:PORT,…": private endpoints that no name server knows
/// SIGNET_CREDENTIALS      the credentials file: JSON, {"https://host:8200": {"role_id": "…", …}, …}, mode 0600
/// SIGNET_REMOTE_TIMEOUT   seconds for a whole call (20)
/// SIGNET_REMOTE_ATTEMPTS  how often a call is tried (5)
/// SIGNET_REMOTE_WAIT      seconds before the second attempt (1); each further wait is twice the one before
struct RemoteSettings {
    /// A variable of the environment; an empty one is none.
    std::function<std::optional<std::string>(const std::string&)> variable;
    std::string ca_file = {};
    std::vector<std::string> connect_to = {};
    std::string credentials_file = {};
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds timeout{20'000};
    int attempts = 5;
    std::chrono::milliseconds first_wait{1'000};
    std::function<void(std::chrono::milliseconds)> sleep;

    /// throws  Error{usage}: not a number where one belongs
    [[nodiscard]] static RemoteSettings from_environment();
    /// The section of the first of these names that has one; an empty one when none has.
    /// throws  Error{usage}: not such a file; Error{refused}: others can read it; Error{io}
    [[nodiscard]] CredentialSection section(const std::vector<std::string>& names) const;
};

/// The content of a file that holds one secret, without the line feed at its end. what  "the token of https://…"
/// throws  RemoteError{credential_rejected}: not there, or empty
[[nodiscard]] SecretBytes secret_from_file(const std::string& path, const std::string& what);

}  // namespace signet::keyring
