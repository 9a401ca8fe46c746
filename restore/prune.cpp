#include "restore/prune.h"

#include <algorithm>
#include <map>
#include <set>

#include "format/names.h"
#include "restore/remains.h"

namespace signet::restore {
namespace {

using format::CondemnedFor;
using storage::Condemnations;
using storage::Standing;

constexpr std::size_t kMostLoose = 200'000;  // in one condemnation: about 6 MiB

/// What is condemned of one writer, before it is put in order.
struct Gathered {
    std::map<std::pair<EntryPlace, CondemnedFor>, Bytes> packs;
    std::set<PackId> loose;
    std::set<IndexId> indexes;
    std::set<DekId> deks;
};

/// Nobody has condemned it for that, or a verdict let it go that another one contradicts: then it is not deleted for
/// it.
bool is_open_to_condemnation(const Condemnations& known, const ListedPack& place, CondemnedFor why) {
    const auto& [entry, pack] = place;
    const bool is_to_go = known.is_to_go(entry.first, entry.second, pack);
    if (why == CondemnedFor::replaced) return !is_to_go && !known.is_pending(entry.first, entry.second, pack);
    const Standing standing = known.of_pack(entry.first, entry.second, pack);
    return standing == Standing::free || (standing == Standing::let_go && !is_to_go);
}

template <class LooseId>
bool is_open_to_condemnation_of(const Condemnations& known, const LooseId& id, Standing standing) {
    return standing == Standing::free || (standing == Standing::let_go && !known.is_to_go(id));
}

class Proposing {
public:
    explicit Proposing(const Holdings& holdings) : holdings_(holdings), known_(holdings.catalogue().condemnations()) {}

    std::vector<Proposal> run() {
        condemn_packs();
        if (!holdings_.may_overlook()) condemn_loose();
        condemn_deks();
        std::vector<Proposal> proposals;
        for (auto& [owner, gathered] : gathered_) proposals.push_back(finish(owner, gathered));
        std::erase_if(proposals, [](const Proposal& one) { return one.fields.objects.empty(); });
        return proposals;
    }

private:
    [[nodiscard]] bool is_there(const PackId& pack) const {
        return holdings_.octets_of(format::pack_name(pack)).has_value();
    }

    [[nodiscard]] std::optional<CondemnedFor> reason(const ListedPack& place, const PackId& id) const {
        const HeldEntry* entry = holdings_.entry(place.first);
        if (entry->is_live && entry->run) return std::nullopt;
        if (holdings_.is_replaced(place)) return CondemnedFor::replaced;
        if (holdings_.needs(id)) return std::nullopt;
        return CondemnedFor::unneeded;
    }

    void condemn(const IdentityId& owner, const ListedPack& place, CondemnedFor why) {
        format::bitmap_set(gathered_[owner].packs[{place.first, why}], place.second);
        condemned_.insert(place);
    }

    /// First what nothing needs, so that it is known of what others stand for whether those stay.
    void condemn_packs() {
        for (const CondemnedFor wanted : {CondemnedFor::unneeded, CondemnedFor::replaced}) {
            for (const auto& [place, entry] : holdings_.entries()) {
                for (std::size_t pack = 0; pack < entry.listed->packs.size(); ++pack)
                    condemn_if(wanted, entry, {place, pack}, entry.listed->packs[pack].id);
            }
        }
    }

    void condemn_if(CondemnedFor wanted, const HeldEntry& entry, const ListedPack& place, const PackId& id) {
        if (reason(place, id) != wanted) return;
        if (wanted == CondemnedFor::unneeded) {
            if (is_there(id) && is_open_to_condemnation(known_, place, wanted)) condemn(entry.owner, place, wanted);
        } else if (relies_on_what_goes(place)) {
            condemn(entry.owner, place, CondemnedFor::unneeded);
        } else if (is_there(id) && is_open_to_condemnation(known_, place, wanted)) {
            condemn(entry.owner, place, wanted);
        }
    }

    /// Who reaches a pack that others stand for relies on those: when they go, nobody may reach it any more, whether or
    /// not it is there. It is named with them also where another condemnation names it, as somebody may have read this
    /// one and not that.
    [[nodiscard]] bool relies_on_what_goes(const ListedPack& place) const {
        const auto& [entry, pack] = place;
        const Standing standing = known_.of_pack(entry.first, entry.second, pack);
        if (standing == Standing::let_go && known_.is_to_go(entry.first, entry.second, pack)) return false;
        const auto all = holdings_.standing_for(place);
        return std::any_of(all.begin(), all.end(), [&](const ListedPack& one) {
            const auto& [other, number] = one;
            return condemned_.contains(one) ||
                   (standing == Standing::free && known_.of_pack(other.first, other.second, number) != Standing::free);
        });
    }

    void condemn_loose() {
        for (const storage::ObjectInfo& info : holdings_.listing()) {
            if (const auto pack = format::parse_pack_name(info.name)) {
                if (holdings_.named(*pack).empty()) condemn_loose_pack(*pack);
            } else if (const auto index = format::parse_index_name(info.name)) {
                if (holdings_.named(*index).empty()) condemn_loose_index(*index);
            }
        }
    }

    void condemn_loose_pack(const PackId& pack) {
        if (!is_open_to_condemnation_of(known_, pack, known_.of_loose(pack))) return;
        const auto dek = holdings_.dek_of_loose(pack);
        const auto& named = dek ? holdings_.named(*dek) : kNowhere;
        if (std::any_of(named.begin(), named.end(),
                        [&](const EntryPlace& place) { return holdings_.entry(place)->is_live; }))
            return;
        // Of who may name it: the writer, or the officer who repacked.
        auto& loose = (named.empty() ? nobody_s_ : gathered_[named.front().first]).loose;
        if (loose.size() < kMostLoose) loose.insert(pack);
    }

    void condemn_loose_index(const IndexId& index) {
        if (!is_open_to_condemnation_of(known_, index, known_.of_loose(index))) return;
        const auto owner = holdings_.owner_of_loose(index);
        if (owner && holdings_.has_live(*owner)) return;
        auto& indexes = (owner ? gathered_[*owner] : nobody_s_).indexes;
        if (indexes.size() < kMostLoose) indexes.insert(index);
    }

    /// Data keys whose stored slots nobody needs: nothing that stays is sealed under them.
    void condemn_deks() {
        std::set<DekId> with_slots;
        for (const storage::ObjectInfo& info : holdings_.listing()) {
            if (const auto slot = format::parse_slot_name(info.name)) with_slots.insert(slot->dek);
        }
        for (const DekId& dek : with_slots) {
            if (holdings_.needs(dek) || !is_open_to_condemnation_of(known_, dek, known_.of_dek(dek))) continue;
            const auto& named = holdings_.named(dek);
            if (named.empty()) {
                if (!holdings_.may_overlook() && nobody_s_.deks.size() < kMostLoose) nobody_s_.deks.insert(dek);
            } else if (std::all_of(named.begin(), named.end(), [&](const auto& place) { return is_emptied(place); })) {
                gathered_[holdings_.entry(named.front())->owner].deks.insert(dek);
            }
        }
    }

    /// Whether nothing of it stays: its packs are not there, or are to go.
    [[nodiscard]] bool is_emptied(const EntryPlace& place) const {
        const auto& packs = holdings_.entry(place)->listed->packs;
        for (std::size_t pack = 0; pack < packs.size(); ++pack) {
            if (condemned_.contains({place, pack})) continue;
            if (known_.is_to_go(place.first, place.second, pack) && !holdings_.needs(packs[pack].id)) continue;
            if (is_there(packs[pack].id)) return false;
        }
        return true;
    }

    Proposal finish(const std::optional<IdentityId>& owner, const Gathered& gathered) {
        Proposal proposal;
        proposal.owner = owner;
        format::CondemnedObjects& objects = proposal.fields.objects;
        for (const auto& [key, bitmap] : gathered.packs) {
            const auto& [place, why] = key;
            const HeldEntry& entry = *holdings_.entry(place);
            objects.packs.push_back({place.first, place.second, entry.listed->dek, why, bitmap});
            count(entry, why, bitmap, proposal);
        }
        objects.loose.assign(gathered.loose.begin(), gathered.loose.end());
        objects.indexes.assign(gathered.indexes.begin(), gathered.indexes.end());
        objects.deks.assign(gathered.deks.begin(), gathered.deks.end());
        for (const PackId& pack : objects.loose) count_loose(format::pack_name(pack), proposal);
        for (const IndexId& index : objects.indexes) count_loose(format::index_name(index), proposal);
        proposal.fields.seen = holdings_.seen();
        return proposal;
    }

    void count(const HeldEntry& entry, CondemnedFor why, const Bytes& bitmap, Proposal& proposal) const {
        for (std::size_t pack = 0; pack < entry.listed->packs.size(); ++pack) {
            if (!format::bitmap_has(bitmap, pack)) continue;
            const auto octets = holdings_.octets_of(format::pack_name(entry.listed->packs[pack].id));
            if (!octets) continue;
            const bool is_replaced = why == CondemnedFor::replaced;
            ++(is_replaced ? proposal.replaced : proposal.unneeded);
            (is_replaced ? proposal.replaced_octets : proposal.unneeded_octets) += *octets;
        }
    }

    void count_loose(const std::string& name, Proposal& proposal) const {
        ++proposal.loose;
        if (const auto* info = holdings_.listing().find(name)) proposal.loose_octets += info->size;
    }

    static inline const std::vector<EntryPlace> kNowhere{};
    const Holdings& holdings_;
    const Condemnations& known_;
    std::map<std::optional<IdentityId>, Gathered> gathered_;
    Gathered& nobody_s_ = gathered_[std::nullopt];
    std::set<ListedPack> condemned_;
};

/// Whose objects a condemnation names, as far as that is known, and officers who may name its loose packs.
struct Concerned {
    std::set<IdentityId> owners;
    std::set<IdentityId> officers;
};

Concerned concerned_by(const Holdings& holdings, const storage::Condemnation& condemnation) {
    Concerned concerned;
    // Who has a data key of a repack entry may still name packs of it that stand in no entry. Its slots stand in the
    // entries too.
    const auto add_dek = [&](const DekId& dek, bool has_loose_packs) {
        for (const EntryPlace& place : holdings.named(dek)) {
            if (holdings.catalogue().runs().contains(place))
                concerned.owners.insert(place.first);
            else if (has_loose_packs)
                concerned.officers.insert(place.first);
        }
    };
    const format::CondemnedObjects& objects = condemnation.fields.objects;
    for (const format::CondemnedPacks& item : objects.packs) {
        // What others stand for nobody has to give up: it can be reached as before.
        if (item.why == CondemnedFor::replaced) continue;
        if (const HeldEntry* entry = holdings.entry({item.identity, item.sequence}))
            concerned.owners.insert(entry->owner);
    }
    for (const DekId& dek : objects.deks) add_dek(dek, false);
    for (const PackId& pack : objects.loose) {
        if (holdings.listing().find(format::pack_name(pack)) == nullptr) continue;
        if (const auto dek = holdings.dek_of_loose(pack)) add_dek(*dek, true);
    }
    for (const IndexId& index : objects.indexes) {
        if (holdings.listing().find(format::index_name(index)) == nullptr) continue;
        if (const auto owner = holdings.owner_of_loose(index)) concerned.owners.insert(*owner);
    }
    return concerned;
}

/// What goes by verdicts of which nobody needs to be waited for any more.
class Departure {
public:
    Departure(const Holdings& holdings, const Condemnations& condemnations)
        : holdings_(holdings), going_(condemnations.only(settled(holdings, condemnations))) {
        collect_emptied();
    }

    [[nodiscard]] bool goes(const PackId& pack) const {
        if (holdings_.needs(pack)) return false;
        const auto& places = holdings_.named(pack);
        if (places.empty()) return going_.is_to_go(pack);
        return std::all_of(places.begin(), places.end(), [&](const ListedPack& place) {
            return going_.is_to_go(place.first.first, place.first.second, place.second);
        });
    }

    [[nodiscard]] bool goes(const IndexId& index) const {
        const auto& places = holdings_.named(index);
        if (places.empty()) return going_.is_to_go(index);
        return std::all_of(places.begin(), places.end(),
                           [&](const EntryPlace& place) { return emptied_.contains(place); });
    }

    [[nodiscard]] bool goes(const DekId& dek) const {
        if (holdings_.needs(dek) || !going_.is_to_go(dek)) return false;
        const auto& places = holdings_.named(dek);
        return std::all_of(places.begin(), places.end(), [&](const EntryPlace& place) {
            const auto& packs = holdings_.entry(place)->listed->packs;
            return std::all_of(packs.begin(), packs.end(), [&](const format::PackInfo& pack) {
                return goes(pack.id) || !holdings_.octets_of(format::pack_name(pack.id));
            });
        });
    }

private:
    static std::set<EntryId> settled(const Holdings& holdings, const Condemnations& condemnations) {
        std::set<EntryId> settled;
        for (const storage::Condemnation* one : condemnations.all()) {
            if (!one->is_open() && waited_for(holdings, *one).empty()) settled.insert(one->entry);
        }
        return settled;
    }

    /// Entries all of whose packs go, and all of the earlier entries of their runs: nothing else is what their index
    /// segments can describe.
    void collect_emptied() {
        struct Run {
            bool has_packs = false;
            bool is_emptied = true;
        };
        std::map<std::pair<IdentityId, format::RunId>, Run> runs;
        for (const auto& [place, entry] : holdings_.entries()) {
            Run of_repack;
            Run& run = entry.run ? runs[{place.first, *entry.run}] : of_repack;
            for (const format::PackInfo& pack : entry.listed->packs) {
                run.has_packs = true;
                run.is_emptied = run.is_emptied && goes(pack.id);
            }
            if (run.has_packs && run.is_emptied) emptied_.insert(place);
        }
    }

    const Holdings& holdings_;
    Condemnations going_;
    std::set<EntryPlace> emptied_;
};

}  // namespace

void require_nothing_lacking(const Holdings& holdings) {
    std::size_t lacking = 0;
    const Backup* first = nullptr;
    std::string object;
    for (const auto& [pack, backup] : holdings.relied_on()) {
        const std::string name = format::pack_name(pack);
        // What came after the listing is there by now.
        if (holdings.listing().find(name) != nullptr || holdings.repository().store().exists(name)) continue;
        ++lacking;
        if (first == nullptr || backup->time() < first->time()) {
            first = backup;
            object = name;
        }
    }
    if (lacking == 0) return;
    throw Error(ErrorCode::damaged,
                object + ", which backup " + first->describe() + " needs, is not there" +
                    (lacking > 1 ? ", nor are " + std::to_string(lacking - 1) + " more that backups need" : "") +
                    ": nothing is pruned, as what is left of other backups may be all that is left",
                "signet check names what is lost; signet repair, a new backup of the same source and signet repair "
                "again bring back what the source still has; a backup that lacks packs for good is to be forgotten");
}

std::vector<Proposal> propose(const Holdings& holdings) { return Proposing(holdings).run(); }

std::vector<IdentityId> waited_for(const Holdings& holdings, const storage::Condemnation& condemnation) {
    const Concerned concerned = concerned_by(holdings, condemnation);
    std::set<IdentityId> writers;
    for (const IdentityId& owner : concerned.owners) {
        for (const IdentityId& writer : holdings.who_may_refer(owner)) writers.insert(writer);
    }
    for (const IdentityId& officer : concerned.officers) {
        if (!holdings.has_ended(officer, format::Role::officer)) writers.insert(officer);
    }
    std::vector<IdentityId> waited;
    for (const IdentityId& writer : writers) {
        if (!holdings.is_bound(writer, condemnation.officer, condemnation.sequence)) waited.push_back(writer);
    }
    return waited;
}

bool is_nobodys(const Holdings& holdings, const storage::Condemnation& condemnation) {
    const Concerned concerned = concerned_by(holdings, condemnation);
    return condemnation.fields.objects.packs.empty() && concerned.owners.empty() && concerned.officers.empty();
}

format::VerdictFields judge(const Holdings& holdings, const storage::Condemnation& condemnation) {
    format::VerdictFields verdict;
    verdict.condemnation = condemnation.entry;
    verdict.seen = holdings.seen();
    const format::CondemnedObjects& objects = condemnation.fields.objects;
    std::map<EntryPlace, format::CondemnedPacks> spared;
    for (const format::CondemnedPacks& item : objects.packs) {
        const EntryPlace place{item.identity, item.sequence};
        const HeldEntry* entry = holdings.entry(place);
        if (entry == nullptr || entry->listed->dek != item.dek) continue;
        for (std::size_t pack = 0; pack < entry->listed->packs.size(); ++pack) {
            const bool is_kept = holdings.needs(entry->listed->packs[pack].id) && !holdings.is_replaced({place, pack});
            if (!format::bitmap_has(item.bitmap, pack) || !(is_kept || (entry->is_live && entry->run))) continue;
            auto& kept = spared[place];
            kept.identity = item.identity;
            kept.sequence = item.sequence;
            kept.dek = item.dek;
            kept.why = CondemnedFor::spared;
            format::bitmap_set(kept.bitmap, pack);
        }
    }
    for (auto& [place, kept] : spared) verdict.spared.packs.push_back(std::move(kept));
    for (const PackId& pack : objects.loose) {
        if (!holdings.named(pack).empty()) verdict.spared.loose.push_back(pack);
    }
    for (const IndexId& index : objects.indexes) {
        if (!holdings.named(index).empty()) verdict.spared.indexes.push_back(index);
    }
    for (const DekId& dek : objects.deks) {
        const auto& places = holdings.named(dek);
        const bool has_pack = std::any_of(places.begin(), places.end(), [&](const EntryPlace& place) {
            const auto& packs = holdings.entry(place)->listed->packs;
            return std::any_of(packs.begin(), packs.end(), [&](const auto& pack) { return holdings.needs(pack.id); });
        });
        if (holdings.needs(dek) || has_pack) verdict.spared.deks.push_back(dek);
    }
    return verdict;
}

Departing departing(const Holdings& holdings, const Condemnations& condemnations) {
    Departing departing;
    if (condemnations.empty()) return departing;
    const Departure departure(holdings, condemnations);
    for (const storage::ObjectInfo& info : holdings.listing()) {
        const Doomed object{info.name, info.size};
        // What was set aside of an object, or rebuilt of it, goes with it.
        const std::string name = remains_of(info.name).value_or(info.name);
        if (const auto pack = format::parse_pack_name(name)) {
            if (departure.goes(*pack)) departing.packs.push_back(object);
        } else if (const auto index = format::parse_index_name(name)) {
            if (departure.goes(*index)) departing.indexes.push_back(object);
        } else if (const auto slot = format::parse_slot_name(name)) {
            if (departure.goes(slot->dek)) departing.slots.push_back(object);
        }
    }
    return departing;
}

std::set<std::string> let_go_names(const Catalogue& catalogue) {
    const Condemnations& condemnations = catalogue.condemnations();
    if (condemnations.empty()) return {};
    std::set<std::string> needed;
    for (const Backup& backup : catalogue.backups()) {
        if (!backup.trusted) continue;
        for (const ReachedEntry& reached : catalogue.reached_by(backup)) {
            for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
                if (reached.has(pack)) needed.insert(format::pack_name(reached.listed->packs[pack].id));
            }
            for (const format::IndexInfo& index : reached.listed->indexes) needed.insert(format::index_name(index.id));
        }
    }
    std::set<std::string> names;
    std::set<std::pair<IdentityId, format::RunId>> kept;  // runs with a pack that was not let go
    const auto take = [&](const EntryPlace& place, const format::SealedPacks& listed) {
        bool is_emptied = true;
        for (std::size_t pack = 0; pack < listed.packs.size(); ++pack) {
            if (condemnations.is_let_go(place.first, place.second, pack))
                names.insert(format::pack_name(listed.packs[pack].id));
            else
                is_emptied = false;
        }
        return is_emptied;
    };
    const auto take_indexes = [&](const format::SealedPacks& listed) {
        for (const format::IndexInfo& index : listed.indexes) names.insert(format::index_name(index.id));
    };
    for (const auto& [place, run] : catalogue.runs()) {
        if (!take(place, run.fields)) kept.insert({place.first, run.fields.run});
        if (!kept.contains({place.first, run.fields.run})) take_indexes(run.fields);
    }
    for (const auto& [place, repack] : catalogue.repacks().entries()) {
        if (take(place, repack.fields)) take_indexes(repack.fields);
    }
    for (const storage::Condemnation* one : condemnations.all()) {
        for (const PackId& pack : one->fields.objects.loose) {
            if (condemnations.of_loose(pack) == Standing::let_go) names.insert(format::pack_name(pack));
        }
        for (const IndexId& index : one->fields.objects.indexes) {
            if (condemnations.of_loose(index) == Standing::let_go) names.insert(format::index_name(index));
        }
    }
    for (const std::string& name : needed) names.erase(name);
    return names;
}

}  // namespace signet::restore
