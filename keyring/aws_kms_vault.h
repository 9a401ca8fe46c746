// Protectors in AWS KMS: symmetric keys, and RSA keys for encryption.
//
// A symmetric key wraps by Encrypt, with the repository and the data key as encryption context; Decrypt is always told
// which key is meant. All regions of a process share one client and one way to credentials.
#pragma once

#include "keyring/aws_credentials.h"
#include "keyring/remote_location.h"
#include "keyring/remote_vault.h"

#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace signet::keyring {

/// What all vaults of AWS share.
class AwsAccess {
public:
    AwsAccess(const RemoteSettings& settings, const Clock& clock);
    [[nodiscard]] RemoteClient& client() { return client_; }
    [[nodiscard]] AwsCredentialChain& credentials() { return credentials_; }

private:
    RemoteClient client_;
    AwsCredentialChain credentials_;
};

/// KMS in one region.
class AwsKmsVault final : public RemoteVault {
public:
    /// access  outlives it
    AwsKmsVault(AwsAccess& access, std::string region);

    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override;
    [[nodiscard]] Answer<Bytes> wrap(const Location& location, ByteView plaintext, const Binding& binding) override;
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped,
                                             const Binding& binding) override;
    [[nodiscard]] int lanes() const override;
    /// Between symmetric keys of this region, by ReEncrypt.
    [[nodiscard]] bool can_rewrap(const Location& from, const Location& to) override;
    [[nodiscard]] Answer<Bytes> rewrap(const Location& from, ByteView wrapped, const Location& to,
                                       const Binding& binding) override;

private:
    /// What does not change of a key.
    struct Kind {
        std::optional<crypto::RsaPublicKey> public_key;  ///< of an RSA key
        std::string algorithm;                           ///< as KMS names it
    };
    [[nodiscard]] RemoteAnswer call(const std::string& operation, const SecretJson& fields, std::string& request);
    [[nodiscard]] RemoteAnswer attempt(const std::string& operation, const SecretJson& fields, std::string& stale);
    [[nodiscard]] std::optional<Kind> known_kind(const std::string& arn);
    [[nodiscard]] KeyDescription look(const Location& location, std::string& request);
    [[nodiscard]] Kind kind_of(const Location& location, std::string& request);
    [[nodiscard]] Kind learn(const KmsArn& arn, const std::string& spec, std::string& request);

    AwsAccess& access_;
    std::string region_;
    std::mutex mutex_;                   ///< of kinds_
    std::map<std::string, Kind> kinds_;  ///< by ARN
};

/// The thumbprint of a symmetric key. arn  of a key, not an alias
[[nodiscard]] format::Thumbprint aws_thumbprint(const KmsArn& arn);

/// How KMS's answers are classified. clock  to tell a wrong clock from a wrong key
[[nodiscard]] Verdict judge_kms(const RemoteAnswer& answer, const Clock& clock);

}  // namespace signet::keyring
