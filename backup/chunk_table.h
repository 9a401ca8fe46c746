// Which chunks this writer has stored already, and in which pack.
#pragma once

#include "core/id.h"

#include <array>
#include <memory>
#include <mutex>
#include <vector>

namespace signet::backup {

/// Number of a pack among all packs of the writer's journal, in the order of History::packs.
using PackNumber = std::uint32_t;

/// A concurrent set of chunk ids with the pack that holds each. About 30 octets a chunk.
class ChunkTable {
public:
    /// The chunk is being stored by this very run.
    static constexpr PackNumber kThisRun = 0xffff'fffe;
    static constexpr PackNumber kUnknown = 0xffff'ffff;

    ChunkTable();
    /// Makes room for that many chunks beforehand.
    void reserve(std::size_t chunks);
    /// Adds a stored chunk; the first pack told of a chunk stays.
    void add(const ChunkId& id, PackNumber pack);
    /// returns  the pack, kThisRun, or kUnknown
    [[nodiscard]] PackNumber find(const ChunkId& id) const;
    /// Like find, but an unknown chunk becomes one of this run: then kUnknown is returned, and the caller must store
    /// it.
    [[nodiscard]] PackNumber claim(const ChunkId& id);
    [[nodiscard]] std::size_t size() const;

private:
    struct Shard {
        mutable std::mutex mutex;
        std::vector<ChunkId> ids;
        std::vector<PackNumber> packs;  ///< kUnknown: the place is free
        std::size_t used = 0;
        std::size_t place(const ChunkId& id) const;
        void grow(std::size_t capacity);
    };
    static constexpr std::size_t kShards = 64;
    [[nodiscard]] static std::size_t shard_of(const ChunkId& id) { return id.octets[15] % kShards; }
    std::unique_ptr<std::array<Shard, kShards>> shards_;
};

}  // namespace signet::backup
