#include "backup/stand_ins.h"

namespace signet::backup {
namespace {

StandIn stand_in_of(const storage::Repacks& repacks, const storage::RepackEntry& by) {
    StandIn stand_in;
    const auto last = repacks.follow({{by.entry, &by.fields, by.fields.writer, storage::all_packs(by.fields)}});
    for (const storage::ReachedEntry& reached : last) {
        StandIn::Part& part = stand_in.parts.emplace_back();
        part.place = {reached.entry->identity, reached.entry->head.sequence};
        part.writer = reached.writer;
        part.dek = reached.listed->dek;
        part.commitment = reached.listed->commitment;
        part.slots = reached.listed->slots;
        part.made = reached.entry->head.time;
        part.indexes = reached.listed->indexes;
        for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
            if (reached.has(pack)) part.packs.emplace_back(pack, reached.listed->packs[pack]);
        }
    }
    return stand_in;
}

}  // namespace

StandIns::StandIns(const std::list<storage::Journal>& officers,
                   const std::function<bool(const format::SignedEntry&)>& is_officers,
                   const std::vector<storage::Journal>& journals, const storage::RunEntries& runs) {
    std::vector<const storage::Journal*> all;
    for (const storage::Journal& journal : officers) all.push_back(&journal);
    for (const storage::Journal& journal : journals) all.push_back(&journal);
    // Who reads the repository is told of a repack entry that is damaged; a backup goes on without it.
    const storage::Repacks repacks(all, runs, is_officers, [](const auto&, const Error&) {});
    if (repacks.entries().empty()) return;
    for (const auto& [place, run] : runs) {
        for (std::size_t pack = 0; pack < run.fields.packs.size(); ++pack) {
            const storage::RepackEntry* by = repacks.replacement(place, pack);
            if (by == nullptr) continue;
            const storage::EntryPlace at{by->entry->identity, by->entry->head.sequence};
            auto known = by_entry_.find(at);
            if (known == by_entry_.end()) known = by_entry_.emplace(at, stand_in_of(repacks, *by)).first;
            by_pack_[{place, pack}] = &known->second;
        }
    }
}

const StandIn* StandIns::of(const storage::EntryPlace& place, std::size_t pack) const {
    const auto found = by_pack_.find({place, pack});
    return found == by_pack_.end() ? nullptr : found->second;
}

}  // namespace signet::backup
