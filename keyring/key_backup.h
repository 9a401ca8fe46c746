// Key backups: a file that holds every version of one key of a local vault, sealed under a passphrase or under a secret
// that people hold in shares. docs/vault.md.
//
// It is restored into local vaults alone, the one it came from or another: after the loss of a machine there is only
// another. Deleted versions are left out.
#pragma once

#include "keyring/local_vault.h"
#include "keyring/secret_shares.h"

#include <optional>
#include <string_view>
#include <vector>

namespace signet::keyring {

/// A key backup, and what the vault is to remember of it once the file is stored.
struct KeyBackup {
    Bytes file;
    KeyBackupRecord record;
    std::vector<KeyVersion> versions;
};

/// A key backup that shares open: the file and `threshold` of the shares are needed.
struct SharedKeyBackup {
    KeyBackup backup;
    std::vector<SecretShare> shares;
};

/// What a key backup holds.
struct OpenKeyBackup {
    std::string vault;  ///< id of the vault that it was made from
    TimePoint made;
    KeyRecord record;  ///< name, tags, rotation policy, and itself as the last key backup
    std::vector<WholeKey> keys;
};

inline constexpr std::size_t kMaxKeyBackup = std::size_t{16} * 1024 * 1024;

/// What a key is, but for its private halves: changes when a version, state, date, tag or rotation policy does.
[[nodiscard]] Digest key_digest(const std::vector<KeyVersion>& versions, const KeyRecord& record);

/// vault  unlocked. throws  Error{key_unavailable}: no such key; Error{refused}: all its versions are deleted;
///        Error{usage}: an empty passphrase
[[nodiscard]] KeyBackup make_key_backup(const LocalVault& vault, const std::string& name, const SecretBytes& passphrase,
                                        TimePoint now, const crypto::ScryptCost& cost = {});

/// The same, but that no passphrase opens the file. throws  also Error{usage}: not a valid scheme
[[nodiscard]] SharedKeyBackup make_shared_key_backup(const LocalVault& vault, const std::string& name,
                                                     const ShareScheme& scheme, TimePoint now);

/// Whether a file is a key backup, whole or not.
[[nodiscard]] bool is_key_backup(ByteView file);

/// throws  Error{wrong_passphrase}; Error{damaged}; Error{unsupported}: of another kind of vault, or a newer version
[[nodiscard]] OpenKeyBackup open_key_backup(ByteView file, const SecretBytes& passphrase, std::string_view what);
/// The same with shares. throws  Error{wrong_passphrase}: too few, of another key backup, or altered, and which;
///                               Error{usage}: a passphrase opens it
[[nodiscard]] OpenKeyBackup open_key_backup(ByteView file, const std::vector<SecretShare>& shares,
                                            std::string_view what);
/// How many shares open it; nothing when a passphrase does. throws  Error{damaged}
[[nodiscard]] std::optional<ShareScheme> shares_of_key_backup(ByteView file, std::string_view what);

}  // namespace signet::keyring
