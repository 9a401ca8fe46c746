// Opens frames: finds the pack, checks its commitment, reads, authenticates and decompresses. Decoded frames are kept
// for a while, so that the chunks of one frame cost one decoding.
#pragma once

#include "core/crypto/digest.h"
#include "core/direct_io.h"
#include "format/compress.h"
#include "format/content.h"
#include "format/data_key.h"
#include "format/pack.h"
#include "restore/chunk_table.h"
#include "storage/store.h"

#include <atomic>
#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace signet::restore {

/// The raw octets of one frame.
class DecodedFrame {
public:
    /// Starts at a multiple of kDirectAlignment.
    [[nodiscard]] ByteView octets() const { return ByteView(data_.octets()).first(size_); }

private:
    friend class FrameReader;
    AlignedBuffer data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

struct FrameReaderOptions {
    std::size_t cache_octets = std::size_t{24} * 1024 * 1024;
    std::size_t open_packs = 32;
    bool read_ahead = true;  ///< asks the store for a whole pack when it is first touched
    bool any_size = false;   ///< reads what is left of packs that were cut off (salvage)
};

/// For any number of threads at once.
class FrameReader {
public:
    using Frame = std::shared_ptr<const DecodedFrame>;

    /// store, table, keys  outlive the reader. keys may lack some (salvage): their frames are Error{key_unavailable}
    FrameReader(const storage::Store& store, const ChunkTable& table, const std::map<DekId, format::DataKey>& keys,
                const RepositoryId& repository, const FrameReaderOptions& options = {});
    ~FrameReader();

    /// The frame's raw octets, authenticated; chunk ids are not checked yet. Two threads that want one frame cost one
    /// decoding. throws  Error{damaged}: names pack and frame; Error{key_unavailable}; Error{io}
    [[nodiscard]] Frame get(std::uint32_t frame);

    [[nodiscard]] const ChunkTable& table() const { return table_; }
    /// How many frames were decoded so far.
    [[nodiscard]] std::uint64_t decoded() const { return decoded_.load(std::memory_order_relaxed); }

private:
    struct Pack;
    struct Scratch;
    struct Cached;
    using PackHandle = std::shared_ptr<Pack>;

    [[nodiscard]] PackHandle open_pack(std::uint32_t number, std::uint32_t sealed_size);
    void open(Pack& pack, std::uint32_t sealed_size);
    [[nodiscard]] std::shared_ptr<DecodedFrame> decode(std::uint32_t frame);
    [[nodiscard]] std::unique_ptr<Scratch> take_scratch();
    void give_back(std::unique_ptr<Scratch> scratch);
    [[nodiscard]] std::shared_ptr<DecodedFrame> make_frame(std::size_t size);
    void trim();

    const storage::Store& store_;
    const ChunkTable& table_;
    const std::map<DekId, format::DataKey>& keys_;
    const RepositoryId repository_;
    const FrameReaderOptions options_;
    std::atomic<std::uint64_t> decoded_{0};

    std::mutex mutex_;  // cache
    std::condition_variable ready_;
    std::unordered_map<std::uint32_t, std::unique_ptr<Cached>> cache_;
    std::list<std::uint32_t> recent_;  // the most recent first
    std::size_t cached_octets_ = 0;

    std::mutex packs_mutex_;
    std::list<PackHandle> packs_;  // the most recent first

    struct Pools;
    std::shared_ptr<Pools> pools_;
};

/// Reads chunks and checks the id of each. One for each thread.
class ChunkReader {
public:
    ChunkReader(FrameReader& frames, const SecretBytes& id_key);
    /// A reader of the same backup for another thread.
    [[nodiscard]] ChunkReader clone() const;

    /// A verified chunk; the octets live as long as `frame`.
    struct Chunk {
        FrameReader::Frame frame;
        ByteView octets;
    };
    /// throws  Error{damaged}: no pack in reach has it, another length, another id, a frame that does not open;
    ///         Error{key_unavailable}; Error{io}
    [[nodiscard]] Chunk read(format::ChunkKind kind, const ChunkId& id, std::uint32_t length);
    /// Where it lies. throws  Error{damaged}: no pack in reach has it, or with another length
    [[nodiscard]] const ChunkPlace& locate(const ChunkId& id, std::uint32_t length) const;
    /// Checks octets that are at hand. throws  Error{damaged}
    void check(format::ChunkKind kind, const ChunkId& id, ByteView octets);
    [[nodiscard]] ChunkId id_of(format::ChunkKind kind, ByteView octets);
    [[nodiscard]] FrameReader& frames() { return *frames_; }

private:
    ChunkReader(FrameReader& frames, crypto::HmacSha256 hmac) : frames_(&frames), hmac_(std::move(hmac)) {}
    FrameReader* frames_;
    crypto::HmacSha256 hmac_;
};

}  // namespace signet::restore
