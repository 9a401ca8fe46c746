// Inside keyring/ only: what Vault's and OpenBao's Transit says, and what it means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "keyring/remote_client.h"
#include "keyring/vault.h"

namespace signet::keyring {

/// Reads an answer. is_login  of an auth method: what it refuses is the credential
/// sealed_is_outage  whether a sealed server may lead to a twin; else it counts as denied once waiting has not helped
[[nodiscard]] Verdict judge_transit(const RemoteAnswer& answer, bool is_login, bool sealed_is_outage);

/// "vault:v3:BASE64": the version and what stands behind it.
struct TransitCiphertext {
    std::uint32_t version = 0;
    std::string payload;
    /// throws  RemoteError{outcome}: not of this form
    [[nodiscard]] static TransitCiphertext parse(std::string_view text, Outcome outcome);
};

/// A key as the server describes it.
class TransitKey {
public:
    /// data  of GET keys/NAME. throws  RemoteError{untrusted}: it lacks what every key has
    explicit TransitKey(const SecretJson& data);
    [[nodiscard]] std::uint32_t latest() const { return latest_; }
    [[nodiscard]] bool is_rsa() const { return type_.starts_with("rsa-"); }
    /// One version of it. thumbprints of symmetric keys need the cluster: see is_rsa()
    /// throws  RemoteError{not_found, key_disabled, key_deleted, misuse}
    [[nodiscard]] KeyDescription version(const Location& location, const std::string& cluster) const;

private:
    [[nodiscard]] crypto::RsaPublicKey public_key(std::uint32_t version) const;

    const SecretJson& data_;
    std::string type_;
    std::uint32_t latest_ = 0;
    std::uint32_t oldest_ = 0;  ///< that was not trimmed
    std::uint32_t least_to_decrypt_ = 1;
    std::uint32_t least_to_encrypt_ = 0;  ///< 0: any
};

}  // namespace signet::keyring
