// Makes one pack frame by frame, under a data key of an officer's: each frame that was sealed is opened again and
// compared.
#pragma once

#include "core/crypto/digest.h"
#include "format/index.h"
#include "format/pack.h"
#include "storage/store.h"

#include <memory>

namespace signet::restore {

/// For one thread. Nothing is there before finish(); the destructor discards it.
class PackMaker {
public:
    /// store, key  outlive it. counter  different in all packs of the key
    PackMaker(storage::Store& store, const format::DataKey& key, std::uint32_t counter);

    /// record  of the frame, with the size that the payload has sealed
    /// throws  Error{failed}: it does not open to what went in; Error{io}
    void add(const format::FrameRecord& record, ByteView payload);
    /// Ends the pack; it is durable after the store's next flush(). chunks  their ids, in their order, or none
    /// throws  Error{io}
    [[nodiscard]] format::IndexedPack finish(std::vector<ChunkId> chunks);

private:
    void append(ByteView octets);
    format::PackKeys keys_;
    format::FrameCipher cipher_;
    crypto::Sha256 hash_;
    std::unique_ptr<storage::PendingObject> object_;
    format::IndexedPack made_;
    Bytes sealed_;
    Bytes opened_;
};

}  // namespace signet::restore
