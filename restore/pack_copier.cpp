#include "restore/pack_copier.h"

#include "core/error.h"

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

PackMaker PackCopier::start() { return {store_, key_, counter_++}; }

format::IndexedPack PackCopier::copy(PackReader& source, const std::vector<ChunkId>* ids) {
    PackMaker made = start();
    std::size_t next_chunk = 0;
    for (const format::FrameRecord& record : source.frames()) {
        const PackReader::Frame frame = source.next();
        if (ids != nullptr) check_ids(record, frame.raw, *ids, next_chunk, source.name());
        made.add(record, frame.payload);
    }
    if (ids != nullptr && next_chunk != ids->size()) {
        throw Error(ErrorCode::damaged, source.name() + ": has fewer chunks than its index says");
    }
    return made.finish(ids != nullptr ? *ids : std::vector<ChunkId>());
}

}  // namespace signet::restore
