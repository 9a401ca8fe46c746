// Workers: pieces get their ids, new chunks are gathered into frames and sealed.
#pragma once

#include "backup/chunk_table.h"
#include "backup/history.h"
#include "backup/job.h"
#include "backup/pack_writer.h"
#include "core/crypto/digest.h"

#include <atomic>
#include <vector>

namespace signet::backup {

/// What all workers share.
struct StoreShared {
    ChunkTable& table;
    History& history;
    PackWriter& packs;
    std::atomic<std::uint64_t>& added_bytes;  ///< octets of new chunks
    std::atomic<std::uint64_t>& added_data;   ///< those of files among them
};

/// Gathers new chunks of one frame kind into frames. One for each thread.
class FrameGatherer {
public:
    FrameGatherer(StoreShared shared, format::FrameKind kind, PackWriter::Lane lane, SealContext& context)
        : shared_(shared), kind_(kind), lane_(lane), context_(context) {}
    /// Copies a chunk into the frame being gathered; seals the frame before when it would not fit.
    void add(const FreshChunk& chunk, ByteView octets);
    /// Seals chunks that lie together already, without a copy.
    void add_frame(ByteView raw, std::span<const FreshChunk> chunks);
    /// Seals what is left.
    void flush();
    /// Keeps up to `frames` frames back, unsealed, until flush() (for metadata, which then may join the last data
    /// pack).
    void defer(std::size_t frames) { deferrable_ = frames; }
    void set_lane(PackWriter::Lane lane) { lane_ = lane; }

private:
    struct Frame {
        Bytes raw;
        std::vector<FreshChunk> chunks;
    };
    void seal(const Frame& frame);
    void close_frame();
    void count(std::size_t octets) {
        shared_.added_bytes += octets;
        if (kind_ == format::FrameKind::data) shared_.added_data += octets;
    }
    StoreShared shared_;
    format::FrameKind kind_;
    PackWriter::Lane lane_;
    SealContext& context_;
    Frame frame_;
    std::vector<Frame> deferred_;
    std::size_t deferrable_ = 0;
};

/// One worker.
class StoreWorker {
public:
    StoreWorker(StoreShared shared, crypto::HmacSha256 ids, int level)
        : shared_(shared),
          ids_(std::move(ids)),
          context_(level),
          gatherer_(shared, format::FrameKind::data, PackWriter::Lane::data, context_) {}
    void process(WorkItem item);
    void finish() { gatherer_.flush(); }

private:
    StoreShared shared_;
    crypto::HmacSha256 ids_;
    SealContext context_;
    FrameGatherer gatherer_;
};

/// A chunk that is new, with what tells later whether its octets are still the same.
[[nodiscard]] FreshChunk fresh_chunk(const ChunkId& id, ByteView octets);
/// The id of a chunk (docs/format.md section 9).
[[nodiscard]] ChunkId chunk_id(crypto::HmacSha256& ids, format::ChunkKind kind, ByteView chunk);

}  // namespace signet::backup
