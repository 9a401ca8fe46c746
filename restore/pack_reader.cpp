#include "restore/pack_reader.h"

#include <array>

#include "core/error.h"
#include "format/names.h"
#include "restore/pack_object.h"

namespace signet::restore {
namespace {

std::unique_ptr<storage::ObjectReader> open_whole(const storage::Store& store, const PackId& id,
                                                  const std::string& name, std::uint64_t size) {
    PackObject object = open_pack(store, id);
    if (object.reader->size() != size) throw Error(ErrorCode::damaged, name + ": has another size than its entry says");
    return std::move(object.reader);
}

format::PackKeys read_keys(const storage::ObjectReader& object, const format::DataKey& key, const std::string& name) {
    std::array<std::uint8_t, format::kPackHeaderSize> header{};
    object.read(0, header);
    return format::PackKeys::open(key, header, name);
}

/// The last octets of a pack: its directory and its trailer.
Bytes read_end(const storage::ObjectReader& object, const std::string& name) {
    if (object.size() < format::kPackTrailerSize) throw Error(ErrorCode::damaged, name + ": shorter than a pack");
    std::array<std::uint8_t, format::kPackTrailerSize> trailer{};
    object.read(object.size() - trailer.size(), trailer);
    Bytes end(format::directory_size(trailer, object.size(), name) + trailer.size());
    object.read(object.size() - end.size(), end);
    return end;
}

}  // namespace

ChunkId chunk_id(crypto::HmacSha256& hmac, format::ChunkKind kind, ByteView octets) {
    const std::array<std::uint8_t, 1> kind_octet{static_cast<std::uint8_t>(kind)};
    return ChunkId::from(hmac.compute({kind_octet, octets}).view().first(ChunkId::kSize));
}

PackReader::PackReader(const storage::Store& store, const PackId& id, std::uint64_t size, const format::DataKey& key)
    : name_(format::pack_name(id)),
      object_(open_whole(store, id, name_, size)),
      keys_(read_keys(*object_, key, name_)),
      frames_(format::open_pack_directory(keys_, read_end(*object_, name_), size, name_)),
      cipher_(keys_) {}

PackReader::Frame PackReader::next() {
    const format::FrameRecord& record = frames_.at(number_);
    const format::FrameCipher::Position position{number_, record.kind, record.codec, record.raw_size};
    ++number_;
    sealed_.resize(record.sealed_size);
    object_->read(offset_, sealed_);
    offset_ += record.sealed_size;
    payload_.resize(record.sealed_size - crypto::kAeadTagSize);
    if (!cipher_.open(position, sealed_, payload_)) fail();
    if (record.codec == format::Codec::raw) return {payload_, payload_};
    raw_.resize(record.raw_size);
    if (!decompressor_.decompress(payload_, raw_)) fail();
    return {payload_, raw_};
}

void PackReader::fail() const {
    throw Error(ErrorCode::damaged, name_ + ", frame " + std::to_string(number_ - 1) + ": does not open");
}

}  // namespace signet::restore
