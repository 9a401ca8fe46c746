// Where each chunk of a backup lies: frames of packs, and a compact table from chunk id to frame, offset and length.
// About 35 octets a chunk. Filled by one thread, then read by any number.
#pragma once

#include "core/id.h"
#include "format/index.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace signet::restore {

/// A pack that the backup may refer to.
struct PackPlace {
    PackId id;
    std::uint64_t size = 0;
    DekId dek;
};

/// A frame of one of these packs.
struct FramePlace {
    std::uint64_t offset = 0;  ///< in the pack
    std::uint32_t pack = 0;    ///< number in ChunkTable::pack
    std::uint32_t number = 0;  ///< in the pack
    std::uint32_t sealed_size = 0;
    std::uint32_t raw_size = 0;
    format::FrameKind kind = format::FrameKind::data;
    format::Codec codec = format::Codec::raw;
};

/// A chunk's place in a frame's raw octets.
struct ChunkPlace {
    std::uint32_t frame = 0;  ///< number in ChunkTable::frame
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
};

class ChunkTable {
public:
    ChunkTable() = default;
    ChunkTable(ChunkTable&&) noexcept = default;
    ChunkTable& operator=(ChunkTable&&) noexcept = default;

    /// Takes the frames and chunks of one pack of an index segment.
    /// throws  Error{damaged}: the segment contradicts itself or the pack's size
    void add(const format::IndexedPack& pack, const DekId& dek, std::string_view what);
    /// Another id of a chunk that is in the table.
    void add_alias(const ChunkId& id, const ChunkId& alias);
    [[nodiscard]] bool has_pack(const PackId& pack) const { return pack_numbers_.contains(pack); }

    /// nullptr when no pack in reach has the chunk.
    [[nodiscard]] const ChunkPlace* find(const ChunkId& id) const;
    /// A number below chunk_count() that no other chunk has.
    [[nodiscard]] std::optional<std::uint32_t> number_of(const ChunkId& id) const;
    [[nodiscard]] const PackPlace& pack(std::uint32_t number) const { return packs_[number]; }
    [[nodiscard]] const FramePlace& frame(std::uint32_t number) const { return frames_[number]; }
    [[nodiscard]] std::size_t pack_count() const { return packs_.size(); }
    [[nodiscard]] std::size_t frame_count() const { return frames_.size(); }
    [[nodiscard]] std::size_t chunk_count() const { return chunk_count_; }
    /// Octets of memory that the table takes.
    [[nodiscard]] std::size_t memory() const;

private:
    struct Row {
        ChunkId id;
        ChunkPlace place;
    };
    static constexpr std::size_t kBlockBits = 14;
    static constexpr std::size_t kBlockRows = std::size_t{1} << kBlockBits;
    static constexpr std::uint32_t kEmpty = UINT32_MAX;

    [[nodiscard]] const Row& row(std::uint32_t number) const {
        return blocks_[number >> kBlockBits][number & (kBlockRows - 1)];
    }
    void reserve(std::size_t chunks);
    void insert(const ChunkId& id, const ChunkPlace& place);

    std::vector<PackPlace> packs_;
    std::vector<FramePlace> frames_;
    std::unordered_map<PackId, std::uint32_t> pack_numbers_;
    std::vector<std::unique_ptr<Row[]>> blocks_;  ///< rows in blocks, so that growing copies none of them
    std::vector<std::uint32_t> slots_;            ///< open addressing: row numbers; a power of two of them
    std::size_t chunk_count_ = 0;
};

}  // namespace signet::restore
