// What this writer and its predecessors have stored before, and what officers had sealed anew or copied of it:
// journals, packs, and which of them a new run may refer to.
#pragma once

#include "backup/chunk_table.h"
#include "keyring/keyring.h"
#include "keyring/policy.h"
#include "keyring/resolver.h"
#include "storage/condemnations.h"
#include "storage/repacks.h"
#include "storage/repository.h"

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace signet::backup {

/// What is needed instead of packs that one repack entry replaced, after all repacking.
struct StandIn {
    std::vector<format::PackInfo> packs;
    std::set<DekId> deks;
};

/// One pack of an earlier entry.
struct KnownPack {
    /// As in format::Reach: the writer's own journal, or a predecessor's; nothing: of a repack entry, to be borrowed.
    std::optional<std::uint64_t> journal;
    storage::EntryPlace place;  ///< of the entry that lists it
    std::uint32_t ordinal = 0;  ///< in that entry's list
    DekId dek;                  ///< of that entry
    format::PackInfo info;
    const StandIn* stand_in = nullptr;  ///< what is needed instead of it, whoever names it
    bool counts = true;                 ///< not once the repack entry counts no more
    bool usable = false;                ///< it exists, nothing stands for it, and its DEK may be referred to
};

/// A slot that somebody stored.
struct ClaimedSlot {
    format::SlotName name;
    format::Slot slot;
};

/// A data key of earlier runs and who opens it.
struct KnownDek {
    DekId id;
    Digest commitment;
    TimePoint made;
    std::vector<format::Slot> slots;  ///< of signed entries
    std::vector<ClaimedSlot> claims;  ///< from slots/: true only once opened, whoever can add objects can add these
    bool referable = true;
    bool needs_rewrap = false;  ///< to be wrapped under the default if a backup refers to it
};

class History {
public:
    /// Whether an entry counts: its writer is trusted for it.
    using Believes = std::function<bool(const IdentityId&, std::uint64_t sequence)>;

    /// The officers' journals, and whether an entry of theirs counts.
    struct Officers {
        std::list<storage::Journal> journals;
        std::function<bool(const format::SignedEntry&)> counts;
    };

    /// Reads the journals of the writer and of its predecessors, and lists packs and slots.
    /// officers  what they had sealed anew is referred to instead of what it stands for; `counts` is asked only here
    /// and in follow()
    /// believes  entries for which it says no are as good as not there
    /// warn  takes one sentence about an object that is left out
    /// throws  Error{damaged}: the writer's own journal has a problem
    History(const storage::Repository& repository, const IdentityId& writer,
            const std::vector<IdentityId>& predecessors, Officers officers, const Believes& believes,
            const std::function<void(const std::string&)>& warn);

    /// The writer's own.
    [[nodiscard]] const storage::Journal& journal() const { return journals_.front(); }
    /// The entries of runs in it, believed or not.
    [[nodiscard]] const std::vector<keyring::OwnEntry>& own_entries() const { return own_entries_; }
    /// The newest committed backup of a series; nullptr when there is none.
    [[nodiscard]] const storage::RunEntry* latest_of(const SeriesId& series) const;

    /// What a choice depends on.
    struct Choice {
        SeriesId series;              ///< of the new run
        std::int64_t horizon_ns = 0;  ///< Policy::dedup_horizon_ns
        std::size_t max_deks = 0;
        TimePoint now;
        std::function<bool(const KnownDek&)> is_current;  ///< the run's default protector opens it, for certain
        std::function<keyring::AfterRotation(const KnownDek&)> rule;  ///< for one that is not
    };
    /// Decides what a new run may refer to: policy after a rotation, the horizon, at most max_deks data keys, those of
    /// the series first.
    void choose(const Choice& choice);
    /// After choose(): packs that officers have condemned are not referred to.
    void leave_out(const storage::Condemnations& condemnations);
    /// After choose(): a data key that is not to be referred to after all.
    void leave_out(const DekId& dek);
    /// Loads the index segments of usable packs into a table.
    /// cache_directory  where sealed copies of segments are kept; empty: none
    void load_index(ChunkTable& table, const SecretBytes& index_key, const std::string& cache_directory) const;

    [[nodiscard]] const std::vector<KnownPack>& packs() const { return packs_; }
    [[nodiscard]] std::map<DekId, KnownDek>& deks() { return deks_; }
    [[nodiscard]] const std::map<DekId, KnownDek>& deks() const { return deks_; }
    /// Marks a pack as used by this run. For several threads at once.
    void mark(PackNumber pack) { used_[pack].store(1, std::memory_order_relaxed); }
    /// Follows what officers have said by now about packs that others stand for.
    void follow(Officers officers);
    /// How many of the marked packs are gone, and what stands for them: an officer may have shredded some since this
    /// run began, or had them repacked. throws  Error{io}: nothing is known
    [[nodiscard]] std::uint64_t count_gone() const;
    /// The data keys that the marked packs need.
    [[nodiscard]] std::set<DekId> marked_deks() const;
    /// The reach that the marks amount to, ascending by journal and sequence.
    [[nodiscard]] std::vector<format::Reach> reach() const;
    /// What they amount to of packs of repack entries, ascending by journal and sequence.
    [[nodiscard]] std::vector<format::Borrowed> borrowed() const;

private:
    class Stored;
    [[nodiscard]] std::vector<std::pair<std::string, Bytes>> load_segment(const IndexId& id,
                                                                          const std::string& folder) const;
    using Numbers = std::map<PackId, PackNumber>;
    void add_chunks(ChunkTable& table, const format::IndexSegment& segment) const;
    void load_segments(ChunkTable& table, const std::vector<format::IndexInfo>& infos, const IdentityId& writer,
                       const SecretBytes& index_key, const std::string& folder) const;
    void collect_runs(const storage::Journal& journal, const Believes& believes);
    void read(Officers officers);
    void collect_packs();
    void add_packs(const storage::EntryPlace& place, std::optional<std::uint64_t> journal,
                   const format::SealedPacks& listed);
    void add_repacks();
    void judge_packs();
    void fill(StandIn& stand_in, const storage::RepackEntry& by);
    [[nodiscard]] std::optional<std::uint64_t> journal_of(const IdentityId& identity) const;
    void collect_slots(const std::function<void(const std::string&)>& warn);
    template <class Take>
    void each_need_of(const storage::RunEntry& run, const Take& take) const;
    template <class Take>
    static void each_dek_of(const KnownPack& pack, const Take& take);
    [[nodiscard]] std::map<DekId, std::uint64_t> weights() const;
    [[nodiscard]] std::set<DekId> deks_of(const SeriesId& series) const;
    [[nodiscard]] std::set<DekId> replaced_deks() const;
    const storage::Repository& repository_;
    std::vector<storage::Journal> journals_;  ///< the writer's, then its predecessors', in the order of reach
    std::vector<keyring::OwnEntry> own_entries_;
    storage::RunEntries entries_;                 ///< of runs that count
    std::vector<const storage::RunEntry*> runs_;  ///< the predecessors' first: so the newest come last
    std::list<storage::Journal> officers_;
    storage::Repacks repacks_;                          ///< of these journals
    std::map<storage::EntryPlace, StandIn> stand_ins_;  ///< by the place of the repack entry that is taken for packs
    std::vector<KnownPack> packs_;
    Numbers numbers_;
    std::map<DekId, KnownDek> deks_;
    std::unique_ptr<std::atomic<std::uint8_t>[]> used_;
};

}  // namespace signet::backup
