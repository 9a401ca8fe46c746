// What is said in several journals, in one order; and the tombstones among it (docs/format.md section 7). Whether an
// entry's signer is trusted is for the caller to say.
#pragma once

#include "core/clock.h"
#include "format/officer_entry.h"
#include "storage/repository.h"

#include <functional>
#include <map>
#include <tuple>
#include <vector>

namespace signet::storage {

/// Makes the order in which statements of several journals follow each other: (running time, identity, sequence).
using StatementOrder = std::tuple<TimePoint, IdentityId, std::uint64_t>;
using StatementVisitor = std::function<void(const format::SignedEntry&, const StatementOrder&)>;

/// Visits the entries of a journal, each with its place in that order.
void visit_statements(const Journal& journal, const StatementVisitor& visit);
/// Of all journals, one after the other.
void visit_statements(const std::vector<Journal>& journals, const StatementVisitor& visit);

/// The same of what stands behind damage in a journal, in their places after what is believed.
void visit_stranded(const Journal& journal, const StatementVisitor& visit);

/// The statement about a backup that counts, of all that were made.
struct LastWord {
    StatementOrder order;
    EntryId entry;
    bool forgotten = false;  ///< what a tombstone says
};

/// Of each backup, the latest tombstone that counts.
class Tombstones {
public:
    /// A statement of an officer who is trusted for it; `entry` is a tombstone.
    /// stands  whether what it names is at its place. throws  Error{damaged}: nothing of the entry is taken
    void take(const format::SignedEntry& entry, const StatementOrder& order,
              const std::function<bool(const format::TombstoneStatement&)>& stands);
    /// nullptr: nothing was said about it
    [[nodiscard]] const LastWord* find(const EntryId& backup) const;
    [[nodiscard]] bool is_forgotten(const EntryId& backup) const;

private:
    std::map<EntryId, LastWord> latest_;
};

}  // namespace signet::storage
