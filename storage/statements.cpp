#include "storage/statements.h"

#include <algorithm>

namespace signet::storage {

namespace {

/// A clock set back does not reorder a journal: the latest time so far counts.
void visit_in_order(const std::vector<format::SignedEntry>& entries, TimePoint& running,
                    const StatementVisitor& visit) {
    for (const format::SignedEntry& entry : entries) {
        running = std::max(running, entry.head.time);
        visit(entry, {running, entry.identity, entry.head.sequence});
    }
}

}  // namespace

void visit_statements(const Journal& journal, const StatementVisitor& visit) {
    TimePoint running{INT64_MIN};
    visit_in_order(journal.entries, running, visit);
}

void visit_stranded(const Journal& journal, const StatementVisitor& visit) {
    TimePoint running{INT64_MIN};
    visit_in_order(journal.entries, running, [](const format::SignedEntry&, const StatementOrder&) {});
    visit_in_order(journal.stranded, running, visit);
}

void visit_statements(const std::vector<Journal>& journals, const StatementVisitor& visit) {
    for (const Journal& journal : journals) visit_statements(journal, visit);
}

void Tombstones::take(const format::SignedEntry& entry, const StatementOrder& order,
                      const std::function<bool(const format::TombstoneStatement&)>& stands) {
    const std::string name = format::journal_name(entry.identity, entry.head.sequence);
    for (const auto& said : format::TombstoneFields::decode(entry.public_fields(), name).statements) {
        if (!stands(said)) continue;
        const LastWord word{order, entry.id, said.action == format::TombstoneAction::forgotten};
        LastWord& known = latest_.try_emplace(said.backup, word).first->second;
        if (known.order < order) known = word;
    }
}

const LastWord* Tombstones::find(const EntryId& backup) const {
    const auto found = latest_.find(backup);
    return found == latest_.end() ? nullptr : &found->second;
}

bool Tombstones::is_forgotten(const EntryId& backup) const {
    const LastWord* word = find(backup);
    return word != nullptr && word->forgotten;
}

}  // namespace signet::storage
