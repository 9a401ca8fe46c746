#include "restore/repacker.h"

#include "core/error.h"
#include "format/names.h"

namespace signet::restore {
namespace {

constexpr std::size_t kMaxBodyOctets = 8 * format::kMiB;  // in one entry, whose sealed part has 16 MiB
constexpr std::size_t kMaxPacksInPiece = 50'000;          // about 2 MiB of an entry's public part
constexpr std::size_t kMaxChunksInSegment = 500'000;      // about 10 MiB of an index segment

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

}  // namespace

Repacker::Repacker(Setup setup)
    : setup_(std::move(setup)), copier_(setup_.repository.store(), setup_.key, setup_.keys.id_key) {
    segment_.dek = setup_.key.id();
}

void Repacker::add_body(std::uint64_t sequence, const EntryId& backup, SecretBytes octets) {
    if (!bodies_.empty() && body_octets_ + octets.size() > kMaxBodyOctets) commit();
    body_octets_ += octets.size();
    bodies_.insert_or_assign(sequence, std::pair(backup, std::move(octets)));
}

bool Repacker::add_packs(const ReachedEntry& reached, const format::DataKey& key,
                         const std::function<void(const Error&)>& on_failure) {
    Wanted wanted;
    for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
        if (reached.has(pack)) wanted.emplace(reached.listed->packs[pack].id, pack);
    }
    for (const format::IndexInfo& info : reached.listed->indexes) {
        if (wanted.empty()) return true;
        try {
            if (!copy_indexed(reached, info, key, wanted, on_failure)) return false;
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            setup_.warn(error.what());
        }
    }
    // In no segment that could be read: as good a copy, but its chunks cannot be compared with ids.
    for (const auto& [id, pack] : wanted) {
        if (setup_.stop()) return false;
        try {
            copy(reached, pack, key, nullptr);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            on_failure(error);
        }
    }
    return true;
}

/// Copies the packs that one index segment describes. throws  Error{damaged}: the segment cannot be used
bool Repacker::copy_indexed(const ReachedEntry& reached, const format::IndexInfo& info, const format::DataKey& key,
                            Wanted& wanted, const std::function<void(const Error&)>& on_failure) {
    const auto segment =
        format::IndexSegment::open(setup_.repository.load_index_object(info.id), setup_.repository.config().repository,
                                   reached.writer, setup_.keys.index_key, format::index_name(info.id));
    for (const format::IndexedPack& indexed : segment.packs) {
        const auto found = wanted.find(indexed.id);
        if (found == wanted.end()) continue;
        if (setup_.stop()) return false;
        const std::size_t pack = found->second;
        wanted.erase(found);
        try {
            copy(reached, pack, key, &indexed.chunks);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            on_failure(error);
        }
    }
    return true;
}

void Repacker::copy(const ReachedEntry& reached, std::size_t pack, const format::DataKey& key,
                    const std::vector<ChunkId>* ids) {
    const format::PackInfo& info = reached.listed->packs[pack];
    PackReader source(setup_.repository.store(), info.id, info.size, key);
    take(reached, pack, copier_.copy(source, ids));
}

void Repacker::take(const ReachedEntry& reached, std::size_t pack, format::IndexedPack made) {
    keep(std::move(made));
    replace(reached, pack);
    if (octets_in_piece_ >= setup_.piece_octets || made_.size() >= kMaxPacksInPiece) commit();
}

void Repacker::keep(format::IndexedPack made) {
    made_.push_back({made.id, made.size});
    ++packs_;
    octets_ += made.size;
    octets_in_piece_ += made.size;
    setup_.copied(made.size);
    // Without ids, what is in the pack is found as it was before: by reading it.
    if (!made.chunks.empty()) {
        chunks_in_segment_ += made.chunks.size();
        segment_.packs.push_back(std::move(made));
    }
    if (chunks_in_segment_ >= kMaxChunksInSegment) close_segment();
}

void Repacker::replace(const ReachedEntry& reached, std::size_t pack) {
    const EntryPlace place{reached.entry->identity, reached.entry->head.sequence};
    format::ReplacedPacks& replaced = replaced_[place];
    replaced.identity = place.first;
    replaced.sequence = place.second;
    replaced.dek = reached.listed->dek;
    format::bitmap_set(replaced.bitmap, pack);
}

void Repacker::serve(const format::ServedBackup& backup) {
    served_[{backup.identity, backup.sequence}] = backup.backup;
}

void Repacker::close_segment() {
    if (segment_.packs.empty()) return;
    setup_.repository.store().flush();
    indexes_.push_back(setup_.repository.put_index(segment_, setup_.writer, setup_.keys.index_key));
    segment_.packs.clear();
    chunks_in_segment_ = 0;
}

void Repacker::open() {
    format::RepackPublic fields = common_fields();
    fields.is_opening = true;
    append(std::move(fields), {});
}

format::RepackPublic Repacker::common_fields() const {
    format::RepackPublic fields;
    fields.writer = setup_.writer;
    fields.dek = setup_.key.id();
    fields.commitment = setup_.key.commitment();
    fields.slots = setup_.slots;
    return fields;
}

void Repacker::append(format::RepackPublic fields, const std::vector<SecretBytes>& bodies) {
    setup_.append([&](const format::EntryHead& head, const crypto::SigningKey& officer) {
        // Whoever was faster may have condemned what this entry names: asked anew for each number that is tried.
        if (setup_.obey) fields.obeyed = setup_.obey(fields);
        return format::make_repack_entry(head, fields, bodies, setup_.key, officer);
    });
}

void Repacker::commit() {
    if (replaced_.empty() && bodies_.empty()) return;
    close_segment();
    setup_.repository.store().flush();
    format::RepackPublic fields = common_fields();
    fields.packs = std::move(made_);
    fields.indexes = std::move(indexes_);
    for (auto& [place, replaced] : replaced_) fields.replaced.push_back(std::move(replaced));
    for (const auto& [place, backup] : served_) fields.backups.push_back({place.first, place.second, backup});
    std::vector<SecretBytes> bodies;
    for (auto& [sequence, body] : bodies_) {
        fields.bodies.push_back({sequence, body.first});
        bodies.push_back(std::move(body.second));
    }
    append(std::move(fields), bodies);
    ++entries_;
    made_.clear();
    indexes_.clear();
    replaced_.clear();
    served_.clear();
    bodies_.clear();
    body_octets_ = 0;
    octets_in_piece_ = 0;
}

}  // namespace signet::restore
