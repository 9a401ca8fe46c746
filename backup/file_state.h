// The local cache of a series: what each file looked like in the last run, so that unchanged ones are not opened.
//
// A file below the cache directory, in the order of the walk, sealed in blocks under the writer's cache key: somebody
// else's, an old, a cut or an altered one is as good as none. It holds each entry as the tree has it, so an unchanged
// file costs a look-up of its chunks and a copy.
#pragma once

#include "backup/source.h"
#include "core/clock.h"
#include "core/crypto/aead.h"
#include "core/id.h"
#include "core/secret.h"

#include <memory>
#include <optional>
#include <string>

namespace signet::backup {

/// What must be equal for a file to count as unchanged: change time, and a hash of modification time, size, inode,
/// file system and its number in the backup.
struct Fingerprint {
    std::uint64_t changed = 0;
    std::uint64_t rest = 0;
    [[nodiscard]] static Fingerprint of(const SourceStat& stat, std::uint64_t file_system);
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

struct StateEntry {
    Fingerprint fingerprint;
    std::string name;
    ByteView encoded;             ///< the tree's entry, name included; valid until the next call
    std::vector<ChunkId> chunks;  ///< every chunk of its content, lists included
};

/// Whose state, and of what.
struct StateIdentity {
    RepositoryId repository;
    IdentityId writer;
    Digest series;
};

/// Reads the state of the last run along the walk. Missing or unusable: answers that nothing is known.
class OldState {
public:
    OldState(const std::string& path, const StateIdentity& identity, const SecretBytes& cache_key);
    ~OldState();

    /// Goes to a folder; folders come in the order of the walk. returns  whether the last run knew it
    [[nodiscard]] bool enter(const std::string& folder);
    /// The entry of that name in the current folder; names come in ascending order. nullptr: not known
    [[nodiscard]] const StateEntry* find(std::string_view name);
    /// Digest of the last backup's sources; nothing when not known.
    [[nodiscard]] const std::optional<Digest>& root() const { return root_; }
    /// After the last find() in a folder: whether the last run knew entries there that find() was never asked for.
    [[nodiscard]] bool folder_lost_entries();

private:
    struct Reader;
    bool advance();
    std::unique_ptr<Reader> reader_;
    std::optional<Digest> root_;
    StateEntry entry_;
    std::string folder_;       ///< the folder that the next record belongs to
    bool has_entry_ = false;   ///< entry_ is the next record
    bool has_folder_ = false;  ///< the next record is the folder's head
    bool inside_ = false;      ///< folder_ is the one asked for
    bool returned_ = false;    ///< find() returned entry_
    bool lost_entries_ = false;
};

/// Writes the state of this run. Nothing replaces the old state before commit().
class NewState {
public:
    NewState(const std::string& path, const StateIdentity& identity, const SecretBytes& cache_key);
    ~NewState();
    void folder(const std::string& path);
    /// Entries whose change time is not before this moment are left out: they may change again unseen.
    void ignore_changed_after(TimePoint time);
    /// chunks  when not in `encoded` as one run of ids: all of them
    void entry(const Fingerprint& fingerprint, ByteView encoded, const std::vector<ChunkId>& chunks);
    /// Puts the state in place. Failures are ignored: it is a cache.
    void commit(const Digest& root) noexcept;

private:
    void flush_block();
    struct Writer;
    std::unique_ptr<Writer> writer_;
};

}  // namespace signet::backup
