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
                 const std::vector<IdentityId>& predecessors, const Officers& officers, const Believes& believes,
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
    follow(officers);
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

void History::collect_packs() {
    for (const auto* run : runs_) {
        const auto& identity = run->entry->identity;
        const auto journal = std::find_if(journals_.begin(), journals_.end(),
                                          [&](const auto& each) { return each.identity == identity; });
        auto& dek = deks_[run->fields.dek];
        dek.id = run->fields.dek;
        dek.commitment = run->fields.commitment;
        dek.made = run->fields.started;
        dek.slots.insert(dek.slots.end(), run->fields.slots.begin(), run->fields.slots.end());
        first_packs_[place_of(*run->entry)] = static_cast<PackNumber>(packs_.size());
        for (std::uint32_t i = 0; i < run->fields.packs.size(); ++i) {
            const auto& pack = run->fields.packs[i];
            numbers_[pack.id] = static_cast<PackNumber>(packs_.size());
            packs_.push_back({static_cast<std::uint64_t>(journal - journals_.begin()), run->entry->head.sequence, i,
                              run->fields.dek, pack.size});
        }
    }
}

/// Which packs are there. One that is gone or has another size is stored anew from the source.
class History::Stored {
public:
    explicit Stored(const storage::Store& store) : listing_(store.list("packs/")) {}
    [[nodiscard]] bool has(const PackId& pack, std::uint64_t size) const {
        const storage::ObjectInfo* found = listing_.find(format::pack_name(pack));
        return found != nullptr && found->size == size;
    }
    [[nodiscard]] bool has(const StandIn& stand_in) const {
        return std::all_of(stand_in.parts.begin(), stand_in.parts.end(), [&](const StandIn::Part& part) {
            return std::all_of(part.packs.begin(), part.packs.end(),
                               [&](const auto& pack) { return has(pack.second.id, pack.second.size); });
        });
    }

private:
    storage::CompleteListing listing_;
};

void History::follow(const Officers& officers) {
    stand_ins_ = StandIns(officers.journals, officers.counts, journals_, entries_);
    const Stored stored(repository_.store());
    std::map<const StandIn*, bool> are_there;
    for (const auto& [place, stand_in] : stand_ins_.all()) {
        are_there[&stand_in] = stored.has(stand_in);
        for (const StandIn::Part& part : stand_in.parts)
            deks_.try_emplace(part.dek, KnownDek{part.dek, part.commitment, part.made, part.slots, {}});
    }
    for (const auto* run : runs_) {
        const auto place = place_of(*run->entry);
        for (std::size_t i = 0; i < run->fields.packs.size(); ++i) {
            KnownPack& pack = packs_[first_packs_.at(place) + i];
            pack.stand_in = stand_ins_.of(place, i);
            const format::PackInfo& info = run->fields.packs[i];
            pack.usable = pack.stand_in != nullptr ? are_there.at(pack.stand_in) : stored.has(info.id, info.size);
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

/// Its own packs, and those that it refers to.
template <class Take>
void History::each_pack_of(const storage::RunEntry& run, const Take& take) const {
    const auto first = first_packs_.at(place_of(*run.entry));
    for (std::size_t i = 0; i < run.fields.packs.size(); ++i) take(packs_[first + i]);
    for (const auto& reach : run.fields.reach) {
        const auto found = entries_.find({run.fields.writer_of(reach, run.entry->identity), reach.sequence});
        if (found == entries_.end()) continue;
        const auto reached = first_packs_.at(found->first);
        for (std::size_t i = 0; i < found->second.fields.packs.size(); ++i) {
            if (reach.has(i)) take(packs_[reached + i]);
        }
    }
}

/// The data keys that open what is in it.
template <class Take>
void History::each_dek_of(const KnownPack& pack, const Take& take) {
    if (pack.stand_in == nullptr) return take(pack.dek);
    for (const StandIn::Part& part : pack.stand_in->parts) take(part.dek);
}

/// Octets that the newest backup of each series reaches, by DEK: what is worth keeping within reach.
std::map<DekId, std::uint64_t> History::weights() const {
    std::map<SeriesId, const storage::RunEntry*> newest;
    for (const auto* run : runs_) {
        if (run->entry->kind == format::EntryKind::backup) newest[run->fields.series] = run;
    }
    std::map<DekId, std::uint64_t> result;
    for (const auto& [series, run] : newest) {
        each_pack_of(*run, [&](const KnownPack& pack) {
            each_dek_of(pack, [&](const DekId& dek) { result[dek] += pack.size; });
        });
    }
    return result;
}

/// Of the series' newest backup, and of what interrupted runs stored since.
std::set<DekId> History::deks_of(const SeriesId& series) const {
    std::set<DekId> result;
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
        if ((*run)->fields.series != series) continue;
        each_pack_of(**run,
                     [&](const KnownPack& pack) { each_dek_of(pack, [&](const DekId& dek) { result.insert(dek); }); });
        if ((*run)->entry->kind == format::EntryKind::backup) break;
    }
    return result;
}

/// Those of which no pack is needed any more, as others stand for all of them.
std::set<DekId> History::replaced_deks() const {
    std::set<DekId> replaced;
    for (const auto& pack : packs_) {
        if (pack.stand_in != nullptr) replaced.insert(pack.dek);
    }
    for (const auto& pack : packs_) each_dek_of(pack, [&](const DekId& dek) { replaced.erase(dek); });
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
    for (auto& pack : packs_)
        each_dek_of(pack, [&](const DekId& dek) { pack.usable = pack.usable && deks_.at(dek).referable; });
}

void History::leave_out(const storage::Condemnations& condemnations) {
    if (condemnations.empty()) return;
    const auto is_condemned = [&](const storage::EntryPlace& place, std::size_t pack) {
        return condemnations.of_pack(place.first, place.second, pack) != storage::Standing::free;
    };
    for (auto& pack : packs_) {
        if (is_condemned({journals_[pack.journal].identity, pack.sequence}, pack.ordinal)) pack.usable = false;
        if (pack.stand_in == nullptr) continue;
        for (const StandIn::Part& part : pack.stand_in->parts) {
            for (const auto& [number, info] : part.packs)
                pack.usable = pack.usable && !is_condemned(part.place, number);
        }
    }
}

void History::leave_out(const DekId& dek) {
    deks_.at(dek).referable = false;
    for (auto& pack : packs_)
        each_dek_of(pack, [&](const DekId& needed) { pack.usable = pack.usable && needed != dek; });
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

void History::add_chunks(ChunkTable& table, const format::IndexSegment& segment, const Numbers& numbers) const {
    std::size_t chunks = 0;
    for (const auto& pack : segment.packs) chunks += pack.chunks.size();
    if (table.size() == 0) table.reserve(chunks);
    for (const auto& pack : segment.packs) {
        const auto number = numbers.find(pack.id);
        if (number == numbers.end() || !packs_[number->second].usable) continue;
        for (const auto& chunk : pack.chunks) table.add(chunk, number->second);
    }
}

void History::load_segments(ChunkTable& table, const std::vector<format::IndexInfo>& infos, const IdentityId& writer,
                            const SecretBytes& index_key, const std::string& folder, const Numbers& numbers) const {
    for (const auto& info : infos) {
        for (const auto& [name, object] : load_segment(info.id, folder)) {
            const bool is_rebuilt = name != format::index_name(info.id);
            try {
                add_chunks(table,
                           format::IndexSegment::open(object, repository_.config().repository, writer, index_key, name),
                           numbers);
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
            load_segments(table, run->fields.indexes, run->entry->identity, index_key, folder, numbers_);
    }
    load_stand_ins(table, index_key, folder);
}

/// What is found in a pack that stands for others is referred to by one of those.
void History::load_stand_ins(ChunkTable& table, const SecretBytes& index_key, const std::string& folder) const {
    Numbers numbers;
    std::map<storage::EntryPlace, const StandIn::Part*> parts;
    for (std::size_t i = 0; i < packs_.size(); ++i) {
        if (!packs_[i].usable || packs_[i].stand_in == nullptr) continue;
        for (const StandIn::Part& part : packs_[i].stand_in->parts) {
            parts.emplace(part.place, &part);
            for (const auto& [number, info] : part.packs) numbers.emplace(info.id, static_cast<PackNumber>(i));
        }
    }
    for (const auto& [place, part] : parts)
        load_segments(table, part->indexes, part->writer, index_key, folder, numbers);
}

std::uint64_t History::count_gone() const {
    std::uint64_t gone = 0;
    std::optional<Stored> stored;
    for (const auto& [id, number] : numbers_) {
        if (used_[number].load(std::memory_order_relaxed) == 0) continue;
        if (!stored) stored.emplace(repository_.store());
        const KnownPack& pack = packs_[number];
        if (!(pack.stand_in != nullptr ? stored->has(*pack.stand_in) : stored->has(id, pack.size))) ++gone;
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
        if (used_[i].load(std::memory_order_relaxed) == 0) continue;
        auto& reach = by_place[{packs_[i].journal, packs_[i].sequence}];
        reach.journal = packs_[i].journal;
        reach.sequence = packs_[i].sequence;
        reach.dek = packs_[i].dek;
        reach.set(packs_[i].ordinal);
    }
    std::vector<format::Reach> result;
    result.reserve(by_place.size());
    for (auto& [place, reach] : by_place) result.push_back(std::move(reach));
    return result;
}

}  // namespace signet::backup
