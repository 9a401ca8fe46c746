#include "backup/history.h"

#include "core/crypto/digest.h"
#include "core/file.h"

#include <algorithm>
#include <tuple>

namespace signet::backup {
namespace {

/// Octets that the newest backup of each series reaches, by DEK: what is worth keeping within reach.
std::map<DekId, std::uint64_t> weights(const std::vector<storage::RunEntry>& runs) {
    std::map<SeriesId, const storage::RunEntry*> newest;
    std::map<std::pair<IdentityId, std::uint64_t>, const storage::RunEntry*> by_place;
    for (const auto& run : runs) {
        by_place[{run.entry->identity, run.entry->head.sequence}] = &run;
        if (run.entry->kind == format::EntryKind::backup) newest[run.fields.series] = &run;
    }
    std::map<DekId, std::uint64_t> result;
    for (const auto& [series, run] : newest) {
        for (const auto& pack : run->fields.packs) result[run->fields.dek] += pack.size;
        for (const auto& reach : run->fields.reach) {
            const auto found = by_place.find({run->fields.writer_of(reach, run->entry->identity), reach.sequence});
            if (found == by_place.end()) continue;
            const auto& packs = found->second->fields.packs;
            for (std::size_t i = 0; i < packs.size(); ++i) {
                if (reach.has(i)) result[reach.dek] += packs[i].size;
            }
        }
    }
    return result;
}

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

}  // namespace

History::History(const storage::Repository& repository, const IdentityId& writer,
                 const std::vector<IdentityId>& predecessors, const Believes& believes,
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
    const auto listing = repository.store().list("packs/");
    std::map<PackId, std::uint64_t> sizes;
    for (const auto& object : listing) {
        if (const auto id = format::parse_pack_name(object.name)) sizes[*id] = object.size;
    }
    for (const auto& run : runs_) {
        const auto& identity = run.entry->identity;
        const auto journal = std::find_if(journals_.begin(), journals_.end(),
                                          [&](const auto& each) { return each.identity == identity; });
        auto& dek = deks_[run.fields.dek];
        dek.id = run.fields.dek;
        dek.commitment = run.fields.commitment;
        dek.made = run.fields.started;
        dek.slots.insert(dek.slots.end(), run.fields.slots.begin(), run.fields.slots.end());
        for (std::uint32_t i = 0; i < run.fields.packs.size(); ++i) {
            const auto& pack = run.fields.packs[i];
            const auto found = sizes.find(pack.id);
            // A pack that is gone or has another size is stored anew from the source.
            const bool is_there = found != sizes.end() && found->second == pack.size;
            numbers_[pack.id] = static_cast<PackNumber>(packs_.size());
            packs_.push_back({static_cast<std::uint64_t>(journal - journals_.begin()), run.entry->head.sequence, i,
                              run.fields.dek, is_there});
        }
    }
    used_ = std::make_unique<std::atomic<std::uint8_t>[]>(packs_.size() + 1);
    if (!runs_.empty()) collect_slots(warn);
}

void History::collect_runs(const storage::Journal& journal, const Believes& believes) {
    for (const auto& entry : journal.entries) {
        if (!is_run(entry)) continue;
        storage::RunEntry run{&entry, format::backup_public(entry)};
        if (&journal == &journals_.front())
            own_entries_.push_back({entry.head.sequence, run.fields.run, entry.head.time});
        if (believes(entry.identity, entry.head.sequence)) runs_.push_back(std::move(run));
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
        if (run->entry->kind == format::EntryKind::backup && run->fields.series == series) return &*run;
    }
    return nullptr;
}

/// Of the series' newest backup, and of what interrupted runs stored since.
std::set<DekId> History::deks_of(const SeriesId& series) const {
    std::set<DekId> result;
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
        if (run->fields.series != series) continue;
        result.insert(run->fields.dek);
        for (const auto& reach : run->fields.reach) result.insert(reach.dek);
        if (run->entry->kind == format::EntryKind::backup) break;
    }
    return result;
}

void History::choose(const Choice& choice) {
    const auto weight = weights(runs_);
    const auto own = deks_of(choice.series);
    std::vector<KnownDek*> candidates;
    for (auto& [id, dek] : deks_) {
        dek.referable = true;
        dek.needs_rewrap = false;
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
        const auto& identity = journals_[pack.journal].identity;
        if (condemnations.of_pack(identity, pack.sequence, pack.ordinal) != storage::Standing::free)
            pack.usable = false;
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

void History::load_index(ChunkTable& table, const SecretBytes& index_key, const std::string& cache_directory) const {
    const auto& repository = repository_.config().repository;
    const auto folder = cache_directory.empty() ? std::string() : cache_directory + "/" + repository.hex() + "/indexes";
    for (const auto& run : runs_) {
        if (!deks_.at(run.fields.dek).referable) continue;
        for (const auto& info : run.fields.indexes) {
            for (const auto& [name, object] : load_segment(info.id, folder)) {
                const bool is_rebuilt = name != format::index_name(info.id);
                try {
                    add_chunks(table,
                               format::IndexSegment::open(object, repository, run.entry->identity, index_key, name));
                } catch (const Error& error) {
                    // Anybody can store such a thing; where there is none, its chunks are stored anew.
                    if (!is_rebuilt || error.code() == ErrorCode::io) throw;
                }
            }
        }
    }
}

void History::require_marked() const {
    std::uint64_t gone = 0;
    std::optional<storage::CompleteListing> listing;
    for (const auto& [id, number] : numbers_) {
        if (used_[number].load(std::memory_order_relaxed) == 0) continue;
        if (!listing) listing = repository_.store().list("packs/");
        if (listing->find(format::pack_name(id)) == nullptr) ++gone;
    }
    if (gone == 0) return;
    throw Error(ErrorCode::damaged,
                std::to_string(gone) + (gone == 1 ? " pack" : " packs") +
                    " that this backup refers to went away while it was made",
                "run it again: what they held is stored anew; if a backup was made all the same, forget it");
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
