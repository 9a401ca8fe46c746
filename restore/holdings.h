// What lies in a repository and who relies on it, at one moment: objects are listed first and journals are read then,
// so that everything that an entry names by now and that was there before is known by its entry (docs/format.md section
// 14). What pruning decides by.
#pragma once

#include "restore/catalogue.h"
#include "restore/fence.h"

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace signet::restore {

/// An entry with packs, of a run or a repack entry that counts.
struct HeldEntry {
    EntryPlace place;
    const format::SealedPacks* listed = nullptr;  ///< owned by the catalogue
    IdentityId owner;                             ///< whose chunks are in its packs
    bool is_live = false;                         ///< whoever made it may go on with its data key
    std::optional<format::RunId> run;             ///< of a backup or partial entry
};

/// A pack in an entry's list.
using ListedPack = std::pair<EntryPlace, std::size_t>;

/// For one thread. Catalogue and listing outlive it.
class Holdings {
public:
    /// catalogue  read after `listing` was made, which has all objects of the repository
    /// throws  Error{damaged}: a journal that counts is not whole, or what a backup needs cannot be followed
    Holdings(const storage::Repository& repository, const Catalogue& catalogue,
             const storage::CompleteListing& listing);

    [[nodiscard]] const storage::Repository& repository() const { return repository_; }
    [[nodiscard]] const Catalogue& catalogue() const { return catalogue_; }
    [[nodiscard]] const storage::CompleteListing& listing() const { return listing_; }
    [[nodiscard]] const std::map<EntryPlace, HeldEntry>& entries() const { return entries_; }
    /// nullptr: there is no such entry with packs, or none that counts
    [[nodiscard]] const HeldEntry* entry(const EntryPlace& place) const;

    /// Octets of an object and of what is kept of it beside its name; nothing when there is neither.
    [[nodiscard]] std::optional<std::uint64_t> octets_of(const std::string& name) const;
    /// Whether a backup that is not forgotten needs it, or a run that may go on.
    [[nodiscard]] bool needs(const PackId& pack) const { return needed_packs_.contains(pack); }
    [[nodiscard]] bool needs(const DekId& dek) const { return needed_deks_.contains(dek); }
    /// Where entries name it.
    [[nodiscard]] const std::vector<ListedPack>& named(const PackId& pack) const;
    [[nodiscard]] const std::vector<EntryPlace>& named(const IndexId& index) const;
    [[nodiscard]] const std::vector<EntryPlace>& named(const DekId& dek) const;
    /// Whether a repack entry says that others stand for it.
    [[nodiscard]] bool is_replaced(const ListedPack& place) const { return replaced_.contains(place); }
    /// What stands for it, after all repacking.
    [[nodiscard]] std::vector<ListedPack> standing_for(const ListedPack& place) const;
    /// The data key that a pack in no entry says it is sealed under; nothing when it says none.
    [[nodiscard]] std::optional<DekId> dek_of_loose(const PackId& pack) const;
    /// Whose an index segment in no entry says it is.
    [[nodiscard]] std::optional<IdentityId> owner_of_loose(const IndexId& index) const;
    /// Whether entries that cannot be read may name what seems to be in none.
    [[nodiscard]] bool may_overlook() const { return may_overlook_; }
    /// The series of runs of this writer that may go on, as far as its journal tells.
    [[nodiscard]] const std::set<SeriesId>& live_runs(const IdentityId& writer) const;
    /// What trusted backups need that are not forgotten, each with the oldest of them; not what was let go, as of a
    /// backup that somebody takes back too late.
    [[nodiscard]] const std::map<PackId, const Backup*>& relied_on() const { return relied_on_; }
    /// The same, or somebody who repacks for it.
    [[nodiscard]] bool has_live(const IdentityId& owner) const { return live_owners_.contains(owner); }

    /// The writers who may still refer to packs of this one, or sign entries with data keys of it: itself and whoever
    /// names it as a predecessor, unless trust in them has ended.
    [[nodiscard]] std::vector<IdentityId> who_may_refer(const IdentityId& owner) const;
    /// Whether an officer has said of an identity that nothing that follows its last entry counts in this role.
    [[nodiscard]] bool has_ended(const IdentityId& identity, format::Role role) const;
    /// Whether the last entry of a journal is bound by what this officer said in this entry.
    [[nodiscard]] bool is_bound(const IdentityId& identity, const IdentityId& officer, std::uint64_t sequence) const;
    /// For people: who it is and when it was last heard of.
    [[nodiscard]] WaitingWriter describe(const IdentityId& identity) const;
    /// Journals and how far they were read.
    [[nodiscard]] format::ReadJournals seen() const;

private:
    void require_whole();
    void collect_entries();
    void judge_runs();
    void judge_repackers();
    void collect_needs();
    void need(const format::SealedPacks& listed, const Bytes& bitmap);

    const storage::Repository& repository_;
    const Catalogue& catalogue_;
    const storage::CompleteListing& listing_;
    bool may_overlook_ = false;
    std::map<std::string, std::uint64_t> remains_;  ///< octets of what is kept of an object beside its name
    std::map<EntryPlace, HeldEntry> entries_;
    std::map<PackId, std::vector<ListedPack>> packs_;
    std::map<IndexId, std::vector<EntryPlace>> indexes_;
    std::map<DekId, std::vector<EntryPlace>> deks_;
    std::set<ListedPack> replaced_;
    std::set<PackId> needed_packs_;
    std::set<DekId> needed_deks_;
    std::map<PackId, const Backup*> relied_on_;
    std::map<IdentityId, std::set<SeriesId>> live_runs_;
    std::set<IdentityId> live_owners_;
    std::map<IdentityId, std::uint64_t> lengths_;            ///< of journals
    std::map<IdentityId, format::ReadJournals> bound_;       ///< of journals
    std::map<IdentityId, std::set<IdentityId>> successors_;  ///< who makes backups and names it, itself among them
};

}  // namespace signet::restore
