#include "restore/shred.h"

#include <algorithm>
#include <map>

#include "format/names.h"
#include "restore/remains.h"

namespace signet::restore {
namespace {

using Users = std::set<const Backup*>;

/// Who needs what: names of packs and index segments, and data keys.
struct Needs {
    std::map<std::string, Users> objects;
    std::map<DekId, Users> deks;

    void add(const std::vector<ReachedEntry>& entries, const Backup& user) {
        for (const ReachedEntry& entry : entries) {
            deks[entry.listed->dek].insert(&user);
            for (std::size_t i = 0; i < entry.listed->packs.size(); ++i) {
                if (entry.has(i)) objects[format::pack_name(entry.listed->packs[i].id)].insert(&user);
            }
            for (const format::IndexInfo& index : entry.listed->indexes)
                objects[format::index_name(index.id)].insert(&user);
        }
        deks[user.body.listed->dek].insert(&user);
    }
};

template <class Key>
Users users_of(const std::map<Key, Users>& all, const Key& key) {
    const auto found = all.find(key);
    return found == all.end() ? Users{} : found->second;
}

bool has_writer(const Users& users, const IdentityId& writer) {
    return std::any_of(users.begin(), users.end(), [&](const Backup* user) { return user->writer == writer; });
}

void add_needs_of_others(Needs& needs, const Catalogue& catalogue, const std::set<EntryId>& backups) {
    for (const Backup& backup : catalogue.backups()) {
        if (backups.contains(backup.id)) continue;
        if (backup.trusted) catalogue.check_reach(backup);
        needs.add(catalogue.reached_by(backup), backup);
    }
}

/// All that these backups named or needed, whether others stand for it or not; of an untrusted one what is its own.
void add_needs_of_these(Needs& needs, const Catalogue& catalogue, const std::set<EntryId>& backups) {
    const auto add = [&](std::vector<ReachedEntry> entries, const Backup& user) {
        if (!user.trusted)
            std::erase_if(entries, [&](const ReachedEntry& entry) { return entry.writer != user.writer; });
        needs.add(entries, user);
    };
    for (const std::vector<Backup>* each : {&catalogue.backups(), &catalogue.forgotten()}) {
        for (const Backup& backup : *each) {
            if (!backups.contains(backup.id)) continue;
            add(catalogue.named_by(backup), backup);
            add(catalogue.reached_by(backup), backup);
        }
    }
}

/// What goes with backups, weighed against what the others need.
struct Weighing {
    Needs theirs;
    Needs others;
    std::set<std::string> strangers;  ///< those who named something and do not keep it

    /// What cannot be read may be a backup that needs what would be deleted, or may say that one counts again.
    void take(const Catalogue& catalogue, const std::set<EntryId>& backups) {
        catalogue.require_no_doubt();
        for (const JournalFinding& finding : catalogue.findings()) {
            if (finding.counts) throw finding.error;
        }
        add_needs_of_these(theirs, catalogue, backups);
        add_needs_of_others(others, catalogue, backups);
    }

    /// Short ids of the backups for which something stays. Where there is none, who named it all the same is noted.
    std::set<std::string> keepers(const Users& owners, const Users& users) {
        std::set<std::string> keepers;
        for (const Backup* user : users) {
            if (user->trusted || has_writer(owners, user->writer)) keepers.insert(user->short_id());
        }
        if (keepers.empty()) {
            for (const Backup* user : users) strangers.insert(user->short_id());
        }
        return keepers;
    }
};

/// Whether a data key seals a pack that is there and does not go: of an interrupted run, for instance.
bool is_in_use(const Catalogue& catalogue, const DekId& dek, const Users& owners, const storage::CompleteListing& packs,
               const std::set<std::string>& doomed) {
    const auto has_packs = [&](const format::SealedPacks& listed) {
        return listed.dek == dek && std::any_of(listed.packs.begin(), listed.packs.end(), [&](const auto& pack) {
                   const std::string name = format::pack_name(pack.id);
                   return packs.find(name) != nullptr && !doomed.contains(name);
               });
    };
    const auto counts = [&](const EntryPlace& place) {
        return has_writer(owners, place.first) ||
               catalogue.trust().trusts(place.first, format::Role::writer, place.second);
    };
    return std::any_of(catalogue.runs().begin(), catalogue.runs().end(),
                       [&](const auto& run) { return has_packs(run.second.fields) && counts(run.first); }) ||
           std::any_of(catalogue.repacks().entries().begin(), catalogue.repacks().entries().end(),
                       [&](const auto& repack) { return has_packs(repack.second.fields); });
}

/// Whether the latest tombstone of several places says that a backup is forgotten.
bool is_forgotten(const std::vector<const Catalogue*>& places, const EntryId& backup) {
    const LastWord* latest = nullptr;
    for (const Catalogue* place : places) {
        const LastWord* word = place->tombstone(backup);
        if (word != nullptr && (latest == nullptr || latest->order < word->order)) latest = word;
    }
    return latest != nullptr && latest->forgotten;
}

}  // namespace

Shredding foresee_shredding(const Catalogue& catalogue, const storage::Repository& repository,
                            const std::set<EntryId>& backups) {
    Weighing weighing;
    weighing.take(catalogue, backups);
    Shredding shredding;
    const storage::CompleteListing& listing = shredding.listing.emplace(repository.store().list(""));
    std::multimap<std::string, Doomed> remains;
    for (const storage::ObjectInfo& info : listing) {
        if (auto name = remains_of(info.name)) remains.emplace(std::move(*name), Doomed{info.name, info.size});
    }
    const auto add_remains = [&](const std::string& name, std::vector<Doomed>& to) {
        const auto [first, last] = remains.equal_range(name);
        for (auto one = first; one != last; ++one) to.push_back(one->second);
    };
    std::set<std::string> doomed;
    for (const auto& [name, owners] : weighing.theirs.objects) {
        const bool is_pack = format::parse_pack_name(name).has_value();
        const storage::ObjectInfo* info = listing.find(name);
        if (info == nullptr) {
            if (weighing.keepers(owners, users_of(weighing.others.objects, name)).empty())
                add_remains(name, is_pack ? shredding.packs : shredding.indexes);
            continue;
        }
        const auto keepers = weighing.keepers(owners, users_of(weighing.others.objects, name));
        if (!keepers.empty()) {
            if (is_pack) shredding.shared_packs.push_back({name, info->size, keepers});
            continue;
        }
        std::vector<Doomed>& to = is_pack ? shredding.packs : shredding.indexes;
        to.push_back({name, info->size});
        add_remains(name, to);
        doomed.insert(name);
    }
    std::multimap<DekId, Doomed> slots;
    for (const storage::ObjectInfo& info : listing) {
        if (const auto slot = format::parse_slot_name(info.name))
            slots.emplace(slot->dek, Doomed{info.name, info.size});
    }
    for (const auto& [dek, owners] : weighing.theirs.deks) {
        const auto keepers = weighing.keepers(owners, users_of(weighing.others.deks, dek));
        if (!keepers.empty() || is_in_use(catalogue, dek, owners, listing, doomed)) {
            shredding.shared_deks.push_back({dek.hex(), 0, keepers});
            continue;
        }
        shredding.deks.push_back(dek);
        const auto [first, last] = slots.equal_range(dek);
        for (auto slot = first; slot != last; ++slot) shredding.slots.push_back(slot->second);
    }
    shredding.strangers = std::move(weighing.strangers);
    return shredding;
}

Shredding plan_shredding(const Catalogue& catalogue, const storage::Repository& repository,
                         const std::set<EntryId>& backups) {
    for (const Backup& backup : catalogue.backups()) {
        if (!backups.contains(backup.id)) continue;
        throw Error(ErrorCode::refused, "backup " + backup.describe() + " is not forgotten: nothing was deleted",
                    "an officer forgets it first: signet forget " + backup.short_id());
    }
    return foresee_shredding(catalogue, repository, backups);
}

std::set<std::string> only_forgotten_need(const Catalogue& here, const storage::Repository& source,
                                          const Catalogue* there) {
    std::vector<const Catalogue*> places = {&here};
    if (there != nullptr) places.push_back(there);
    std::set<EntryId> forgotten;
    for (const Catalogue* place : places) {
        for (const Backup& backup : place->forgotten()) {
            if (is_forgotten(places, backup.id)) forgotten.insert(backup.id);
        }
    }
    if (forgotten.empty()) return {};
    Weighing weighing;
    for (const Catalogue* place : places) weighing.take(*place, forgotten);
    std::set<std::string> names;
    for (const auto& [name, owners] : weighing.theirs.objects) {
        if (weighing.keepers(owners, users_of(weighing.others.objects, name)).empty()) names.insert(name);
    }
    const storage::CompleteListing packs = source.store().list("packs/");
    std::set<std::string> slots;
    for (const auto& [dek, name] : source.list_slots()) {
        const Users owners = users_of(weighing.theirs.deks, dek);
        if (owners.empty() || !weighing.keepers(owners, users_of(weighing.others.deks, dek)).empty()) continue;
        if (!is_in_use(here, dek, owners, packs, names))
            slots.insert(format::slot_name(name.thumbprint, name.dek, name.content));
    }
    names.merge(slots);
    return names;
}

void shred(const storage::Repository& repository, const storage::CompleteListing& listing,
           const std::vector<Doomed>& objects, Deletion& deletion) {
    storage::Store& store = repository.store();
    for (const Doomed& object : objects) {
        try {
            (void)store.remove(listing, object.name);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::io) throw;
            deletion.stay.push_back(object.name + ": " + error.what());
            continue;
        }
        if (store.exists(object.name)) {
            deletion.stay.push_back(object.name + ": deleted, and there still");
            continue;
        }
        deletion.objects += 1;
        deletion.octets += object.size;
    }
    store.flush();
}

std::set<std::string> broken_by(const Catalogue& afterwards, const Shredding& shredding) {
    std::set<std::string> broken;
    Needs needs;
    add_needs_of_others(needs, afterwards, {});
    for (const Doomed& pack : shredding.packs) {
        for (const Backup* user : users_of(needs.objects, pack.name)) {
            if (user->trusted) broken.insert(user->short_id());
        }
    }
    return broken;
}

}  // namespace signet::restore
