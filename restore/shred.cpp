#include "restore/shred.h"

#include <map>

#include "format/names.h"

namespace signet::restore {
namespace {

/// Who needs what: names of packs and index segments, and data keys.
struct Needs {
    std::map<std::string, std::set<std::string>> objects;
    std::map<DekId, std::set<std::string>> deks;

    void add(const std::vector<ReachedEntry>& entries, const std::string& user) {
        for (const ReachedEntry& entry : entries) {
            deks[entry.listed->dek].insert(user);
            for (std::size_t i = 0; i < entry.listed->packs.size(); ++i) {
                if (entry.has(i)) objects[format::pack_name(entry.listed->packs[i].id)].insert(user);
            }
            for (const format::IndexInfo& index : entry.listed->indexes)
                objects[format::index_name(index.id)].insert(user);
        }
    }
};

Needs needs_of_others(const Catalogue& catalogue, const std::set<EntryId>& backups) {
    Needs needs;
    for (const Backup& backup : catalogue.backups()) {
        if (backups.contains(backup.id)) continue;
        catalogue.check_reach(backup);
        needs.add(catalogue.reached_by(backup), backup.short_id());
        needs.deks[backup.body.listed->dek].insert(backup.short_id());
    }
    return needs;
}

/// All that these backups named or needed, whether others stand for it or not.
Needs needs_of_these(const Catalogue& catalogue, const std::set<EntryId>& backups) {
    Needs needs;
    for (const std::vector<Backup>* each : {&catalogue.backups(), &catalogue.forgotten()}) {
        for (const Backup& backup : *each) {
            if (!backups.contains(backup.id)) continue;
            needs.add(catalogue.named_by(backup), backup.short_id());
            needs.add(catalogue.reached_by(backup), backup.short_id());
            needs.deks[backup.body.listed->dek].insert(backup.short_id());
        }
    }
    return needs;
}

/// Data keys of packs that are there and do not go: of interrupted runs, for instance.
std::set<DekId> deks_in_use(const Catalogue& catalogue, const storage::CompleteListing& packs,
                            const std::set<std::string>& doomed) {
    std::set<DekId> used;
    const auto look_at = [&](const format::SealedPacks& listed) {
        for (const format::PackInfo& pack : listed.packs) {
            const std::string name = format::pack_name(pack.id);
            if (packs.find(name) != nullptr && !doomed.contains(name)) used.insert(listed.dek);
        }
    };
    for (const auto& [place, run] : catalogue.runs()) look_at(run.fields);
    for (const auto& [place, repack] : catalogue.repacks().entries()) look_at(repack.fields);
    return used;
}

}  // namespace

Shredding plan_shredding(const Catalogue& catalogue, const storage::Repository& repository,
                         const std::set<EntryId>& backups) {
    catalogue.require_no_doubt();
    // What cannot be read may be a backup that needs what would be deleted.
    if (!catalogue.findings().empty()) throw catalogue.findings().front().error;
    const Needs theirs = needs_of_these(catalogue, backups);
    const Needs others = needs_of_others(catalogue, backups);
    const storage::CompleteListing packs = repository.store().list("packs/");
    const storage::CompleteListing indexes = repository.store().list("indexes/");
    Shredding shredding;
    std::set<std::string> doomed;
    for (const auto& [name, users] : theirs.objects) {
        const bool is_pack = format::parse_pack_name(name).has_value();
        const storage::ObjectInfo* info = is_pack ? packs.find(name) : indexes.find(name);
        if (info == nullptr) continue;
        if (const auto shared = others.objects.find(name); shared != others.objects.end()) {
            if (is_pack) shredding.shared_packs.push_back({name, info->size, shared->second});
            continue;
        }
        (is_pack ? shredding.packs : shredding.indexes).push_back({name, info->size});
        doomed.insert(name);
    }
    const std::set<DekId> used = deks_in_use(catalogue, packs, doomed);
    const auto slots = repository.list_slots();
    for (const auto& [dek, users] : theirs.deks) {
        if (const auto shared = others.deks.find(dek); shared != others.deks.end()) {
            shredding.shared_deks.push_back({dek.hex(), 0, shared->second});
            continue;
        }
        if (used.contains(dek)) {
            shredding.shared_deks.push_back({dek.hex(), 0, {}});
            continue;
        }
        shredding.deks.push_back(dek);
        const auto [first, last] = slots.equal_range(dek);
        for (auto slot = first; slot != last; ++slot) {
            const format::SlotName& name = slot->second;
            const std::string object = format::slot_name(name.thumbprint, name.dek, name.content);
            shredding.slots.push_back({object, repository.store().size(object).value_or(0)});
        }
    }
    return shredding;
}

void shred(const storage::Repository& repository, const std::vector<Doomed>& objects, Deletion& deletion) {
    storage::Store& store = repository.store();
    for (const Doomed& object : objects) {
        try {
            (void)store.remove(object.name);
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
    const Needs needs = needs_of_others(afterwards, {});
    for (const Doomed& pack : shredding.packs) {
        const auto users = needs.objects.find(pack.name);
        if (users != needs.objects.end()) broken.insert(users->second.begin(), users->second.end());
    }
    return broken;
}

}  // namespace signet::restore
