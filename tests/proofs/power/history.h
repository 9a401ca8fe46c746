// A host, and what it does while every system call is noted.
#pragma once

#include "keyring/resolver.h"
#include "storage/repository.h"
#include "tests/proofs/power/disk_model.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace signet::proof {

/// What a backup holds: the octets' digest of each regular file, by path.
using Contents = std::map<std::string, Digest>;

/// Of all regular files below a folder.
[[nodiscard]] Contents contents_below(const std::string& folder);

/// The host: everything of it is below one folder, but for what it backs up.
struct Host {
    /// top  of the host; files  what it backs up
    Host(const std::string& where, std::string files);

    std::string top;
    std::string source;
    keyring::PassphraseSource passphrases;
    keyring::Vaults vaults;
    keyring::KeyringSet keyrings;
    keyring::Resolver resolver;
    std::optional<storage::Repository> repository;

    /// Makes vault, keyring and repository; the host's writer is trusted.
    void set_up();
    void open_repository();
    [[nodiscard]] EntryId back_up();
    /// Says as the officer that these backups are forgotten.
    void forget(const std::vector<EntryId>& backups);
    /// One run of it, in which nothing waits.
    void prune();
};

/// What was done, and what each backup holds.
struct History {
    std::vector<Operation> operations;
    std::map<std::string, Contents> backups;  ///< by id
};

// Marks: the id of a backup that was committed, and of one that is about to be, or was, forgotten.
[[nodiscard]] std::string forgetting(const std::string& id);
[[nodiscard]] std::string forgotten(const std::string& id);

/// Sets the host up, backs up, rotates its key, forgets and prunes.
[[nodiscard]] History make_history(Host& host);

}  // namespace signet::proof
