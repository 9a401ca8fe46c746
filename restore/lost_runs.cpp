#include "restore/lost_runs.h"

#include "format/names.h"
#include "format/pack.h"
#include "restore/opener.h"
#include "restore/pack_object.h"

#include <array>

namespace signet::restore {
namespace {

/// throws  Error{damaged}: missing, or shorter than a header
std::array<std::uint8_t, format::kPackHeaderSize> read_header(const storage::Store& store, const PackId& id) {
    const PackObject object = open_pack(store, id);
    std::array<std::uint8_t, format::kPackHeaderSize> header{};
    if (object.reader->size() < header.size())
        throw Error(ErrorCode::damaged, format::pack_name(id) + ": shorter than a pack");
    object.reader->read(0, header);
    return header;
}

std::set<PackId> listed_packs(const Catalogue& catalogue) {
    std::set<PackId> listed;
    const auto add = [&listed](const format::SealedPacks& fields) {
        for (const format::PackInfo& pack : fields.packs) listed.insert(pack.id);
    };
    for (const auto& [place, run] : catalogue.runs()) add(run.fields);
    for (const auto& [place, repack] : catalogue.repacks().entries()) add(repack.fields);
    return listed;
}

}  // namespace

std::set<DekId> lost_keys(const Catalogue& catalogue, const Backup& backup) {
    std::set<DekId> lost;
    for (const format::Reach& item : backup.fields->reach) {
        if (catalogue.run(backup.fields->writer_of(item, backup.writer), item.sequence) == nullptr)
            lost.insert(item.dek);
    }
    return lost;
}

std::map<DekId, PackSizes> unlisted_packs(const Catalogue& catalogue, const storage::Store& store,
                                          const storage::CompleteListing& packs, const std::set<DekId>& keys) {
    const std::set<PackId> listed = listed_packs(catalogue);
    std::map<DekId, PackSizes> found;
    for (const storage::ObjectInfo& info : packs) {
        const auto id = format::parse_pack_name(info.name);
        if (!id || listed.contains(*id)) continue;
        try {
            const DekId dek = format::PackKeys::dek_of(read_header(store, *id), info.name);
            if (keys.contains(dek)) found[dek].emplace(*id, info.size);
        } catch (const Error& error) {
            // What is no pack any more is nobody's.
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
        }
    }
    return found;
}

namespace {

PackSizes opened_by(const format::DataKey& key, const storage::Store& store, const PackSizes& packs, std::string& why) {
    PackSizes opened;
    for (const auto& [pack, size] : packs) {
        try {
            (void)format::PackKeys::open(key, read_header(store, pack), format::pack_name(pack));
            opened.emplace(pack, size);
        } catch (const Error& error) {
            if (!is_about_slots(error)) throw;
            why = error.what();
        }
    }
    return opened;
}

}  // namespace

std::optional<LostRun> unwrap_for(const storage::Repository& repository, keyring::Resolver& resolver, const DekId& dek,
                                  const PackSizes& packs, std::string& why) {
    why = "no slot of it is stored";
    std::optional<LostRun> best;
    const auto slots = repository.list_slots();
    const auto [first, last] = slots.equal_range(dek);
    for (auto slot = first; slot != last && !(best && best->packs.size() == packs.size()); ++slot) {
        try {
            format::DataKey key = resolver.unwrap(repository.load_slot(slot->second));
            PackSizes opened = opened_by(key, repository.store(), packs, why);
            if (!opened.empty() && (!best || best->packs.size() < opened.size()))
                best.emplace(LostRun{std::move(key), std::move(opened)});
        } catch (const Error& error) {
            if (!is_about_slots(error)) throw;
            why = error.what();
        }
    }
    return best;
}

}  // namespace signet::restore
