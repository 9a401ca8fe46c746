// Makes repack entries about one writer: copies packs under a new data key, whole or what is needed of them, seals
// bodies anew, and commits that in pieces (docs/format.md section 7). Nothing is removed. Whoever stops between two
// pieces loses the one under way.
#pragma once

#include "format/repack_entry.h"
#include "restore/pack_copier.h"
#include "restore/reach.h"
#include "storage/repository.h"

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace signet::restore {

/// Asked right before a repack entry is signed: says what it obeys, of what its signer has read by now.
/// throws  Error{refused}: what it would name was condemned
using Obedience = std::function<format::ReadJournals(const format::SealedPacks&)>;
/// An entry of a journal that is to be made, given its head.
using EntryMaker = std::function<Bytes(const format::EntryHead&, const crypto::SigningKey&)>;
/// Signs with an officer's key and appends to that officer's journal; who finds a sequence number taken makes the entry
/// again with the next.
using EntryAppender = std::function<void(const EntryMaker&)>;

class Repacker {
public:
    struct Setup {
        const storage::Repository& repository;
        const EntryAppender& append;
        IdentityId writer;               ///< whose backups these are
        const format::WriterKeys& keys;  ///< of that writer
        const format::DataKey& key;      ///< the new one; its slots are stored already
        std::vector<format::Slot> slots;
        std::uint64_t piece_octets = 0;  ///< packs that one repack entry stands for
        /// Takes one sentence: an index segment that cannot be used.
        std::function<void(const std::string&)> warn;
        /// Asked before each pack: whether to stop here.
        std::function<bool()> stop;
        /// Takes the octets of each pack that was copied.
        std::function<void(std::uint64_t)> copied;
        Obedience obey;  ///< empty: nobody prunes
    };
    explicit Repacker(Setup setup);

    /// Says that packs are about to be stored under this data key: before the first of them.
    void open();
    /// Takes a body that this writer's backup is to have from now on.
    void add_body(std::uint64_t sequence, const EntryId& backup, SecretBytes octets);
    /// Copies packs of one entry. key  of that entry
    /// on_failure  takes what could not be copied, and why; those packs stay as they are
    /// returns  false: it was stopped. throws  Error{io}; Error{failed}
    bool add_packs(const ReachedEntry& reached, const format::DataKey& key,
                   const std::function<void(const Error&)>& on_failure);
    /// A pack that the caller makes, to be handed to take().
    [[nodiscard]] PackMaker start_pack() { return copier_.start(); }
    /// Takes a pack that stands for one of an entry's: it holds the same chunks. pack  its number in the entry's list
    void take(const ReachedEntry& reached, std::size_t pack, format::IndexedPack made);
    /// For lossy pieces, which the caller ends: takes a pack that was made; a pack of an entry's list for which those
    /// of the piece stand; and a backup for which they do. They hold all that these backups refer to of what is
    /// replaced.
    void keep(format::IndexedPack made);
    void replace(const ReachedEntry& reached, std::size_t pack);
    void serve(const format::ServedBackup& backup);
    /// Commits what was taken since the last piece.
    void commit();

    [[nodiscard]] std::uint64_t packs() const { return packs_; }
    [[nodiscard]] std::uint64_t octets() const { return octets_; }
    [[nodiscard]] std::uint64_t entries() const { return entries_; }

private:
    /// Packs of an entry that are still to be copied: by id, their number in the entry's list.
    using Wanted = std::map<PackId, std::size_t>;
    bool copy_indexed(const ReachedEntry& reached, const format::IndexInfo& info, const format::DataKey& key,
                      Wanted& wanted, const std::function<void(const Error&)>& on_failure);
    void copy(const ReachedEntry& reached, std::size_t pack, const format::DataKey& key,
              const std::vector<ChunkId>* ids);
    void close_segment();
    void append(format::RepackPublic fields, const std::vector<SecretBytes>& bodies);
    [[nodiscard]] format::RepackPublic common_fields() const;

    Setup setup_;
    PackCopier copier_;
    // The piece under way.
    std::vector<format::PackInfo> made_;
    std::vector<format::IndexInfo> indexes_;
    format::IndexSegment segment_;
    std::size_t chunks_in_segment_ = 0;
    std::map<EntryPlace, format::ReplacedPacks> replaced_;
    std::map<EntryPlace, EntryId> served_;
    std::map<std::uint64_t, std::pair<EntryId, SecretBytes>> bodies_;
    std::size_t body_octets_ = 0;
    std::uint64_t octets_in_piece_ = 0;
    // All pieces.
    std::uint64_t packs_ = 0;
    std::uint64_t octets_ = 0;
    std::uint64_t entries_ = 0;
};

}  // namespace signet::restore
