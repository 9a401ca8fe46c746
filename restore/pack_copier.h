// Seals the frames of packs anew, under another data key: same octets, same chunks, same order.
#pragma once

#include "format/index.h"
#include "restore/pack_maker.h"
#include "restore/pack_reader.h"

namespace signet::restore {

/// Makes packs of one data key. For one thread.
class PackCopier {
public:
    /// store, key, id_key  outlive it. id_key  of the writer whose chunks these are
    PackCopier(storage::Store& store, const format::DataKey& key, const SecretBytes& id_key);

    /// Copies one pack, frame by frame: each is opened, its chunks are compared with their ids, and what was sealed is
    /// opened again and compared. The new pack is durable after the store's next flush().
    /// source  at its first frame. ids  what the index says of its chunks, in their order; nullptr: there is no index,
    /// and chunk ids cannot be compared
    /// returns  the new pack, for an index segment; its chunks are `ids`
    /// throws   Error{damaged}: a frame or a chunk is not what it should be; Error{failed}: a frame did not open to
    ///          what went in; Error{io}
    [[nodiscard]] format::IndexedPack copy(PackReader& source, const std::vector<ChunkId>* ids);

    /// Starts a pack of other frames under the same data key.
    [[nodiscard]] PackMaker start();

private:
    void check_ids(const format::FrameRecord& record, ByteView raw, const std::vector<ChunkId>& ids, std::size_t& next,
                   const std::string& name);

    storage::Store& store_;
    const format::DataKey& key_;
    crypto::HmacSha256 hmac_;
    std::uint32_t counter_ = 0;  // of packs under this key
};

}  // namespace signet::restore
