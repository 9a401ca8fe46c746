// Reads one pack from its start to its end, with its data key alone: what rebuilding an index and sealing anew share.
#pragma once

#include "core/crypto/digest.h"
#include "format/compress.h"
#include "format/pack.h"
#include "storage/store.h"

#include <memory>
#include <string>
#include <vector>

namespace signet::restore {

/// The id of a chunk under a writer's id key.
[[nodiscard]] ChunkId chunk_id(crypto::HmacSha256& hmac, format::ChunkKind kind, ByteView octets);

/// For one thread.
class PackReader {
public:
    /// Opens header and directory. size  that its entry gives the pack. key  of its run
    /// throws  Error{damaged}: the pack is missing, altered, another one, or sealed under another key; Error{io}
    PackReader(const storage::Store& store, const PackId& id, std::uint64_t size, const format::DataKey& key);

    [[nodiscard]] const std::string& name() const { return name_; }
    /// Of all frames, in their order.
    [[nodiscard]] const std::vector<format::FrameRecord>& frames() const { return frames_; }

    /// What a frame holds; valid until the next call.
    struct Frame {
        ByteView payload;  ///< as it was sealed
        ByteView raw;      ///< decompressed
    };
    /// Opens the next frame. After a damaged one the one after it can still be read. throws  Error{damaged}; Error{io}
    [[nodiscard]] Frame next();

private:
    [[noreturn]] void fail() const;

    std::string name_;
    std::unique_ptr<storage::ObjectReader> object_;
    format::PackKeys keys_;
    std::vector<format::FrameRecord> frames_;
    format::FrameCipher cipher_;
    format::Decompressor decompressor_;
    std::uint32_t number_ = 0;  // of the next frame
    std::uint64_t offset_ = format::kPackHeaderSize;
    Bytes sealed_;
    Bytes payload_;
    Bytes raw_;
};

}  // namespace signet::restore
