#include "storage/repacks.h"

#include <algorithm>
#include <set>

#include "format/names.h"

namespace signet::storage {
namespace {

EntryPlace place_of(const format::SignedEntry& entry) { return {entry.identity, entry.head.sequence}; }

std::string name_of(const format::SignedEntry& entry) {
    return format::journal_name(entry.identity, entry.head.sequence);
}

bool names_more_than(const Bytes& bitmap, std::size_t packs) {
    for (std::size_t pack = packs; pack < bitmap.size() * 8; ++pack) {
        if (format::bitmap_has(bitmap, pack)) return true;
    }
    return false;
}

}  // namespace

Bytes all_packs(const format::SealedPacks& listed) {
    Bytes bitmap;
    for (std::size_t pack = 0; pack < listed.packs.size(); ++pack) format::bitmap_set(bitmap, pack);
    return bitmap;
}

format::BackupBody BodySource::open(const format::DataKey& key) const {
    return entry->kind == format::EntryKind::repack ? format::open_resealed_body(*entry, number, key)
                                                    : format::open_body(*entry, key);
}

SecretBytes BodySource::open_octets(const format::DataKey& key) const {
    return entry->kind == format::EntryKind::repack ? format::open_resealed_octets(*entry, number, key)
                                                    : format::open_body_octets(*entry, key);
}

/// Takes repack entries in their order, so that a later one finds the earlier ones judged.
class Repacks::Collecting {
public:
    Collecting(Repacks& repacks, const std::vector<const Journal*>& journals, const RunEntries& runs)
        : repacks_(repacks), runs_(runs) {
        for (const Journal* journal : journals) journals_.emplace(journal->identity, journal);
    }

    /// throws  Error{damaged}: it contradicts an entry that it names; nothing of it counts then
    void take(const format::SignedEntry& entry, const StatementOrder& order) {
        RepackEntry repack{&entry, format::repack_public(entry), order};
        for (const format::ReplacedPacks& item : repack.fields.replaced) check(repack, item);
        for (const format::ResealedBody& body : repack.fields.bodies) check(repack, body);
        for (const format::ServedBackup& backup : repack.fields.backups) check(repack, backup);
        const RepackEntry& kept = repacks_.entries_.emplace(place_of(entry), std::move(repack)).first->second;
        for (const format::ReplacedPacks& item : kept.fields.replaced) {
            const format::SealedPacks* listed = listed_by({item.identity, item.sequence});
            if (listed == nullptr) continue;
            note(item, listed->packs.size(), kept);
        }
        for (std::size_t i = 0; i < kept.fields.bodies.size(); ++i) {
            repacks_.bodies_[{kept.fields.writer, kept.fields.bodies[i].sequence}] = {&kept, i};
        }
    }

private:
    void note(const format::ReplacedPacks& item, std::size_t packs, const RepackEntry& by) {
        const EntryPlace place{item.identity, item.sequence};
        if (by.fields.is_lossy()) {
            auto& all = repacks_.lossy_[place];
            all.resize(packs);
            for (std::size_t pack = 0; pack < packs; ++pack) {
                if (format::bitmap_has(item.bitmap, pack)) all[pack].push_back(&by);
            }
            return;
        }
        auto& latest = repacks_.replaced_by_[place];
        latest.resize(packs);
        for (std::size_t pack = 0; pack < packs; ++pack) {
            if (format::bitmap_has(item.bitmap, pack)) latest[pack] = &by;
        }
    }

    [[noreturn]] static void contradict(const RepackEntry& repack, const EntryPlace& named, const std::string& why) {
        throw Error(ErrorCode::damaged, name_of(*repack.entry) + ": names entry " +
                                            format::journal_name(named.first, named.second) + ", which " + why);
    }

    /// An entry's packs; nullptr when there is no such entry, or none that counts so far.
    [[nodiscard]] const format::SealedPacks* listed_by(const EntryPlace& place) const {
        if (const auto run = runs_.find(place); run != runs_.end()) return &run->second.fields;
        const auto repack = repacks_.entries_.find(place);
        return repack == repacks_.entries_.end() ? nullptr : &repack->second.fields;
    }

    [[nodiscard]] const format::SignedEntry* entry_at(const EntryPlace& place) const {
        const auto journal = journals_.find(place.first);
        if (journal == journals_.end() || place.second > journal->second->entries.size()) return nullptr;
        return &journal->second->entries[place.second - 1];
    }

    void check(const RepackEntry& repack, const format::ReplacedPacks& item) const {
        const EntryPlace place{item.identity, item.sequence};
        const format::SignedEntry* entry = entry_at(place);
        if (entry == nullptr) return;
        if (entry->kind == format::EntryKind::repack) {
            const auto earlier = repacks_.entries_.find(place);
            if (earlier == repacks_.entries_.end()) return;
            if (earlier->second.fields.writer != repack.fields.writer)
                contradict(repack, place, "is of another writer");
        } else if (entry->kind != format::EntryKind::backup && entry->kind != format::EntryKind::partial) {
            contradict(repack, place, "has no packs");
        } else if (entry->identity != repack.fields.writer) {
            contradict(repack, place, "is of another writer");
        }
        const format::SealedPacks* listed = listed_by(place);
        if (listed == nullptr) return;
        if (listed->dek != item.dek) contradict(repack, place, "has another data key");
        if (names_more_than(item.bitmap, listed->packs.size())) contradict(repack, place, "has fewer packs");
    }

    void check(const RepackEntry& repack, const format::ResealedBody& body) const {
        const EntryPlace place{repack.fields.writer, body.sequence};
        const format::SignedEntry* entry = entry_at(place);
        if (entry == nullptr) return;
        if (entry->kind != format::EntryKind::backup) contradict(repack, place, "is no backup");
        if (entry->id != body.backup) contradict(repack, place, "is another backup");
    }

    void check(const RepackEntry& repack, const format::ServedBackup& backup) const {
        const EntryPlace place{backup.identity, backup.sequence};
        const format::SignedEntry* entry = entry_at(place);
        if (entry == nullptr) return;
        if (entry->kind != format::EntryKind::backup) contradict(repack, place, "is no backup");
        if (entry->id != backup.backup) contradict(repack, place, "is another backup");
        const auto run = runs_.find(place);
        if (run == runs_.end() || entry->identity == repack.fields.writer) return;
        const auto& before = run->second.fields.predecessors;
        if (std::find(before.begin(), before.end(), repack.fields.writer) == before.end())
            contradict(repack, place, "is of another writer");
    }

    Repacks& repacks_;
    const RunEntries& runs_;
    std::map<IdentityId, const Journal*> journals_;
};

Repacks::Repacks(const std::vector<const Journal*>& journals, const RunEntries& runs,
                 const std::function<bool(const format::SignedEntry&)>& is_officers,
                 const std::function<void(const format::SignedEntry&, const Error&)>& on_damage) {
    std::map<StatementOrder, const format::SignedEntry*> ordered;
    for (const Journal* journal : journals) {
        visit_statements(*journal, [&](const format::SignedEntry& entry, const StatementOrder& order) {
            if (entry.kind == format::EntryKind::repack && is_officers(entry)) ordered.emplace(order, &entry);
        });
    }
    Collecting collecting(*this, journals, runs);
    for (const auto& [order, entry] : ordered) {
        try {
            collecting.take(*entry, order);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
            on_damage(*entry, error);
        }
    }
}

const RepackEntry* Repacks::replacement(const EntryPlace& place, std::size_t pack,
                                        const std::optional<EntryPlace>& backup) const {
    if (const auto lossy = lossy_.find(place); backup && lossy != lossy_.end() && pack < lossy->second.size()) {
        const auto& all = lossy->second[pack];
        const auto latest = std::find_if(all.rbegin(), all.rend(), [&](const RepackEntry* one) {
            return one->fields.serves(backup->first, backup->second);
        });
        if (latest != all.rend()) return *latest;
    }
    const auto found = replaced_by_.find(place);
    return found == replaced_by_.end() || pack >= found->second.size() ? nullptr : found->second[pack];
}

bool Repacks::is_left(const EntryPlace& place, std::size_t pack) const {
    const auto found = lossy_.find(place);
    return found != lossy_.end() && pack < found->second.size() && !found->second[pack].empty();
}

std::vector<ReachedEntry> Repacks::replaced(const RunEntries& runs) const {
    std::vector<ReachedEntry> replaced;
    for (const auto& [place, by] : replaced_by_) {
        ReachedEntry& entry = replaced.emplace_back();
        if (const auto run = runs.find(place); run != runs.end()) {
            entry = {run->second.entry, &run->second.fields, place.first, {}};
        } else {
            const RepackEntry& repack = entries_.at(place);
            entry = {repack.entry, &repack.fields, repack.fields.writer, {}};
        }
        for (std::size_t pack = 0; pack < by.size(); ++pack) {
            if (by[pack] != nullptr) format::bitmap_set(entry.bitmap, pack);
        }
    }
    return replaced;
}

BodySource Repacks::body_of(const RunEntry& backup) const {
    const auto resealed = bodies_.find(place_of(*backup.entry));
    if (resealed == bodies_.end()) return {backup.entry, &backup.fields, 0};
    return {resealed->second.by->entry, &resealed->second.by->fields, resealed->second.number};
}

std::vector<ReachedEntry> Repacks::follow(std::vector<ReachedEntry> reached,
                                          const std::optional<EntryPlace>& backup) const {
    // Every repack entry is taken once, and its packs are replaced by those of later ones only, so this ends.
    std::set<const RepackEntry*> taken;
    for (std::size_t i = 0; i < reached.size(); ++i) {
        const ReachedEntry wanted = reached[i];
        Bytes kept;
        for (std::size_t pack = 0; pack < wanted.listed->packs.size(); ++pack) {
            if (!wanted.has(pack)) continue;
            const RepackEntry* by = replacement(place_of(*wanted.entry), pack, backup);
            if (by == nullptr) {
                format::bitmap_set(kept, pack);
            } else if (taken.insert(by).second) {
                reached.push_back({by->entry, &by->fields, by->fields.writer, all_packs(by->fields)});
            }
        }
        reached[i].bitmap = std::move(kept);
    }
    std::erase_if(reached, [](const ReachedEntry& entry) { return entry.bitmap.empty(); });
    return reached;
}

}  // namespace signet::storage
