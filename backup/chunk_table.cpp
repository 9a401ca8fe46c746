#include "backup/chunk_table.h"

#include <bit>

namespace signet::backup {

ChunkTable::ChunkTable() : shards_(std::make_unique<std::array<Shard, kShards>>()) {}

std::size_t ChunkTable::Shard::place(const ChunkId& id) const {
    const std::size_t mask = ids.size() - 1;
    std::size_t at = std::hash<ChunkId>{}(id)&mask;
    while (packs[at] != kUnknown && ids[at] != id) at = (at + 1) & mask;
    return at;
}

void ChunkTable::Shard::grow(std::size_t capacity) {
    std::vector<ChunkId> old_ids(capacity);
    std::vector<PackNumber> old_packs(capacity, kUnknown);
    old_ids.swap(ids);
    old_packs.swap(packs);
    for (std::size_t i = 0; i < old_ids.size(); ++i) {
        if (old_packs[i] == kUnknown) continue;
        const auto at = place(old_ids[i]);
        ids[at] = old_ids[i];
        packs[at] = old_packs[i];
    }
}

void ChunkTable::reserve(std::size_t chunks) {
    const auto capacity = std::bit_ceil(chunks / kShards * 3 / 2 + 16);
    for (auto& shard : *shards_) {
        const std::lock_guard lock(shard.mutex);
        if (capacity > shard.ids.size()) shard.grow(capacity);
    }
}

void ChunkTable::add(const ChunkId& id, PackNumber pack) {
    auto& shard = (*shards_)[shard_of(id)];
    const std::lock_guard lock(shard.mutex);
    if ((shard.used + 1) * 4 > shard.ids.size() * 3) shard.grow(shard.ids.empty() ? 64 : shard.ids.size() * 2);
    const auto at = shard.place(id);
    if (shard.packs[at] != kUnknown) return;
    shard.ids[at] = id;
    shard.packs[at] = pack;
    ++shard.used;
}

PackNumber ChunkTable::find(const ChunkId& id) const {
    const auto& shard = (*shards_)[shard_of(id)];
    const std::lock_guard lock(shard.mutex);
    return shard.ids.empty() ? kUnknown : shard.packs[shard.place(id)];
}

PackNumber ChunkTable::claim(const ChunkId& id) {
    auto& shard = (*shards_)[shard_of(id)];
    const std::lock_guard lock(shard.mutex);
    if ((shard.used + 1) * 4 > shard.ids.size() * 3) shard.grow(shard.ids.empty() ? 64 : shard.ids.size() * 2);
    const auto at = shard.place(id);
    const auto found = shard.packs[at];
    if (found == kUnknown) {
        shard.ids[at] = id;
        shard.packs[at] = kThisRun;
        ++shard.used;
    }
    return found;
}

std::size_t ChunkTable::size() const {
    std::size_t total = 0;
    for (const auto& shard : *shards_) {
        const std::lock_guard lock(shard.mutex);
        total += shard.used;
    }
    return total;
}

}  // namespace signet::backup
