#include "format/sealed_packs.h"

#include "format/encoding.h"
#include "format/limits.h"

namespace signet::format {
namespace {

template <class Info>
void encode_objects(ByteWriter& writer, const std::vector<Info>& objects, std::uint64_t limit) {
    writer.varint(objects.size());
    for (const Info& object : objects) {
        invariant(object.size <= limit, "an object listed in an entry is over its limit");
        writer.id(object.id);
        writer.varint(object.size);
    }
}

template <class Info>
std::vector<Info> decode_objects(ByteReader& reader, std::uint64_t limit) {
    using ObjectId = decltype(Info::id);
    std::vector<Info> objects(read_count(reader, UINT32_MAX, ObjectId::kSize + 1));
    for (Info& object : objects) {
        object.id = reader.id<ObjectId>();
        object.size = reader.varint(limit);
    }
    return objects;
}

}  // namespace

void SlottedKey::encode_key(ByteWriter& writer) const {
    invariant(!slots.empty() && slots.size() <= kMaxSlotsInEntry, "1 to 64 slots in an entry");
    writer.id(dek);
    writer.id(commitment);
    writer.varint(slots.size());
    for (const Slot& slot : slots) {
        invariant(slot.dek == dek && slot.commitment == commitment, "slots of this entry's data key");
        writer.blob(slot.encode());
    }
}

void SealedPacks::encode_packs(ByteWriter& writer) const {
    encode_key(writer);
    encode_objects(writer, packs, kMaxPack);
    encode_objects(writer, indexes, kMaxIndexObject);
}

void SlottedKey::decode_key(ByteReader& reader, std::string_view what) {
    dek = reader.id<DekId>();
    commitment = reader.id<Digest>();
    const std::size_t count = read_count(reader, kMaxSlotsInEntry, 1);
    if (count == 0) reader.fail("no slots");
    for (std::size_t i = 0; i < count; ++i) {
        const Slot& slot = slots.emplace_back(Slot::decode(reader.blob(kMaxSlot), what));
        if (slot.dek != dek || slot.commitment != commitment) reader.fail("slot of another data key");
        if (slot.repository != slots.front().repository) reader.fail("slot of another repository");
    }
}

void SealedPacks::decode_packs(ByteReader& reader, std::string_view what) {
    decode_key(reader, what);
    packs = decode_objects<PackInfo>(reader, kMaxPack);
    indexes = decode_objects<IndexInfo>(reader, kMaxIndexObject);
}

bool bitmap_has(ByteView bitmap, std::size_t pack) {
    return pack / 8 < bitmap.size() && ((bitmap[pack / 8] >> (pack % 8)) & 1) != 0;
}

void bitmap_set(Bytes& bitmap, std::size_t pack) {
    if (bitmap.size() <= pack / 8) bitmap.resize(pack / 8 + 1);
    bitmap[pack / 8] = static_cast<std::uint8_t>(bitmap[pack / 8] | (1u << (pack % 8)));
}

void write_bitmap(ByteWriter& writer, const Bytes& bitmap) {
    invariant(!bitmap.empty() && bitmap.back() != 0, "a bitmap ends with an octet that is not zero");
    writer.blob(bitmap);
}

Bytes read_bitmap(ByteReader& reader) {
    const ByteView bitmap = reader.blob(reader.remaining());
    if (bitmap.empty() || bitmap.back() == 0) reader.fail("bitmap that does not end with a set bit");
    return {bitmap.begin(), bitmap.end()};
}

}  // namespace signet::format
