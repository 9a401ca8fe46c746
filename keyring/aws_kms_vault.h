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
    [[nodiscard]] std::string identity() override;
    /// Between symmetric keys of this region, by ReEncrypt.
    [[nodiscard]] bool can_rewrap(const Location& from, const Location& to) override;
    [[nodiscard]] Answer<Bytes> rewrap(const Location& from, ByteView wrapped, const Location& to,
                                       const Binding& binding) override;

    /// All but import, purge, key backup and restore, which KMS has not. KMS gives keys their ids, so that a key to be
    /// made is named by an alias; a rotation makes another key, and the alias moves there: in the regions of its twins
    /// first.
    [[nodiscard]] bool can(AdminVerb verb) const override;
    [[nodiscard]] KeyDescription create(const Location& location, const NewKey& wanted) override;
    [[nodiscard]] KeyDescription rotate(const Location& location, int bits, const KeyDates& dates) override;
    void set_enabled(const Location& location, bool enabled) override;
    /// After 30 days.
    [[nodiscard]] RemovedKey remove(const Location& location) override;
    [[nodiscard]] KeyDescription recover(const Location& location) override;
    /// Of a multi-Region key, in the region of `location`, which is an alias there.
    [[nodiscard]] KeyDescription replicate(const Location& key, const Location& location) override;

private:
    /// What does not change of a key.
    struct Kind {
        std::optional<crypto::RsaPublicKey> public_key;  ///< of an RSA key
        std::string algorithm;                           ///< as KMS names it
    };
    [[nodiscard]] RemoteAnswer call(const std::string& operation, const SecretJson& fields, std::string& request);
    [[nodiscard]] RemoteAnswer describe_key(const std::string& id);
    [[nodiscard]] Location resolved(const Location& location);
    [[nodiscard]] KeyDescription make(const std::string& spec, bool multi_region);
    [[nodiscard]] KeyDescription wait_until_usable(const Location& location);
    void copy_to(const Location& key, const std::string& region);
    void point(const KmsArn& alias, const Location& key);
    [[nodiscard]] RemoteAnswer attempt(const std::string& operation, const SecretJson& fields, std::string& stale);
    [[nodiscard]] std::optional<Kind> known_kind(const std::string& arn);
    [[nodiscard]] KeyDescription look(const Location& location, std::string& request);
    [[nodiscard]] Kind kind_of(const Location& location, std::string& request);
    [[nodiscard]] Kind learn(const KmsArn& arn, const std::string& spec, std::string& request);

    AwsAccess& access_;
    std::string region_;
    std::mutex mutex_;                   ///< of what follows
    std::map<std::string, Kind> kinds_;  ///< by ARN
    std::string identity_;               ///< by which it was asked last
};

/// The thumbprint of a symmetric key. arn  of a key, not an alias
[[nodiscard]] format::Thumbprint aws_thumbprint(const KmsArn& arn);

/// How KMS's answers are classified. clock  to tell a wrong clock from a wrong key; may_be_empty  some operations have
/// nothing to say
[[nodiscard]] Verdict judge_kms(const RemoteAnswer& answer, const Clock& clock, bool may_be_empty = false);

}  // namespace signet::keyring
