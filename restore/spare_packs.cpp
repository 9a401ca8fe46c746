#include "restore/spare_packs.h"

#include <algorithm>

#include "format/names.h"

namespace signet::restore {
namespace {

bool is_there(const storage::CompleteListing& packs, const format::PackInfo& pack) {
    const storage::ObjectInfo* found = packs.find(format::pack_name(pack.id));
    return found != nullptr && found->size == pack.size;
}

void add_stored(std::vector<ReachedEntry>& stored, ReachedEntry entry, const storage::CompleteListing& packs) {
    entry.bitmap = all_packs(*entry.listed);
    entry = part(entry, packs).whole;
    if (chooses_any(entry)) stored.push_back(std::move(entry));
}

}  // namespace

std::set<IdentityId> line_of(const Catalogue& catalogue, const IdentityId& writer) {
    std::set<IdentityId> line{writer};
    for (const auto& [place, run] : catalogue.runs()) {
        if (!catalogue.trust().trusts(place.first, format::Role::writer, place.second)) continue;
        const std::vector<IdentityId>& before = run.fields.predecessors;
        const bool has_writer = std::find(before.begin(), before.end(), writer) != before.end();
        if (place.first != writer && !has_writer) continue;
        line.insert(place.first);
        line.insert(before.begin(), before.end());
    }
    return line;
}

std::vector<ReachedEntry> stored_packs(const Catalogue& catalogue, const std::set<IdentityId>& writers,
                                       const storage::CompleteListing& packs) {
    std::vector<ReachedEntry> stored;
    for (const auto& [place, run] : catalogue.runs()) {
        if (!writers.contains(place.first)) continue;
        if (!catalogue.trust().trusts(place.first, format::Role::writer, place.second)) continue;
        add_stored(stored, {run.entry, &run.fields, place.first, {}}, packs);
    }
    for (const auto& [place, repack] : catalogue.repacks().entries()) {
        if (writers.contains(repack.fields.writer))
            add_stored(stored, {repack.entry, &repack.fields, repack.fields.writer, {}}, packs);
    }
    return stored;
}

PartedEntry part(const ReachedEntry& entry, const storage::CompleteListing& packs) {
    PartedEntry parted{entry, entry};
    parted.whole.bitmap.clear();
    parted.lost.bitmap.clear();
    for (std::size_t i = 0; i < entry.listed->packs.size(); ++i) {
        if (!entry.has(i)) continue;
        format::bitmap_set(is_there(packs, entry.listed->packs[i]) ? parted.whole.bitmap : parted.lost.bitmap, i);
    }
    return parted;
}

bool chooses_any(const ReachedEntry& entry) {
    return std::any_of(entry.bitmap.begin(), entry.bitmap.end(), [](std::uint8_t octet) { return octet != 0; });
}

}  // namespace signet::restore
