// What every entry with packs lists of them: the DEK with its slots, the packs under it, their index segments
// (docs/format.md section 6; the same in backup, partial and repack entries), and bitmaps that choose among the packs.
#pragma once

#include "core/byte_io.h"
#include "format/slot.h"

#include <vector>

namespace signet::format {

struct PackInfo {
    PackId id;
    std::uint64_t size = 0;
};
struct IndexInfo {
    IndexId id;
    std::uint64_t size = 0;
};

/// A DEK and the slots that an entry gives for it.
struct SlottedKey {
    DekId dek;
    Digest commitment;
    std::vector<Slot> slots;

    /// DEK id, commitment, slots. There are 1 to 64 slots, all of this DEK.
    void encode_key(ByteWriter& writer) const;
    /// throws  Error{damaged}: also when a slot is of another DEK, or slots are of two repositories. what  the entry
    void decode_key(ByteReader& reader, std::string_view what);
};

/// Packs under one DEK.
struct SealedPacks : SlottedKey {
    std::vector<PackInfo> packs;
    std::vector<IndexInfo> indexes;

    /// The key, packs, index segments.
    void encode_packs(ByteWriter& writer) const;
    /// throws  Error{damaged}: as decode_key()
    void decode_packs(ByteReader& reader, std::string_view what);
};

/// Whether bit `pack % 8` (least significant first) of octet `pack / 8` is set.
[[nodiscard]] bool bitmap_has(ByteView bitmap, std::size_t pack);
/// Sets that bit. The bitmap grows as it has to.
void bitmap_set(Bytes& bitmap, std::size_t pack);
/// A `blob` whose last octet is there and not zero. Both: the bitmap of an entry's packs.
void write_bitmap(ByteWriter& writer, const Bytes& bitmap);
/// throws  Error{damaged}
[[nodiscard]] Bytes read_bitmap(ByteReader& reader);

}  // namespace signet::format
