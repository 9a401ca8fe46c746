// The local vault: a folder that holds protectors sealed under a passphrase.
//
//   DIR/            0700
//   DIR/vault.json  0600: one JSON object, canonical, with a checksum (damage) and a MAC (alteration)
//   DIR/vault.lock  taken for every change
//
// A random vault key is held by unlock slots, so that further ways to unlock can be added without touching a key. Keys
// derived from it seal each private half and authenticate public halves, states and dates as a whole, with a generation
// number. Reading needs no passphrase; what is read is authenticated once the vault is unlocked.
#pragma once

#include "core/crypto/rsa.h"
#include "core/crypto/scrypt.h"
#include "core/secret.h"
#include "format/thumbprint.h"
#include "keyring/key_state.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace signet::keyring {

/// One version of a key in the vault, without its private half.
struct KeyVersion {
    std::string name;
    std::uint32_t version = 1;
    format::Thumbprint thumbprint;
    std::string kind = "rsa";
    int size_bits = 0;
    KeyAttributes attributes;
    TimePoint created;
    std::string origin;  ///< "generated", "imported", …
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

/// One vault, open. Copies nothing secret out except through unwrap() and get_identity(). Not for two threads at once.
/// Operations marked (unlocked) throw Error{usage} on a locked vault. Every change takes the lock, reads the file again,
/// checks it, adds one to the generation and replaces the file; on failure the old file is intact.
class LocalVault {
public:
    /// Makes the folder and an empty, unlocked vault.
    /// throws  Error{refused}: there is a vault already; Error{usage}: empty passphrase; Error{io}
    [[nodiscard]] static LocalVault create(const std::string& folder, const SecretBytes& passphrase,
                                           const crypto::ScryptCost& cost = {}, const Clock& clock = Clock::system());
    /// Reads and checks the file; the vault is locked.
    /// throws  Error{key_unavailable}: no vault there; Error{damaged}; Error{unsupported}: made by a newer version; Error{io}
    [[nodiscard]] static LocalVault open(const std::string& folder, const Clock& clock = Clock::system());
    [[nodiscard]] static bool exists(const std::string& folder);

    LocalVault(LocalVault&&) noexcept;
    LocalVault& operator=(LocalVault&&) noexcept;
    ~LocalVault();

    [[nodiscard]] const std::string& folder() const;
    /// 32 hexadecimal digits, random.
    [[nodiscard]] std::string id() const;
    /// Counts the changes, from 1.
    [[nodiscard]] std::uint64_t generation() const;

    /// Opens the vault key and authenticates the file.
    /// throws  Error{wrong_passphrase}; Error{damaged}: altered (also when only states or dates were)
    void unlock(const SecretBytes& passphrase);
    [[nodiscard]] bool is_unlocked() const;
    void lock();
    /// Reads the file again if it changed. throws  as open(); Error{damaged}: another vault, or an older generation
    void refresh();

    /// All versions, by name and version.
    [[nodiscard]] const std::vector<KeyVersion>& list() const;
    /// "NAME" (its newest version), "NAME/VERSION", or a thumbprint's prefix of at least 4 digits. A name comes first.
    /// returns  nothing when there is none. throws  Error{usage}: a prefix of several keys
    [[nodiscard]] std::optional<KeyVersion> find(std::string_view reference) const;
    [[nodiscard]] std::optional<KeyVersion> find(const format::Thumbprint& thumbprint) const;
    /// Like find(reference). throws  Error{key_unavailable}: "no key X in the vault DIR"
    [[nodiscard]] KeyVersion get(std::string_view reference) const;
    /// The newest version of `name` that may wrap now.
    [[nodiscard]] std::optional<KeyVersion> newest_enabled(std::string_view name) const;
    /// The public half as PEM.
    [[nodiscard]] std::string export_public(std::string_view reference) const;

    /// (unlocked) Version 1 of a new name. bits  2048, 3072 or 4096
    /// throws  Error{usage}: bad name or size; Error{refused}: the name is taken (rotate makes a new version)
    KeyVersion create_key(const std::string& name, int bits, const KeyDates& dates = {});
    /// (unlocked) Takes a private key in, as the next version of `name`.
    /// throws  Error{refused}: the vault has this key already
    KeyVersion import_key(const std::string& name, const crypto::RsaPrivateKey& key, const std::string& origin = "imported",
                          const KeyDates& dates = {});
    /// (unlocked) A new version, of the newest one's size unless `bits` says otherwise. Older versions are not touched.
    KeyVersion rotate(const std::string& name, int bits = 0, const KeyDates& dates = {});
    /// (unlocked) "NAME" stands for all its versions here, "NAME/VERSION" or a thumbprint for one.
    void set_enabled(std::string_view reference, bool enabled);
    void set_dates(std::string_view reference, const KeyDates& dates);
    /// (unlocked) Soft deletion: the material stays until it is purged, and recover() brings it back as it was.
    void soft_delete(std::string_view reference);
    void recover(std::string_view reference);

    /// Seals the vault key anew; no other octet of the vault's secrets changes. The vault is unlocked afterwards.
    /// throws  Error{wrong_passphrase}; Error{usage}: the new one is empty
    void change_passphrase(const SecretBytes& old_passphrase, const SecretBytes& new_passphrase,
                           const crypto::ScryptCost& cost = {});

    struct Unwrapped {
        Outcome outcome = Outcome::ok;
        SecretBytes plaintext;  ///< only when ok
    };
    /// (unlocked) RSA-OAEP-256. A key that is disabled or deleted refuses; one outside its dates does not.
    [[nodiscard]] Unwrapped unwrap(const format::Thumbprint& thumbprint, ByteView wrapped) const;
    /// (unlocked) The private half as PKCS#8, for escrow objects and key backups. throws  Error{key_unavailable}
    [[nodiscard]] SecretBytes export_private(const format::Thumbprint& thumbprint) const;

    /// (unlocked) Keeps the seed of an identity under a name ("officer").
    void put_identity(const std::string& name, const SecretBytes& seed);
    /// (unlocked)
    [[nodiscard]] std::optional<SecretBytes> get_identity(const std::string& name) const;
    /// Which identity is kept under that name, without unlocking.
    [[nodiscard]] std::optional<IdentityId> identity_of(const std::string& name) const;

private:
    struct State;
    explicit LocalVault(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace signet::keyring
