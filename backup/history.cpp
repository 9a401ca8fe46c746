#include "backup/history.h"

#include "core/crypto/digest.h"
#include "core/file.h"

#include <algorithm>
#include <tuple>

namespace signet::backup {
namespace {

/// A cached copy counts only if its hash is its name.
bool load_cached(const std::string& path, const IndexId& id, Bytes& object) {
    try {
        return read_file_if_present(path, format::kMaxIndexObject, object) &&
               crypto::sha256(object).octets == id.octets;
    } catch (const Error&) {
        return false;
    }
}

void save_cached(const std::string& folder, const std::string& path, ByteView object) {
    try {
        make_folders(folder, 0700);
        replace_file(path, object, 0600);
    } catch (const Error&) {
        // A cache that cannot be written costs time, nothing else.
    }
}

bool is_run(const format::SignedEntry& entry) {
    return entry.kind == format::EntryKind::backup || entry.kind == format::EntryKind::partial;
}

storage::EntryPlace place_of(const format::SignedEntry& entry) { return {entry.identity, entry.head.sequence}; }

}  // namespace

History::History(const storage::Repository& repository, const IdentityId& writer,
                 const std::vector<IdentityId>& predecessors, Officers officers, const Believes& believes,
                 const std::function<void(const std::string&)>& warn)
    : repository_(repository) {
    journals_.push_back(repository.load_journal(writer));
    if (journal().problem) throw *journal().problem;
    for (const auto& identity : predecessors) {
        journals_.push_back(repository.load_journal(identity));
        const auto& journal = journals_.back();
        // What stands before it can be referred to; what nobody would believe anyway does not matter.
        if (journal.problem && believes(identity, journal.entries.size() + 1)) warn(journal.problem->what());
    }
    for (std::size_t i = 1; i < journals_.size(); ++i) collect_runs(journals_[i], believes);
    collect_runs(journal(), believes);
    collect_packs();
    read(std::move(officers));
    add_repacks();
    judge_packs();
    used_ = std::make_unique<std::atomic<std::uint8_t>[]>(packs_.size() + 1);
    if (!runs_.empty()) collect_slots(warn);
}

void History::collect_runs(const storage::Journal& journal, const Believes& believes) {
    for (const auto& entry : journal.entries) {
        if (!is_run(entry)) continue;
        storage::RunEntry run{&entry, format::backup_public(entry)};
        if (&journal == &journals_.front())
            own_entries_.push_back({entry.head.sequence, run.fields.run, entry.head.time});
        if (!believes(entry.identity, entry.head.sequence)) continue;
        runs_.push_back(&entries_.emplace(place_of(entry), std::move(run)).first->second);
    }
}

std::optional<std::uint64_t> History::journal_of(const IdentityId& identity) const {
    const auto found = std::find_if(journals_.begin(), journals_.end(),
                                    [&](const auto& journal) { return journal.identity == identity; });
    if (found == journals_.end()) return std::nullopt;
    return static_cast<std::uint64_t>(found - journals_.begin());
}

void History::add_packs(const storage::EntryPlace& place, std::optional<std::uint64_t> journal,
                        const format::SealedPacks& listed) {
    for (std::uint32_t i = 0; i < listed.packs.size(); ++i) {
        numbers_[listed.packs[i].id] = static_cast<PackNumber>(packs_.size());
        packs_.push_back({journal, place, i, listed.dek, listed.packs[i]});
    }
}

void History::collect_packs() {
    for (const auto* run : runs_) {
        auto& dek = deks_[run->fields.dek];
        dek.id = run->fields.dek;
        dek.commitment = run->fields.commitment;
        dek.made = run->fields.started;
        dek.slots.insert(dek.slots.end(), run->fields.slots.begin(), run->fields.slots.end());
        add_packs(place_of(*run->entry), journal_of(run->entry->identity), run->fields);
    }
}

void History::read(Officers officers) {
    officers_ = std::move(officers.journals);
    std::vector<const storage::Journal*> all;
    for (const auto& journal : officers_) all.push_back(&journal);
    for (const auto& journal : journals_) all.push_back(&journal);
    // Who reads the repository is told of a repack entry that is damaged; a backup goes on without it.
    repacks_ = storage::Repacks(all, entries_, officers.counts, [](const auto&, const Error&) {});
}

/// Packs of repack entries about this writer and its predecessors.
void History::add_repacks() {
    for (const auto& [place, repack] : repacks_.entries()) {
        if (!journal_of(repack.fields.writer)) continue;
        const format::RepackPublic& fields = repack.fields;
        if (!fields.packs.empty())
            deks_.try_emplace(fields.dek,
                              KnownDek{fields.dek, fields.commitment, repack.entry->head.time, fields.slots, {}});
        add_packs(place, std::nullopt, fields);
    }
}

/// Which packs are there. One that is gone or has another size is stored anew from the source.
class History::Stored {
public:
    explicit Stored(const storage::Store& store) : listing_(store.list("packs/")) {}
    [[nodiscard]] bool has(const format::PackInfo& pack) const {
        const storage::ObjectInfo* found = listing_.find(format::pack_name(pack.id));
        return found != nullptr && found->size == pack.size;
    }
    [[nodiscard]] bool has(const StandIn& stand_in) const {
        return std::all_of(stand_in.packs.begin(), stand_in.packs.end(), [&](const auto& pack) { return has(pack); });
    }

private:
    storage::CompleteListing listing_;
};

void History::follow(Officers officers) {
    read(std::move(officers));
    judge_packs();
}

void History::judge_packs() {
    const Stored stored(repository_.store());
    stand_ins_.clear();
    for (KnownPack& pack : packs_) {
        pack.counts = pack.journal || repacks_.entries().contains(pack.place);
        pack.stand_in = nullptr;
        const storage::RepackEntry* by = repacks_.replacement(pack.place, pack.ordinal);
        if (by != nullptr) {
            const auto [found, is_new] = stand_ins_.try_emplace(place_of(*by->entry));
            pack.stand_in = &found->second;
            if (is_new) fill(found->second, *by);
        }
        pack.usable = pack.counts && pack.stand_in == nullptr && !repacks_.is_left(pack.place, pack.ordinal) &&
                      stored.has(pack.info);
    }
}

void History::fill(StandIn& stand_in, const storage::RepackEntry& by) {
    const auto last = repacks_.follow({{by.entry, &by.fields, by.fields.writer, storage::all_packs(by.fields)}});
    for (const storage::ReachedEntry& reached : last) {
        const format::SealedPacks& listed = *reached.listed;
        stand_in.deks.insert(listed.dek);
        deks_.try_emplace(listed.dek,
                          KnownDek{listed.dek, listed.commitment, reached.entry->head.time, listed.slots, {}});
        for (std::size_t pack = 0; pack < listed.packs.size(); ++pack) {
            if (reached.has(pack)) stand_in.packs.push_back(listed.packs[pack]);
        }
    }
}

void History::collect_slots(const std::function<void(const std::string&)>& warn) {
    for (const auto& listed : repository_.list_slots()) {
        const auto& name = listed.second;
        const auto known = deks_.find(listed.first);
        if (known == deks_.end()) continue;
        const auto& slots = known->second.slots;
        if (std::any_of(slots.begin(), slots.end(), [&](const auto& s) { return s.thumbprint == name.thumbprint; }))
            continue;
        try {
            auto slot = repository_.load_slot(name);
            if (slot.commitment == known->second.commitment) known->second.claims.push_back({name, std::move(slot)});
        } catch (const Error& error) {
            // Whatever lies there, the run does not depend on it.
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
            warn(std::string("a slot is left out: ") + error.what());
        }
    }
}

const storage::RunEntry* History::latest_of(const SeriesId& series) const {
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
        if ((*run)->entry->kind == format::EntryKind::backup && (*run)->fields.series == series) return *run;
    }
    return nullptr;
}

/// The packs that it needs, with their data keys: its own and those that it refers to, or what stands for them.
template <class Take>
void History::each_need_of(const storage::RunEntry& run, const Take& take) const {
    const auto& identity = run.entry->identity;
    std::vector<storage::ReachedEntry> named{{run.entry, &run.fields, identity, storage::all_packs(run.fields)}};
    for (const auto& reach : run.fields.reach) {
        const auto found = entries_.find({run.fields.writer_of(reach, identity), reach.sequence});
        if (found == entries_.end()) continue;
        named.push_back({found->second.entry, &found->second.fields, found->first.first, reach.bitmap});
    }
    for (const auto& item : run.fields.borrowed) {
        const auto found = repacks_.entries().find({item.identity, item.sequence});
        if (found == repacks_.entries().end()) continue;
        const auto& fields = found->second.fields;
        named.push_back({found->second.entry, &fields, fields.writer, item.bitmap});
    }
    for (const storage::ReachedEntry& reached : repacks_.follow(std::move(named), place_of(*run.entry))) {
        for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
            if (reached.has(pack)) take(reached.listed->dek, reached.listed->packs[pack].size);
        }
    }
}

/// The data keys that open what is in it, or in what stands for it.
template <class Take>
void History::each_dek_of(const KnownPack& pack, const Take& take) {
    if (pack.stand_in == nullptr) return take(pack.dek);
    for (const DekId& dek : pack.stand_in->deks) take(dek);
}

/// Octets that the newest backup of each series reaches, by DEK: what is worth keeping within reach.
std::map<DekId, std::uint64_t> History::weights() const {
    std::map<SeriesId, const storage::RunEntry*> newest;
    for (const auto* run : runs_) {
        if (run->entry->kind == format::EntryKind::backup) newest[run->fields.series] = run;
    }
    std::map<DekId, std::uint64_t> result;
    for (const auto& [series, run] : newest)
        each_need_of(*run, [&](const DekId& dek, std::uint64_t octets) { result[dek] += octets; });
    return result;
}

/// Of the series' newest backup, and of what interrupted runs stored since.
std::set<DekId> History::deks_of(const SeriesId& series) const {
    std::set<DekId> result;
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
        if ((*run)->fields.series != series) continue;
        each_need_of(**run, [&](const DekId& dek, std::uint64_t) { result.insert(dek); });
        if ((*run)->entry->kind == format::EntryKind::backup) break;
    }
    return result;
}

/// Those under which there is nothing to refer to: others stand for all of their packs, or they are of repack
/// entries and none of them is to be used.
std::set<DekId> History::replaced_deks() const {
    std::set<DekId> replaced;
    for (const auto& pack : packs_) {
        if (pack.stand_in != nullptr || !pack.journal) replaced.insert(pack.dek);
    }
    for (const auto& pack : packs_) {
        if (pack.journal ? pack.stand_in == nullptr : pack.usable) replaced.erase(pack.dek);
    }
    return replaced;
}

void History::choose(const Choice& choice) {
    const auto weight = weights();
    const auto own = deks_of(choice.series);
    const auto replaced = replaced_deks();
    std::vector<KnownDek*> candidates;
    for (auto& [id, dek] : deks_) {
        dek.referable = !replaced.contains(id);
        dek.needs_rewrap = false;
        if (!dek.referable) continue;
        if (!choice.is_current(dek)) {
            const auto rule = choice.rule(dek);
            if (rule == keyring::AfterRotation::fresh) dek.referable = false;
            if (rule == keyring::AfterRotation::inherit)
                dek.referable = dek.made.ns + choice.horizon_ns > choice.now.ns;
            if (rule == keyring::AfterRotation::rewrap) dek.needs_rewrap = true;
        }
        if (dek.referable) candidates.push_back(&dek);
    }
    const auto limit = choice.max_deks > 0 ? choice.max_deks - 1 : 0;  // the run's own is one of them
    if (candidates.size() > limit) {
        const auto rank = [&](const KnownDek& dek) {
            return std::tuple(own.contains(dek.id), weight.contains(dek.id) ? weight.at(dek.id) : 0, dek.made);
        };
        std::sort(candidates.begin(), candidates.end(),
                  [&](const KnownDek* a, const KnownDek* b) { return rank(*a) > rank(*b); });
        for (std::size_t i = limit; i < candidates.size(); ++i) candidates[i]->referable = false;
    }
    for (auto& pack : packs_) pack.usable = pack.usable && deks_.at(pack.dek).referable;
}

void History::leave_out(const storage::Condemnations& condemnations) {
    if (condemnations.empty()) return;
    for (auto& pack : packs_) {
        const auto standing = condemnations.of_pack(pack.place.first, pack.place.second, pack.ordinal);
        if (standing != storage::Standing::free) pack.usable = false;
    }
}

void History::leave_out(const DekId& dek) {
    deks_.at(dek).referable = false;
    for (auto& pack : packs_) pack.usable = pack.usable && pack.dek != dek;
}

/// The object of a segment: out of the cache, or else the repository, or else what was rebuilt of it there.
std::vector<std::pair<std::string, Bytes>> History::load_segment(const IndexId& id, const std::string& folder) const {
    const auto path = folder + "/" + id.hex();
    Bytes object;
    if (folder.empty() || !load_cached(path, id, object)) {
        try {
            object = repository_.load_index_object(id);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::damaged) throw;
            return repository_.load_rebuilt_index(id);
        }
        if (!folder.empty()) save_cached(folder, path, object);
    }
    std::vector<std::pair<std::string, Bytes>> found;
    found.emplace_back(format::index_name(id), std::move(object));
    return found;
}

void History::add_chunks(ChunkTable& table, const format::IndexSegment& segment) const {
    std::size_t chunks = 0;
    for (const auto& pack : segment.packs) chunks += pack.chunks.size();
    if (table.size() == 0) table.reserve(chunks);
    for (const auto& pack : segment.packs) {
        const auto number = numbers_.find(pack.id);
        if (number == numbers_.end() || !packs_[number->second].usable) continue;
        for (const auto& chunk : pack.chunks) table.add(chunk, number->second);
    }
}

void History::load_segments(ChunkTable& table, const std::vector<format::IndexInfo>& infos, const IdentityId& writer,
                            const SecretBytes& index_key, const std::string& folder) const {
    for (const auto& info : infos) {
        for (const auto& [name, object] : load_segment(info.id, folder)) {
            const bool is_rebuilt = name != format::index_name(info.id);
            try {
                add_chunks(table, format::IndexSegment::open(object, repository_.config().repository, writer, index_key,
                                                             name));
            } catch (const Error& error) {
                // Anybody can store such a thing; where there is none, its chunks are stored anew.
                if (!is_rebuilt || error.code() == ErrorCode::io) throw;
            }
        }
    }
}

void History::load_index(ChunkTable& table, const SecretBytes& index_key, const std::string& cache_directory) const {
    const auto& repository = repository_.config().repository;
    const auto folder = cache_directory.empty() ? std::string() : cache_directory + "/" + repository.hex() + "/indexes";
    for (const auto* run : runs_) {
        if (deks_.at(run->fields.dek).referable)
            load_segments(table, run->fields.indexes, run->entry->identity, index_key, folder);
    }
    std::set<storage::EntryPlace> lenders;
    for (const auto& pack : packs_) {
        if (pack.usable && !pack.journal) lenders.insert(pack.place);
    }
    for (const auto& place : lenders) {
        const auto& fields = repacks_.entries().at(place).fields;
        load_segments(table, fields.indexes, fields.writer, index_key, folder);
    }
}

std::uint64_t History::count_gone() const {
    std::uint64_t gone = 0;
    std::optional<Stored> stored;
    for (std::size_t i = 0; i < packs_.size(); ++i) {
        if (used_[i].load(std::memory_order_relaxed) == 0) continue;
        if (!stored) stored.emplace(repository_.store());
        const KnownPack& pack = packs_[i];
        const bool is_there = pack.stand_in != nullptr ? stored->has(*pack.stand_in) : stored->has(pack.info);
        if (!pack.counts || !is_there) ++gone;
    }
    return gone;
}

std::set<DekId> History::marked_deks() const {
    std::set<DekId> marked;
    for (std::size_t i = 0; i < packs_.size(); ++i) {
        if (used_[i].load(std::memory_order_relaxed) != 0)
            each_dek_of(packs_[i], [&](const DekId& dek) { marked.insert(dek); });
    }
    return marked;
}

std::vector<format::Reach> History::reach() const {
    std::map<std::pair<std::uint64_t, std::uint64_t>, format::Reach> by_place;
    for (std::size_t i = 0; i < packs_.size(); ++i) {
        const KnownPack& pack = packs_[i];
        if (used_[i].load(std::memory_order_relaxed) == 0 || !pack.journal) continue;
        auto& reach = by_place[{*pack.journal, pack.place.second}];
        reach.journal = *pack.journal;
        reach.sequence = pack.place.second;
        reach.dek = pack.dek;
        reach.set(pack.ordinal);
    }
    std::vector<format::Reach> result;
    result.reserve(by_place.size());
    for (auto& [place, reach] : by_place) result.push_back(std::move(reach));
    return result;
}

std::vector<format::Borrowed> History::borrowed() const {
    std::map<storage::EntryPlace, format::Borrowed> by_place;
    for (std::size_t i = 0; i < packs_.size(); ++i) {
        const KnownPack& pack = packs_[i];
        if (used_[i].load(std::memory_order_relaxed) == 0 || pack.journal) continue;
        auto& borrowed = by_place[pack.place];
        borrowed.identity = pack.place.first;
        borrowed.sequence = pack.place.second;
        borrowed.dek = pack.dek;
        borrowed.set(pack.ordinal);
    }
    std::vector<format::Borrowed> result;
    result.reserve(by_place.size());
    for (auto& [place, borrowed] : by_place) result.push_back(std::move(borrowed));
    return result;
}

}  // namespace signet::backup
