// Inside keyring/ only: an open vault's memory, shared by the files that implement LocalVault.
#pragma once

#include "core/crypto/rsa.h"
#include "keyring/local_vault.h"
#include "keyring/vault_content.h"

#include <functional>
#include <string>
#include <vector>

namespace signet::keyring {

struct LocalVault::State {
    std::string folder;
    const Clock* clock = nullptr;
    Bytes file;  ///< as last read
    Json mac;    ///< of it, as stored
    Content content;
    std::vector<KeyVersion> listing;
    SecretBytes vault_key;

    [[nodiscard]] std::string path() const;
    [[nodiscard]] std::string what() const { return "vault " + folder; }

    void accept(Bytes bytes);
    void authenticate(const SecretBytes& key) const;
    void require_unlocked() const;
    void write(Content next);
    /// Every change: lock, read again, check, purge what is due, apply to a copy, next generation, replace.
    void change(const std::function<void(Content&)>& apply);
    void purge_due();
    /// throws  Error{refused}: it is not deleted, or protected still
    void check_purge(const KeyVersion& key) const;

    [[nodiscard]] const StoredKey& stored(const format::Thumbprint& thumbprint) const;
    [[nodiscard]] SecretBytes open_private(const StoredKey& key) const;
    void check_new_name(const std::string& name) const;
    struct Addition {
        std::string name, origin;
        KeyDates dates;
        KeyUse use = KeyUse::protector;
        bool must_be_new = false;
    };
    KeyVersion add(const crypto::RsaPrivateKey& key, const Addition& addition);
    static void check_dates(const KeyDates& dates);
    [[nodiscard]] static std::uint32_t next_version(const Content& in, const std::string& name);
    /// Seals and puts in its place. throws  Error{refused}: the vault has this key already
    void insert(Content& next, StoredKey added, const SecretBytes& pkcs8) const;
    /// The record of a name, made when there is none. throws  Error{key_unavailable}: there is no such key
    KeyRecord& record_of(Content& next, const std::string& name) const;
    /// Leaves out what says nothing.
    static void tidy_records(Content& next);
};

/// Applies to all versions of a name, or to the one that is meant.
/// throws  Error{key_unavailable}: it was purged meanwhile
void for_reference(Content& content, const KeyVersion& meant, std::string_view reference,
                   const std::function<void(StoredKey&)>& apply);

}  // namespace signet::keyring
