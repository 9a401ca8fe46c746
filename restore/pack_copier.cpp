#include "restore/pack_copier.h"

#include <cstring>

#include "core/error.h"
#include "format/names.h"

namespace signet::restore {

using format::ChunkKind;

PackCopier::PackCopier(storage::Store& store, const format::DataKey& key, const SecretBytes& id_key)
    : store_(store), key_(key), hmac_(id_key.reveal()) {}

void PackCopier::check_ids(const format::FrameRecord& record, ByteView raw, const std::vector<ChunkId>& ids,
                           std::size_t& next, const std::string& name) {
    for (const std::uint32_t length : record.chunk_lengths) {
        const ByteView chunk = raw.first(length);
        raw = raw.subspan(length);
        const bool is_there = next < ids.size();
        const ChunkId& expected = is_there ? ids[next] : ChunkId{};
        ++next;
        // The index alone knows the lists among the chunks of a metadata frame.
        const bool is_data = record.kind == format::FrameKind::data;
        if (is_there && chunk_id(hmac_, is_data ? ChunkKind::data : ChunkKind::tree, chunk) == expected) continue;
        if (is_there && !is_data && chunk_id(hmac_, ChunkKind::list, chunk) == expected) continue;
        throw Error(ErrorCode::damaged, name + ": chunk " + std::to_string(next - 1) + " is not what its index says");
    }
}

format::IndexedPack PackCopier::copy(PackReader& source, const std::vector<ChunkId>* ids) {
    const format::PackKeys keys = format::PackKeys::create(key_, counter_++);
    format::FrameCipher cipher(keys);
    crypto::Sha256 hash;
    const auto object = store_.create();
    format::IndexedPack made;
    const auto append = [&](ByteView octets) {
        hash.update(octets);
        object->write(octets);
        made.size += octets.size();
    };
    append(keys.header());
    std::size_t next_chunk = 0;
    for (std::uint32_t number = 0; number < source.frames().size(); ++number) {
        const format::FrameRecord& record = source.frames()[number];
        const PackReader::Frame frame = source.next();
        if (ids != nullptr) check_ids(record, frame.raw, *ids, next_chunk, source.name());
        const format::FrameCipher::Position position{number, record.kind, record.codec, record.raw_size};
        sealed_.resize(record.sealed_size);
        cipher.seal(position, frame.payload, sealed_);
        opened_.resize(frame.payload.size());
        if (!cipher.open(position, sealed_, opened_) ||
            std::memcmp(opened_.data(), frame.payload.data(), opened_.size()) != 0) {
            throw Error(ErrorCode::failed,
                        "a sealed frame did not open to what went into it: this machine's memory or processor is "
                        "faulty",
                        "test this machine's memory before the next run");
        }
        append(sealed_);
    }
    if (ids != nullptr && next_chunk != ids->size()) {
        throw Error(ErrorCode::damaged, source.name() + ": has fewer chunks than its index says");
    }
    append(format::seal_pack_end(keys, source.frames(), made.size - format::kPackHeaderSize));
    made.id = PackId::from(hash.finish().view());
    made.frames = source.frames();
    if (ids != nullptr) made.chunks = *ids;
    (void)object->commit(format::pack_name(made.id), storage::Durability::on_flush);
    return made;
}

}  // namespace signet::restore
