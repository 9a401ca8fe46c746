#include "storage/condemnations.h"

#include "format/names.h"

#include <algorithm>
#include <set>

namespace signet::storage {
namespace {

using format::CondemnedObjects;
using format::EntryKind;

/// Numbers of packs in a bitmap.
std::vector<std::size_t> numbers_in(const Bytes& bitmap) {
    std::vector<std::size_t> numbers;
    for (std::size_t pack = 0; pack < bitmap.size() * 8; ++pack) {
        if (format::bitmap_has(bitmap, pack)) numbers.push_back(pack);
    }
    return numbers;
}

bool spares_pack(const CondemnedObjects& spared, const format::CondemnedPacks& item, std::size_t pack) {
    return std::any_of(spared.packs.begin(), spared.packs.end(), [&](const format::CondemnedPacks& one) {
        return one.identity == item.identity && one.sequence == item.sequence && one.dek == item.dek &&
               format::bitmap_has(one.bitmap, pack);
    });
}

}  // namespace

bool is_as_far(const OfficersWord& reading, const OfficersWord& latest, const format::ReadJournals& bound) {
    return std::all_of(bound.begin(), bound.end(), [&](const format::ReadJournal& journal) {
        return format::read_up_to(reading.read, journal.identity) >= journal.sequence ||
               format::read_up_to(latest.read, journal.identity) == 0;
    });
}

std::optional<format::ReadJournals> obedience(const OfficersWord& first, const OfficersWord& latest,
                                              const format::ReadJournals& bound, const format::BackupPublic& fields,
                                              const IdentityId& signer) {
    const Standing conflict = latest.condemnations.of_entry(fields, signer);
    if (conflict == Standing::free) return latest.read;
    if (conflict == Standing::condemned && is_as_far(first, latest, bound) &&
        first.condemnations.of_entry(fields, signer) == Standing::free)
        return first.read;
    return std::nullopt;
}

format::ReadJournals obeyed_by(const format::SignedEntry& entry) {
    switch (entry.kind) {
        case EntryKind::backup:
        case EntryKind::partial:
            return format::backup_public(entry).obeyed;
        case EntryKind::repack:
            return format::repack_public(entry).obeyed;
        case EntryKind::acknowledgement:
            return format::AcknowledgementFields::decode(entry.public_fields(),
                                                         format::journal_name(entry.identity, entry.head.sequence))
                .obeyed;
        default:
            return {};
    }
}

format::ReadJournals bound_of(const Journal& journal) {
    format::ReadJournals bound;
    for (const format::SignedEntry& entry : journal.entries) {
        try {
            bound = format::farthest(bound, obeyed_by(entry));
        } catch (const Error& error) {
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
        }
    }
    return bound;
}

void Condemnations::take(const format::SignedEntry& entry) {
    const std::string name = format::journal_name(entry.identity, entry.head.sequence);
    if (entry.kind == EntryKind::condemnation) {
        Condemnation taken{entry.id,
                           entry.identity,
                           entry.head.sequence,
                           entry.head.time,
                           format::CondemnationFields::decode(entry.public_fields(), name),
                           {}};
        const auto [first, last] = waiting_.equal_range(entry.id);
        for (auto verdict = first; verdict != last; ++verdict) taken.verdicts.push_back(verdict->second);
        waiting_.erase(first, last);
        all_.emplace(entry.id, std::move(taken));
        states_.reset();
    } else if (entry.kind == EntryKind::verdict) {
        suppose(format::VerdictFields::decode(entry.public_fields(), name));
    }
}

void Condemnations::suppose(format::VerdictFields verdict) {
    const auto known = all_.find(verdict.condemnation);
    if (known == all_.end())
        waiting_.emplace(verdict.condemnation, std::move(verdict));
    else
        known->second.verdicts.push_back(std::move(verdict));
    states_.reset();
}

bool Condemnations::has_open() const {
    return std::any_of(all_.begin(), all_.end(), [](const auto& one) { return one.second.is_open(); });
}

std::vector<const Condemnation*> Condemnations::all() const {
    std::vector<const Condemnation*> all;
    for (const auto& [id, condemnation] : all_) all.push_back(&condemnation);
    return all;
}

void Condemnations::judge(const Condemnation& condemnation, States& states) {
    const auto& verdicts = condemnation.verdicts;
    const auto note = [&](State& state, const auto& is_spared_by) {
        const auto sparing = std::count_if(verdicts.begin(), verdicts.end(), is_spared_by);
        const auto count = static_cast<std::ptrdiff_t>(verdicts.size());
        const Standing standing = count == 0         ? Standing::condemned
                                  : sparing == count ? Standing::free
                                                     : Standing::let_go;
        state.is_pending = state.is_pending || count == 0;
        state.is_let_go = state.is_let_go || standing == Standing::let_go;
        state.is_to_go = state.is_to_go || (count > 0 && sparing == 0);
        return standing;
    };
    const auto forbid = [&](State& state, const auto& is_spared_by) {
        state.standing = std::max(state.standing, note(state, is_spared_by));
    };
    const CondemnedObjects& objects = condemnation.fields.objects;
    for (const format::CondemnedPacks& item : objects.packs) {
        for (const std::size_t pack : numbers_in(item.bitmap)) {
            State& state = states.packs[{{item.identity, item.sequence}, pack}];
            const auto is_spared_by = [&](const format::VerdictFields& verdict) {
                return spares_pack(verdict.spared, item, pack);
            };
            if (item.why == format::CondemnedFor::replaced)
                (void)note(state, is_spared_by);
            else
                forbid(state, is_spared_by);
        }
    }
    for (const PackId& loose : objects.loose) {
        forbid(states.loose[loose], [&](const format::VerdictFields& verdict) {
            return std::binary_search(verdict.spared.loose.begin(), verdict.spared.loose.end(), loose);
        });
    }
    for (const IndexId& index : objects.indexes) {
        forbid(states.indexes[index], [&](const format::VerdictFields& verdict) {
            return std::binary_search(verdict.spared.indexes.begin(), verdict.spared.indexes.end(), index);
        });
    }
    for (const DekId& dek : objects.deks) {
        forbid(states.deks[dek], [&](const format::VerdictFields& verdict) {
            return std::binary_search(verdict.spared.deks.begin(), verdict.spared.deks.end(), dek);
        });
    }
}

const Condemnations::States& Condemnations::states() const {
    if (!states_) {
        states_.emplace();
        for (const auto& [id, condemnation] : all_) judge(condemnation, *states_);
    }
    return *states_;
}

template <class Objects, class Key>
Condemnations::State Condemnations::state_in(const Objects& objects, const Key& key) {
    const auto found = objects.find(key);
    return found == objects.end() ? State{} : found->second;
}

Standing Condemnations::of_pack(const IdentityId& identity, std::uint64_t sequence, std::size_t pack) const {
    return state_in(states().packs, PackKey{{identity, sequence}, pack}).standing;
}

Standing Condemnations::of_loose(const PackId& pack) const { return state_in(states().loose, pack).standing; }
Standing Condemnations::of_loose(const IndexId& index) const { return state_in(states().indexes, index).standing; }
Standing Condemnations::of_dek(const DekId& dek) const { return state_in(states().deks, dek).standing; }

Standing Condemnations::of_listed(const format::SealedPacks& listed) const {
    Standing worst = of_dek(listed.dek);
    for (const format::PackInfo& pack : listed.packs) worst = std::max(worst, of_loose(pack.id));
    for (const format::IndexInfo& index : listed.indexes) worst = std::max(worst, of_loose(index.id));
    return worst;
}

Standing Condemnations::of_entry(const format::BackupPublic& fields, const IdentityId& signer) const {
    if (all_.empty()) return Standing::free;
    Standing worst = of_listed(fields);
    for (const format::Reach& item : fields.reach) {
        for (const std::size_t pack : numbers_in(item.bitmap))
            worst = std::max(worst, of_pack(fields.writer_of(item, signer), item.sequence, pack));
    }
    for (const format::Borrowed& item : fields.borrowed) {
        for (const std::size_t pack : numbers_in(item.bitmap))
            worst = std::max(worst, of_pack(item.identity, item.sequence, pack));
    }
    return worst;
}

Condemnations Condemnations::only(const std::set<EntryId>& entries) const {
    Condemnations some;
    for (const auto& [id, condemnation] : all_) {
        if (entries.contains(id)) some.all_.emplace(id, condemnation);
    }
    return some;
}

bool Condemnations::is_pending(const IdentityId& identity, std::uint64_t sequence, std::size_t pack) const {
    return state_in(states().packs, PackKey{{identity, sequence}, pack}).is_pending;
}

bool Condemnations::is_let_go(const IdentityId& identity, std::uint64_t sequence, std::size_t pack) const {
    return state_in(states().packs, PackKey{{identity, sequence}, pack}).is_let_go;
}

bool Condemnations::is_to_go(const IdentityId& identity, std::uint64_t sequence, std::size_t pack) const {
    return state_in(states().packs, PackKey{{identity, sequence}, pack}).is_to_go;
}

bool Condemnations::is_to_go(const PackId& loose) const { return state_in(states().loose, loose).is_to_go; }
bool Condemnations::is_to_go(const IndexId& loose) const { return state_in(states().indexes, loose).is_to_go; }
bool Condemnations::is_to_go(const DekId& dek) const { return state_in(states().deks, dek).is_to_go; }

}  // namespace signet::storage
