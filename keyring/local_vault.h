// The local vault: a folder that holds protectors sealed under a passphrase.
//
//   DIR/            0700
//   DIR/vault.json  0600: one JSON object, canonical, with a checksum (damage) and a MAC (alteration)
//   DIR/vault.lock  taken for every change
//
// docs/vault.md describes the file.
//
// A random vault key is held by unlock slots, so that further ways to unlock can be added without touching a key. Keys
// derived from it seal each private half and authenticate public halves, states and dates as a whole, with a generation
// number. Reading needs no passphrase; what is read is authenticated once the vault is unlocked.
#pragma once

#include "core/crypto/scrypt.h"
#include "core/secret.h"
#include "format/thumbprint.h"
#include "keyring/key_record.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace signet::keyring {

/// A version with its private half.
struct WholeKey {
    KeyVersion key;
    SecretBytes pkcs8;
};

/// One vault, open. Copies nothing secret out except through unwrap() and get_identity(). Not for two threads at once.
/// Operations marked (unlocked) throw Error{usage} on a locked vault. Every change takes the lock, reads the file
/// again, checks it, adds one to the generation and replaces the file; on failure the old file is intact.
class LocalVault {
public:
    /// Makes the folder and an empty, unlocked vault.
    /// throws  Error{refused}: there is a vault already; Error{usage}: empty passphrase; Error{io}
    [[nodiscard]] static LocalVault create(const std::string& folder, const SecretBytes& passphrase,
                                           const crypto::ScryptCost& cost = {}, const Clock& clock = Clock::system());
    /// Reads and checks the file; the vault is locked.
    /// throws  Error{key_unavailable}: no vault there; Error{damaged}; Error{unsupported}: made by a newer version;
    /// Error{io}
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
    KeyVersion create_key(const std::string& name, int bits, const KeyDates& dates = {},
                          KeyUse use = KeyUse::protector);
    /// (unlocked) Takes a private key in, as the next version of `name`.
    /// throws  Error{refused}: the vault has this key already
    KeyVersion import_key(const std::string& name, const crypto::RsaPrivateKey& key,
                          const std::string& origin = "imported", const KeyDates& dates = {});
    /// (unlocked) A new version, of the newest one's size unless `bits` says otherwise. Older versions are not touched.
    /// throws  Error{refused}: every version is deleted
    KeyVersion rotate(const std::string& name, int bits = 0, const KeyDates& dates = {});
    /// (unlocked) "NAME" stands for all its versions here, "NAME/VERSION" or a thumbprint for one.
    void set_enabled(std::string_view reference, bool enabled);
    void set_dates(std::string_view reference, const KeyDates& dates);

    /// (unlocked) Soft deletion: recover() brings the key back as it was, until its retention ends; then the next
    /// change of the vault purges it. What is deleted already keeps its dates. throws  Error{usage}: fewer than 7 or
    /// more than 90 days
    void soft_delete(std::string_view reference, const Retention& retention = {});
    /// throws  Error{refused}: it is not deleted; Error{key_unavailable}: it has been purged
    void recover(std::string_view reference);
    /// (unlocked) Removes private halves for good. returns  what was purged
    /// throws  Error{refused}: a version is not deleted, or its retention has not ended and the vault has purge
    /// protection
    std::vector<PurgedKey> purge(std::string_view reference);
    /// Whether purge() would refuse, said the same way.
    void check_purge(std::string_view reference) const;
    /// Everything that was ever purged, by time.
    [[nodiscard]] const std::vector<PurgedKey>& purged() const;
    /// Whether deleted keys stay until their retention ends. On, and cannot be switched off.
    [[nodiscard]] bool purge_protection() const;
    /// (unlocked) For a vault that has held no key yet: it will have no purge protection. throws  Error{refused}: it
    /// has
    void waive_purge_protection();

    /// What is kept for a name; an empty record when there is nothing.
    [[nodiscard]] KeyRecord record(std::string_view name) const;
    /// (unlocked) Sets tags, or removes those without a value. throws  Error{usage}: too many, too long, not text
    void set_tags(const std::string& name, const std::map<std::string, std::optional<std::string>>& tags);
    /// (unlocked) throws  Error{usage}: days outside 7..3650
    void set_rotation_policy(const std::string& name, const RotationPolicy& policy);
    /// The newest versions that their policies say to rotate now; disabled and deleted ones are left alone.
    [[nodiscard]] std::vector<KeyVersion> due_for_rotation() const;

    /// (unlocked) Remembers that a key backup was made (keyring/key_backup.h).
    void note_key_backup(const std::string& name, const KeyBackupRecord& made);
    /// (unlocked) Takes in what a key backup holds, versions, states and dates as they were. What is there already
    /// stays as it is. returns  the versions that were added throws  Error{refused}: a version of that number is
    /// another key
    std::vector<KeyVersion> adopt(const std::vector<WholeKey>& keys, const KeyRecord& record);
    [[nodiscard]] KeyBackupState backup_state(std::string_view name) const;

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
    /// (unlocked) What a .byok file holds, opened with a key exchange key that is enabled.
    /// returns  PKCS#8; nothing when it was not wrapped for this key. throws  Error{refused}: no key exchange key, or
    /// disabled
    [[nodiscard]] std::optional<SecretBytes> open_transported(const KeyVersion& key, ByteView ciphertext) const;
    /// (unlocked) The private half as PKCS#8, for escrow objects and key backups. throws  Error{key_unavailable}
    [[nodiscard]] SecretBytes export_private(const format::Thumbprint& thumbprint) const;

    /// (unlocked) Keeps the seed of an identity under a name ("officer").
    void put_identity(const std::string& name, const SecretBytes& seed);
    /// (unlocked)
    [[nodiscard]] std::optional<SecretBytes> get_identity(const std::string& name) const;
    /// Which identity is kept under that name, without unlocking.
    [[nodiscard]] std::optional<IdentityId> identity_of(const std::string& name) const;

    struct State;  ///< keyring/local_vault_state.h

private:
    explicit LocalVault(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace signet::keyring
