// What a local vault keeps of a key beside its private half: versions, tags, rotation, key backups, and what was
// purged.
#pragma once

#include "core/crypto/rsa.h"
#include "format/thumbprint.h"
#include "keyring/key_state.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace signet::keyring {

/// What a key is for.
enum class KeyUse {
    protector,  ///< wraps data keys
    exchange,   ///< opens private keys that arrive as .byok, and nothing else
};

/// One version of a key in the vault, without its private half.
struct KeyVersion {
    std::string name;
    std::uint32_t version = 1;
    format::Thumbprint thumbprint;
    std::string kind = "rsa";
    KeyUse use = KeyUse::protector;
    int size_bits = 0;
    KeyAttributes attributes;
    TimePoint created;
    std::string origin;  ///< "generated", "imported", "byok", …
    Bytes spki;          ///< public half, DER

    [[nodiscard]] crypto::RsaPublicKey public_key() const { return crypto::RsaPublicKey::from_spki(spki); }
    [[nodiscard]] KeyState state(TimePoint now) const { return attributes.state(now); }
    /// "NAME/VERSION".
    [[nodiscard]] std::string reference() const { return name + "/" + std::to_string(version); }
};

/// When a key may be used.
struct KeyDates {
    std::optional<TimePoint> not_before = std::nullopt;
    std::optional<TimePoint> expires = std::nullopt;
};

/// Whether text can name a key: [A-Za-z0-9][A-Za-z0-9._-]{0,126}.
[[nodiscard]] bool is_key_name(std::string_view text);

/// When `key rotate --due` makes a new version; counted in days from the newest one's creation, or back from its
/// expiry.
struct RotationPolicy {
    std::optional<std::uint32_t> after_days = std::nullopt;
    std::optional<std::uint32_t> before_expiry_days = std::nullopt;

    static constexpr std::uint32_t kLeastDays = 7;
    static constexpr std::uint32_t kMostDays = 3650;
    [[nodiscard]] bool is_set() const { return after_days || before_expiry_days; }
    /// When `newest` is to be rotated; nothing without a policy, or when it never expires.
    [[nodiscard]] std::optional<TimePoint> due(const KeyVersion& newest) const;
    friend bool operator==(const RotationPolicy&, const RotationPolicy&) = default;
};

/// The last key backup of a name.
struct KeyBackupRecord {
    TimePoint made;
    Digest digest;  ///< of what it held: versions, states, dates, tags
};

/// What belongs to a name rather than to one version.
struct KeyRecord {
    std::string name;
    std::map<std::string, std::string> tags;
    RotationPolicy rotation;
    std::optional<KeyBackupRecord> backup;

    static constexpr std::size_t kMostTags = 50;
    static constexpr std::size_t kLongestTagName = 128;
    static constexpr std::size_t kLongestTagValue = 256;
    [[nodiscard]] bool is_empty() const { return tags.empty() && !rotation.is_set() && !backup; }
};

/// Whether a key has a key backup that is still what the key is.
enum class KeyBackupState { none, outdated, current };
/// "none", "outdated", "current".
[[nodiscard]] std::string_view text(KeyBackupState state);

/// What is left of a purged version. Its number is never used again.
struct PurgedKey {
    std::string name;
    std::uint32_t version = 1;
    format::Thumbprint thumbprint;
    TimePoint deleted;
    TimePoint purged;
    [[nodiscard]] std::string reference() const { return name + "/" + std::to_string(version); }
};

/// How long a deleted key can be recovered.
struct Retention {
    static constexpr std::uint32_t kLeastDays = 7;
    static constexpr std::uint32_t kMostDays = 90;
    std::uint32_t days = kMostDays;
};

}  // namespace signet::keyring
