#include "restore/index_rebuild.h"

#include "core/error.h"
#include "restore/pack_reader.h"

namespace signet::restore {

using format::ChunkKind;

RebuiltPack rebuild_index(const storage::Store& store, const PackId& id, std::uint64_t size, const format::DataKey& key,
                          const SecretBytes& id_key, bool tolerate) {
    PackReader pack(store, id, size, key);
    RebuiltPack rebuilt{{id, size, pack.frames(), {}}, {}};
    crypto::HmacSha256 hmac(id_key.reveal());
    for (format::FrameRecord& record : rebuilt.pack.frames) {
        const bool is_data = record.kind == format::FrameKind::data;
        ByteView rest;
        try {
            rest = pack.next().raw;
        } catch (const Error& error) {
            if (!tolerate || error.code() != ErrorCode::damaged) throw;
            record.chunk_lengths.clear();
        }
        for (const std::uint32_t length : record.chunk_lengths) {
            const ByteView chunk = rest.first(length);
            rest = rest.subspan(length);
            const ChunkId id_here = chunk_id(hmac, is_data ? ChunkKind::data : ChunkKind::tree, chunk);
            rebuilt.pack.chunks.push_back(id_here);
            if (!is_data) rebuilt.trees_as_lists.emplace_back(id_here, chunk_id(hmac, ChunkKind::list, chunk));
        }
    }
    return rebuilt;
}

}  // namespace signet::restore
