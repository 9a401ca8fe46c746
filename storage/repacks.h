// Which packs, which data keys and which body a backup really needs: its own and those that it reaches, or what repack
// entries say stands for them (docs/format.md section 7). The one place that follows repack entries. Whether an entry's
// signer is trusted is for the caller to say.
#pragma once

#include "format/repack_entry.h"
#include "storage/statements.h"

#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace signet::storage {

/// Where an entry stands: identity and sequence number.
using EntryPlace = std::pair<IdentityId, std::uint64_t>;
using RunEntries = std::map<EntryPlace, RunEntry>;

/// An entry whose packs a backup needs, and which of them.
struct ReachedEntry {
    const format::SignedEntry* entry = nullptr;   ///< owned by a Journal
    const format::SealedPacks* listed = nullptr;  ///< of this entry; owned by a RunEntry or RepackEntry
    IdentityId writer;                            ///< who made the packs' chunks: named in their index segments
    Bytes bitmap;

    /// Whether the backup needs this pack of the entry's list.
    [[nodiscard]] bool has(std::size_t pack) const { return format::bitmap_has(bitmap, pack); }
};

/// The bitmap of all packs that an entry lists.
[[nodiscard]] Bytes all_packs(const format::SealedPacks& listed);

/// Where a backup's body is.
struct BodySource {
    const format::SignedEntry* entry = nullptr;   ///< its own, or a repack entry; owned by a Journal
    const format::SealedPacks* listed = nullptr;  ///< of that entry: its data key seals the body
    std::size_t number = 0;                       ///< among the bodies of a repack entry

    /// throws  Error{damaged}
    [[nodiscard]] format::BackupBody open(const format::DataKey& key) const;
    /// The same, as it was sealed.
    [[nodiscard]] SecretBytes open_octets(const format::DataKey& key) const;
};

/// A repack entry that counts.
struct RepackEntry {
    const format::SignedEntry* entry = nullptr;  ///< owned by a Journal
    format::RepackPublic fields;
    StatementOrder order;
};

/// The repack entries of a repository that count. Pointers are valid as long as the journals and runs it was made of.
class Repacks {
public:
    Repacks() = default;
    /// Takes what officers signed and leaves out what contradicts the entries it names.
    /// journals  those of officers, and those whose entries repack entries may name
    /// is_officers  whether the signer of an entry is trusted for it as an officer
    /// on_damage  takes each repack entry that is left out, and why
    Repacks(const std::vector<const Journal*>& journals, const RunEntries& runs,
            const std::function<bool(const format::SignedEntry&)>& is_officers,
            const std::function<void(const format::SignedEntry&, const Error&)>& on_damage);

    [[nodiscard]] const std::map<EntryPlace, RepackEntry>& entries() const { return entries_; }
    /// The repack entry whose packs stand for a pack of an entry's list, whatever became of those; nullptr: there is
    /// none
    /// backup  whose needs are followed; nothing: of no backup that is there, for which no lossy entry stands
    [[nodiscard]] const RepackEntry* replacement(const EntryPlace& place, std::size_t pack,
                                                 const std::optional<EntryPlace>& backup = {}) const;
    /// Whether a lossy entry stands for a pack, for whatever backups: nothing new should be referred to there.
    [[nodiscard]] bool is_left(const EntryPlace& place, std::size_t pack) const;
    /// Packs that others stand for, whoever needs them: not those that lossy entries alone replace. runs  those that
    /// this was made of
    [[nodiscard]] std::vector<ReachedEntry> replaced(const RunEntries& runs) const;
    /// The body of a backup: its own, or as it was sealed anew.
    [[nodiscard]] BodySource body_of(const RunEntry& backup) const;
    /// What stands for packs of entries: themselves, or the packs of repack entries. Entries with no needed pack are
    /// left out. backup  as for replacement()
    [[nodiscard]] std::vector<ReachedEntry> follow(std::vector<ReachedEntry> reached,
                                                   const std::optional<EntryPlace>& backup = {}) const;

private:
    class Collecting;
    struct Resealed {
        const RepackEntry* by = nullptr;
        std::size_t number = 0;
    };
    std::map<EntryPlace, RepackEntry> entries_;
    std::map<EntryPlace, std::vector<const RepackEntry*>> replaced_by_;  ///< for each pack of an entry's list
    /// The same of lossy ones: all of them, the latest last.
    std::map<EntryPlace, std::vector<std::vector<const RepackEntry*>>> lossy_;
    std::map<EntryPlace, Resealed> bodies_;
};

}  // namespace signet::storage
