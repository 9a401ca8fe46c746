// What officers have condemned, and what became of it (docs/format.md section 7). Whether an entry's signer is trusted
// is for the caller to say.
#pragma once

#include "format/backup_entry.h"
#include "format/prune_entry.h"
#include "format/repack_entry.h"
#include "storage/repository.h"

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace signet::storage {

/// How an object stands towards all condemnations that were taken. Ascending: the later the worse.
enum class Standing : std::uint8_t {
    free,       ///< not condemned, or spared by every verdict
    condemned,  ///< no verdict yet
    let_go,     ///< it may be gone
};

/// A condemnation that counts, with the verdicts on it.
struct Condemnation {
    EntryId entry;
    IdentityId officer;
    std::uint64_t sequence = 0;
    TimePoint time;
    format::CondemnationFields fields;
    std::vector<format::VerdictFields> verdicts;

    [[nodiscard]] bool is_open() const { return verdicts.empty(); }
};

class Condemnations {
public:
    /// Takes an entry of an officer who is trusted for it, in any order; others than condemnations and verdicts are
    /// passed over. throws  Error{damaged}: nothing of the entry is taken
    void take(const format::SignedEntry& entry);

    /// A verdict that nobody has signed: what would be, if somebody did.
    void suppose(format::VerdictFields verdict);

    [[nodiscard]] bool empty() const { return all_.empty(); }
    [[nodiscard]] bool has_open() const;
    [[nodiscard]] std::vector<const Condemnation*> all() const;

    /// For who would reach it. A pack that others stand for can be reached as before: what it is relied on for is
    /// theirs.
    [[nodiscard]] Standing of_pack(const IdentityId& identity, std::uint64_t sequence, std::size_t pack) const;
    /// Whether a condemnation without a verdict names it, for whatever reason.
    [[nodiscard]] bool is_pending(const IdentityId& identity, std::uint64_t sequence, std::size_t pack) const;
    /// Whether a verdict let it go, for whatever reason.
    [[nodiscard]] bool is_let_go(const IdentityId& identity, std::uint64_t sequence, std::size_t pack) const;
    [[nodiscard]] Standing of_loose(const PackId& pack) const;
    [[nodiscard]] Standing of_loose(const IndexId& index) const;
    [[nodiscard]] Standing of_dek(const DekId& dek) const;
    /// Of all that an entry would rely on: its data key, its packs, what it reaches and borrows. signer  of the entry
    [[nodiscard]] Standing of_entry(const format::BackupPublic& fields, const IdentityId& signer) const;
    /// Of its data key, its packs and its index segments.
    [[nodiscard]] Standing of_listed(const format::SealedPacks& listed) const;
    /// Those of these entries alone.
    [[nodiscard]] Condemnations only(const std::set<EntryId>& entries) const;
    /// Whether a condemnation names it on which there are verdicts that all let it go: then it is to be deleted.
    [[nodiscard]] bool is_to_go(const IdentityId& identity, std::uint64_t sequence, std::size_t pack) const;
    [[nodiscard]] bool is_to_go(const PackId& loose) const;
    [[nodiscard]] bool is_to_go(const IndexId& loose) const;
    [[nodiscard]] bool is_to_go(const DekId& dek) const;

private:
    struct State {
        Standing standing = Standing::free;
        bool is_pending = false;
        bool is_let_go = false;
        bool is_to_go = false;
    };
    /// By (identity, sequence number, number of the pack).
    using PackKey = std::pair<std::pair<IdentityId, std::uint64_t>, std::size_t>;
    struct States {
        std::map<PackKey, State> packs;
        std::map<PackId, State> loose;
        std::map<IndexId, State> indexes;
        std::map<DekId, State> deks;
    };
    template <class Objects, class Key>
    [[nodiscard]] static State state_in(const Objects& objects, const Key& key);
    [[nodiscard]] const States& states() const;
    static void judge(const Condemnation& condemnation, States& states);

    std::map<EntryId, Condemnation> all_;
    std::multimap<EntryId, format::VerdictFields> waiting_;  ///< verdicts on what was not taken (yet)
    mutable std::optional<States> states_;                   ///< made when first asked for
};

/// What a run has read of the officers' journals at one time.
struct OfficersWord {
    Condemnations condemnations;
    format::ReadJournals read;  ///< as an entry obeys them
};
/// What a backup or partial entry may obey, of what its run has read first and latest. Behind what earlier entries of
/// its journal obey none may fall back: whoever deletes waits for one that has read a condemnation, and counts on all
/// that follow it. What was condemned since the first reading is spared for the run otherwise, unless a verdict has let
/// it go already.
/// bound  what earlier entries of the journal obey. returns  nothing: there must not be such an entry
[[nodiscard]] std::optional<format::ReadJournals> obedience(const OfficersWord& first, const OfficersWord& latest,
                                                            const format::ReadJournals& bound,
                                                            const format::BackupPublic& fields,
                                                            const IdentityId& signer);
/// Whether a reading is no older than what entries of a journal obey. Who is no officer any more, as the latest reading
/// tells, binds nobody.
[[nodiscard]] bool is_as_far(const OfficersWord& reading, const OfficersWord& latest,
                             const format::ReadJournals& bound);

/// What an entry obeys. throws  Error{damaged}
[[nodiscard]] format::ReadJournals obeyed_by(const format::SignedEntry& entry);
/// What the entries of a journal obey, all taken together: an entry is bound by what those before it obey. For an
/// officer's journal: without what stands in it itself. An entry that cannot be read obeys nothing.
[[nodiscard]] format::ReadJournals bound_of(const Journal& journal);

}  // namespace signet::storage
