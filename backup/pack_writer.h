// Frames become packs: compress, seal into place, open and compare, hash, store. Each step looks whether memory still
// holds what the step before it left there (core/fault_sum.h).
//
// Workers share one open pack for each lane: a frame's place is reserved under a lock, its octets are sealed straight
// into the pack's buffer without one. Whoever completes a full pack hashes it; one thread stores packs.
#pragma once

#include "backup/buffer_pool.h"
#include "core/bounded_queue.h"
#include "format/compress.h"
#include "format/index.h"
#include "storage/store.h"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

namespace signet::backup {

/// One thread's compression state and scratch memory.
struct SealContext {
    explicit SealContext(int zstd_level) : compressor(zstd_level), level(zstd_level) {}
    format::Compressor compressor;
    format::Decompressor decompressor;
    int level;  ///< 0: never compress
    Bytes compressed;
    Bytes opened;
    Bytes raw;
};

/// A chunk on its way into a frame.
struct FreshChunk {
    ChunkId id;
    std::uint32_t length = 0;
    std::uint64_t sum = 0;  ///< fault_sum() of its octets, from when its id was made
};

class PackWriter {
public:
    enum class Lane { data, metadata };
    /// Where a buffer is between two steps.
    enum class Stage { gathered, compressed, sealed, opened, complete, hashed };
    struct Options {
        std::size_t pack_size = std::size_t{16} * 1024 * 1024;  ///< octets of frames that a pack aims at
        std::size_t buffers = 4;                                ///< packs in memory at once
        bool dry_run = false;                                   ///< compress and count only
        /// For tests: sees every buffer at every stage.
        std::function<void(Stage, ByteView)> watch;
        std::function<void()> before_first = {};  ///< called by the storing thread before the first pack is stored
    };
    /// key  of this run. store  where packs go; may be null in a dry run.
    /// on_stored  called by the storing thread after each pack that was created (not yet flushed)
    PackWriter(const format::DataKey& key, storage::Store* store, const Options& options,
               std::function<void()> on_stored);
    /// Abandons what is not stored.
    ~PackWriter();
    PackWriter(const PackWriter&) = delete;
    PackWriter& operator=(const PackWriter&) = delete;

    /// Seals the chunks `raw` consists of as one frame. chunks  in order.
    /// throws  whatever stopped the storing thread; Error{failed}: a frame did not open to the chunks that went in
    void add(Lane lane, format::FrameKind kind, ByteView raw, std::span<const FreshChunk> chunks, SealContext& context);
    /// Whether the lane has a pack open that further frames would join.
    [[nodiscard]] bool has_open_pack(Lane lane) const;
    /// Completes and stores every pack, and ends the storing thread. No add() is under way any more.
    void finish();
    /// Stops as soon as possible; threads waiting in add() are woken by an Error{interrupted}.
    void cancel();

    /// Packs stored since the last call, for an index segment and an entry. Durable after Store::flush().
    [[nodiscard]] std::vector<format::IndexedPack> take_stored();
    /// Octets of frames sealed so far.
    [[nodiscard]] std::uint64_t sealed_bytes() const { return sealed_bytes_; }
    [[nodiscard]] std::uint64_t raw_bytes() const { return raw_bytes_; }

private:
    struct OpenPack;
    struct Place;
    Place reserve(Lane lane, const format::FrameRecord& record, std::span<const FreshChunk> chunks);
    [[nodiscard]] bool opens_to(ByteView raw, std::span<const FreshChunk> chunks, format::FrameCipher& cipher,
                                const format::FrameCipher::Position& position, ByteView sealed,
                                SealContext& context) const;
    void watch(Stage stage, ByteView octets) const {
        if (options_.watch) options_.watch(stage, octets);
    }
    void complete(const std::shared_ptr<OpenPack>& pack);
    void close_locked(std::shared_ptr<OpenPack>& pack, std::shared_ptr<OpenPack>& to_complete);
    void store(OpenPack& pack);
    void store_packs();
    void rethrow_failure();
    void fail(std::exception_ptr error);

    format::DataKey key_;
    storage::Store* store_;
    Options options_;
    std::function<void()> on_stored_;
    BufferPool buffers_;
    mutable std::mutex mutex_;
    std::array<std::shared_ptr<OpenPack>, 2> open_;
    std::atomic<std::uint32_t> next_counter_{0};
    BoundedQueue<std::shared_ptr<OpenPack>> to_store_;
    std::vector<format::IndexedPack> stored_;
    std::exception_ptr failure_;
    std::atomic<std::uint64_t> sealed_bytes_{0};
    std::atomic<std::uint64_t> raw_bytes_{0};
    std::thread storing_;
};

}  // namespace signet::backup
