#include "restore/index_rebuild.h"

#include <array>

#include "core/crypto/digest.h"
#include "core/error.h"
#include "format/compress.h"
#include "format/names.h"

namespace signet::restore {
namespace {

using format::ChunkKind;

/// The last octets of a pack: its directory and its trailer.
Bytes read_end(const storage::ObjectReader& object, const std::string& name) {
    if (object.size() < format::kPackTrailerSize) throw Error(ErrorCode::damaged, name + ": shorter than a pack");
    std::array<std::uint8_t, format::kPackTrailerSize> trailer{};
    object.read(object.size() - trailer.size(), trailer);
    Bytes end(format::directory_size(trailer, object.size(), name) + trailer.size());
    object.read(object.size() - end.size(), end);
    return end;
}

/// Opens the frames of one pack, one after the other.
class FrameOpener {
public:
    FrameOpener(const storage::ObjectReader& object, const format::PackKeys& keys, const std::string& name)
        : object_(object), cipher_(keys), name_(name) {}

    /// returns  the raw octets, valid until the next call. throws  Error{damaged}
    ByteView open(std::uint32_t number, const format::FrameRecord& record) {
        sealed_.resize(record.sealed_size);
        object_.read(offset_, sealed_);
        offset_ += record.sealed_size;
        payload_.resize(record.sealed_size - crypto::kAeadTagSize);
        if (!cipher_.open({number, record.kind, record.codec, record.raw_size}, sealed_, payload_)) fail(number);
        if (record.codec == format::Codec::raw) return payload_;
        raw_.resize(record.raw_size);
        if (!decompressor_.decompress(payload_, raw_)) fail(number);
        return raw_;
    }

private:
    [[noreturn]] void fail(std::uint32_t number) const {
        throw Error(ErrorCode::damaged, name_ + ", frame " + std::to_string(number) + ": does not open");
    }
    const storage::ObjectReader& object_;
    format::FrameCipher cipher_;
    format::Decompressor decompressor_;
    const std::string& name_;
    std::uint64_t offset_ = format::kPackHeaderSize;
    Bytes sealed_;
    Bytes payload_;
    Bytes raw_;
};

}  // namespace

RebuiltPack rebuild_index(const storage::Store& store, const PackId& id, std::uint64_t size, const format::DataKey& key,
                          const SecretBytes& id_key, bool tolerate) {
    const std::string name = format::pack_name(id);
    const auto object = store.open_object(name);
    if (object->size() != size) throw Error(ErrorCode::damaged, name + ": has another size than its backup says");
    std::array<std::uint8_t, format::kPackHeaderSize> header{};
    object->read(0, header);
    const format::PackKeys keys = format::PackKeys::open(key, header, name);

    RebuiltPack rebuilt{{id, size, format::open_pack_directory(keys, read_end(*object, name), size, name), {}}, {}};
    FrameOpener frames(*object, keys, name);
    crypto::HmacSha256 hmac(id_key.reveal());
    const auto id_of = [&](ChunkKind kind, ByteView octets) {
        const std::array<std::uint8_t, 1> kind_octet{static_cast<std::uint8_t>(kind)};
        return ChunkId::from(hmac.compute({kind_octet, octets}).view().first(ChunkId::kSize));
    };
    for (std::uint32_t number = 0; number < rebuilt.pack.frames.size(); ++number) {
        format::FrameRecord& record = rebuilt.pack.frames[number];
        const bool is_data = record.kind == format::FrameKind::data;
        ByteView rest;
        try {
            rest = frames.open(number, record);
        } catch (const Error& error) {
            if (!tolerate || error.code() != ErrorCode::damaged) throw;
            record.chunk_lengths.clear();
        }
        for (const std::uint32_t length : record.chunk_lengths) {
            const ByteView chunk = rest.first(length);
            rest = rest.subspan(length);
            const ChunkId chunk_id = id_of(is_data ? ChunkKind::data : ChunkKind::tree, chunk);
            rebuilt.pack.chunks.push_back(chunk_id);
            if (!is_data) rebuilt.trees_as_lists.emplace_back(chunk_id, id_of(ChunkKind::list, chunk));
        }
    }
    return rebuilt;
}

}  // namespace signet::restore
