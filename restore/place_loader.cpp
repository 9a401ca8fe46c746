#include "restore/place_loader.h"

#include "format/names.h"
#include "restore/index_rebuild.h"

namespace signet::restore {
namespace {

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

}  // namespace

PlaceLoader::Wanted PlaceLoader::wanted_of(const ReachedEntry& reached) {
    Wanted wanted;
    const format::SealedPacks& fields = *reached.listed;
    for (std::size_t i = 0; i < fields.packs.size(); ++i) {
        if (reached.has(i)) wanted.emplace(fields.packs[i].id, fields.packs[i].size);
    }
    return wanted;
}

void PlaceLoader::load(const ReachedEntry& reached) {
    Wanted wanted = wanted_of(reached);
    if (!wanted.empty()) read_segments(reached, wanted);
    if (wanted.empty()) return;
    warn(format::journal_name(reached.entry->identity, reached.entry->head.sequence) +
         ": no index segment says what is in " + std::to_string(wanted.size()) +
         (wanted.size() == 1 ? " pack" : " packs") + "; reading them to find out");
    load_unlisted(reached.listed->dek, wanted);
}

void PlaceLoader::load_spare(const ReachedEntry& spare) {
    Wanted wanted = wanted_of(spare);
    if (!wanted.empty()) read_segments(spare, wanted);
}

/// Takes out of `wanted` what the segments tell.
void PlaceLoader::read_segments(const ReachedEntry& reached, Wanted& wanted) {
    const auto take = [&](PackRows&& rows) {
        const auto found = wanted.find(rows.pack.id);
        if (found == wanted.end()) return true;
        table_.add(rows.pack, reached.listed->dek, format::pack_name(rows.pack.id));
        for (std::size_t i = 0; i < rows.aliases.size(); ++i) {
            if (rows.aliases[i] != rows.pack.chunks[i]) table_.add_alias(rows.pack.chunks[i], rows.aliases[i]);
        }
        wanted.erase(found);
        return !wanted.empty();
    };
    read_index(repository_, reached, writer_.index_key,
               {take, [this](const format::IndexInfo&, const Error& error) { warn(error.what()); }});
}

void PlaceLoader::load_unlisted(const DekId& dek, const Wanted& packs) {
    const auto key = keys_.find(dek);
    for (const auto& [id, size] : packs) {
        try {
            if (key == keys_.end()) throw Error(ErrorCode::damaged, format::pack_name(id) + ": in no index segment");
            const RebuiltPack rebuilt =
                rebuild_index(repository_.store(), id, size, key->second, writer_.id_key, salvage_);
            table_.add(rebuilt.pack, dek, format::pack_name(id));
            for (const auto& [tree, list] : rebuilt.trees_as_lists) table_.add_alias(tree, list);
        } catch (const Error& error) {
            if (!salvage_ || !is_damage(error)) throw;
            warn(error.what());
        }
    }
}

}  // namespace signet::restore
