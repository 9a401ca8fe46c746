// Inside keyring/ only: what Azure Key Vault and Managed HSM say, and what it means.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "keyring/remote_client.h"
#include "keyring/vault.h"

namespace signet::keyring {

/// Reads an answer. is_unwrap  a value was to be opened whose algorithm and size are right: what the service does not
/// take is damaged or foreign
[[nodiscard]] Verdict judge_azure(const RemoteAnswer& answer, bool is_unwrap = false);

/// What a vault says to who has no token: where to get one, and for what.
struct AzureChallenge {
    std::string authority;  ///< "https://login.microsoftonline.com"
    std::string tenant;
    std::string scope;   ///< "https://vault.azure.net/.default"
    std::string claims;  ///< of continuous access evaluation: what the next token must say; empty: nothing

    /// header  WWW-Authenticate; origin  of the vault, which must be a host of the resource that the challenge names,
    ///         or any server could ask for a token of another
    /// throws  RemoteError{untrusted}: no challenge, or another's resource
    [[nodiscard]] static AzureChallenge parse(std::string_view header, const std::string& origin);
};
/// The parameters of a challenge: names in lower case.
[[nodiscard]] std::map<std::string, std::string> challenge_parameters(std::string_view header);

/// A key bundle. location  what was asked for: the answer must be about that
/// throws  RemoteError{untrusted}: it is not, or lacks what every key has; RemoteError{misuse}: not an RSA key
[[nodiscard]] KeyDescription azure_key(const SecretJson& bundle, const Location& location, TimePoint now);

/// The location that an id of the service names. throws  RemoteError{untrusted}: it is none of this vault's key
[[nodiscard]] Location azure_id(const std::string& kid, const Location& location);

/// "Recoverable+Purgeable" and its like.
[[nodiscard]] Recoverability azure_recovery(std::string_view level, std::int64_t days);

}  // namespace signet::keyring
