#include "backup/pack_writer.h"

#include "core/crypto/digest.h"
#include "core/error.h"
#include "core/fault_sum.h"
#include "format/names.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace signet::backup {
namespace {

constexpr std::size_t kMaxChunksInPack = 200'000;  // keeps the directory below kEndRoom
constexpr std::size_t kEndRoom = std::size_t{1024} * 1024;
constexpr std::size_t kIncompressibleFrom = std::size_t{128} * 1024;

[[noreturn]] void fail_of_faulty_memory(const char* what) {
    throw Error(ErrorCode::failed, std::string(what) + ": this machine's memory or processor is faulty",
                "nothing was committed; test this machine's memory before the next backup");
}

std::size_t round_up(std::size_t size) {
    constexpr auto unit = kDirectAlignment;
    return (size + unit - 1) / unit * unit;
}

}  // namespace

/// A pack being filled. Fields are guarded by PackWriter::mutex_ until the pack is complete.
struct PackWriter::OpenPack {
    OpenPack(const format::DataKey& key, std::uint32_t counter, PooledBuffer memory)
        : keys(format::PackKeys::create(key, counter)), buffer(std::move(memory)) {
        std::memcpy(buffer.data(), keys.header().data(), format::kPackHeaderSize);
    }
    format::PackKeys keys;
    PooledBuffer buffer;
    std::size_t used = format::kPackHeaderSize;
    std::vector<format::FrameRecord> frames;
    std::vector<std::uint64_t> sums;  ///< of the sealed frames, from when they were opened and compared
    std::vector<ChunkId> chunks;
    std::size_t unsealed = 0;  ///< frames reserved and not yet sealed
    bool closed = false;
    Bytes end;  ///< what follows the frames, once complete
    PackId id;  ///< once complete

    [[nodiscard]] ByteView whole() const { return {buffer.data(), used}; }
    /// Whether its octets are still those of its parts.
    [[nodiscard]] bool is_as_sealed() const {
        std::size_t at = 0;
        const auto next = [&](std::size_t size) {
            const ByteView part = whole().subspan(at, size);
            at += size;
            return part;
        };
        if (!std::ranges::equal(next(format::kPackHeaderSize), keys.header())) return false;
        for (std::size_t i = 0; i < frames.size(); ++i) {
            if (fault_sum(next(frames[i].sealed_size)) != sums[i]) return false;
        }
        return std::ranges::equal(next(used - at), end);
    }
};

struct PackWriter::Place {
    std::shared_ptr<OpenPack> pack;
    std::uint32_t number = 0;
    std::size_t offset = 0;
};

PackWriter::PackWriter(const format::DataKey& key, storage::Store* store, const Options& options,
                       std::function<void()> on_stored)
    : key_(key.clone()),
      store_(store),
      options_(options),
      on_stored_(std::move(on_stored)),
      buffers_(options.buffers,
               round_up(options.pack_size + format::kPackHeaderSize + format::kMaxFrameRaw + 16 + kEndRoom)),
      to_store_(options.buffers) {
    if (!options_.dry_run) storing_ = std::thread([this] { store_packs(); });
}

PackWriter::~PackWriter() {
    cancel();
    if (storing_.joinable()) storing_.join();
}

void PackWriter::fail(std::exception_ptr error) {
    {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::move(error);
    }
    to_store_.cancel();
    buffers_.cancel();
}

void PackWriter::cancel() { fail(std::make_exception_ptr(Error(ErrorCode::interrupted, "interrupted"))); }

void PackWriter::rethrow_failure() {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
}

void PackWriter::close_locked(std::shared_ptr<OpenPack>& pack, std::shared_ptr<OpenPack>& to_complete) {
    pack->closed = true;
    if (pack->unsealed == 0) to_complete = std::move(pack);
    pack.reset();
}

PackWriter::Place PackWriter::reserve(Lane lane, const format::FrameRecord& record,
                                      std::span<const FreshChunk> chunks) {
    auto& open = open_[static_cast<std::size_t>(lane)];
    for (;;) {
        std::shared_ptr<OpenPack> to_complete;
        bool must_open = false;
        {
            const std::lock_guard lock(mutex_);
            if (failure_) std::rethrow_exception(failure_);
            if (open &&
                (open->used + record.sealed_size > options_.pack_size + format::kPackHeaderSize ||
                 open->frames.size() + 1 > format::kMaxFrames ||
                 open->chunks.size() + chunks.size() > kMaxChunksInPack) &&
                !open->frames.empty()) {
                close_locked(open, to_complete);
            }
            if (open) {
                Place place{open, static_cast<std::uint32_t>(open->frames.size()), open->used};
                open->frames.push_back(record);
                open->sums.push_back(0);
                for (const FreshChunk& chunk : chunks) open->chunks.push_back(chunk.id);
                open->used += record.sealed_size;
                ++open->unsealed;
                return place;
            }
            must_open = true;
        }
        if (to_complete) complete(to_complete);
        if (must_open) {
            auto buffer = buffers_.take();
            if (!buffer) rethrow_failure();
            auto fresh = std::make_shared<OpenPack>(key_, next_counter_++, std::move(buffer));
            const std::lock_guard lock(mutex_);
            if (!open) open = std::move(fresh);  // else somebody was faster, and this buffer goes back
        }
    }
}

/// What was sealed is opened, and compared with what its chunks were when they got their ids, which may be a while ago:
/// a bad encoder or bad memory shows now.
bool PackWriter::opens_to(ByteView raw, std::span<const FreshChunk> chunks, format::FrameCipher& cipher,
                          const format::FrameCipher::Position& position, ByteView sealed, SealContext& context) const {
    context.opened.resize(std::max(context.opened.size(), sealed.size()));
    const auto opened = MutableByteView(context.opened).first(sealed.size() - crypto::kAeadTagSize);
    if (!cipher.open(position, sealed, opened)) return false;
    ByteView again = opened;
    if (position.codec == format::Codec::zstd) {
        context.raw.resize(std::max(context.raw.size(), raw.size()));
        const auto room = MutableByteView(context.raw).first(raw.size());
        if (!context.decompressor.decompress(opened, room)) return false;
        again = room;
    }
    watch(Stage::opened, again);
    std::size_t offset = 0;
    for (const FreshChunk& chunk : chunks) {
        if (fault_sum(again.subspan(offset, chunk.length)) != chunk.sum) return false;
        offset += chunk.length;
    }
    return offset == raw.size();
}

void PackWriter::add(Lane lane, format::FrameKind kind, ByteView raw, std::span<const FreshChunk> chunks,
                     SealContext& context) {
    watch(Stage::gathered, raw);
    format::FrameRecord record;
    record.kind = kind;
    record.raw_size = static_cast<std::uint32_t>(raw.size());
    record.chunk_lengths.reserve(chunks.size());
    for (const FreshChunk& chunk : chunks) record.chunk_lengths.push_back(chunk.length);
    ByteView payload = raw;
    const bool try_it =
        context.level > 0 && !(raw.size() >= kIncompressibleFrom && context.compressor.looks_incompressible(raw));
    if (try_it) {
        context.compressed.resize(std::max(context.compressed.size(), format::Compressor::bound(raw.size())));
        const auto size = context.compressor.compress(raw, context.compressed);
        if (size < raw.size()) {
            payload = ByteView(context.compressed).first(size);
            record.codec = format::Codec::zstd;
        }
    }
    record.sealed_size = static_cast<std::uint32_t>(payload.size() + crypto::kAeadTagSize);
    sealed_bytes_ += record.sealed_size;
    raw_bytes_ += raw.size();
    if (options_.dry_run) return;

    watch(Stage::compressed, payload);
    const auto place = reserve(lane, record, chunks);
    const MutableByteView sealed(place.pack->buffer.data() + place.offset, record.sealed_size);
    format::FrameCipher cipher(place.pack->keys);
    const format::FrameCipher::Position position{place.number, kind, record.codec, record.raw_size};
    cipher.seal(position, payload, sealed);

    watch(Stage::sealed, sealed);
    if (!opens_to(raw, chunks, cipher, position, sealed, context))
        fail_of_faulty_memory("a sealed frame did not open to what went into it");
    const std::uint64_t sum = fault_sum(sealed);
    std::shared_ptr<OpenPack> to_complete;
    {
        const std::lock_guard lock(mutex_);
        place.pack->sums[place.number] = sum;
        if (--place.pack->unsealed == 0 && place.pack->closed) to_complete = place.pack;
    }
    if (to_complete) complete(to_complete);
}

void PackWriter::complete(const std::shared_ptr<OpenPack>& pack) {
    pack->end = format::seal_pack_end(pack->keys, pack->frames, pack->used - format::kPackHeaderSize);
    invariant(pack->used + pack->end.size() <= pack->buffer.capacity(), "a pack fits its buffer");
    std::memcpy(pack->buffer.data() + pack->used, pack->end.data(), pack->end.size());
    pack->used += pack->end.size();
    watch(Stage::complete, pack->whole());
    pack->id = PackId::from(crypto::sha256(pack->whole()).view());
    if (!to_store_.push(pack)) rethrow_failure();
}

/// Stores a pack, and lets go of its memory.
void PackWriter::store(OpenPack& pack) {
    watch(Stage::hashed, pack.whole());
    auto object = store_->create();
    object->write_aligned({pack.buffer.data(), round_up(pack.used)}, pack.used);
    // After its octets were hashed and written: what changed before either shows here.
    if (!pack.is_as_sealed()) fail_of_faulty_memory("a pack changed in memory before it was stored");
    (void)object->commit(format::pack_name(pack.id), storage::Durability::on_flush);
    object.reset();
    pack.buffer.release();
    const std::lock_guard lock(mutex_);
    stored_.push_back({pack.id, pack.used, std::move(pack.frames), std::move(pack.chunks)});
}

void PackWriter::store_packs() {
    bool is_first = true;
    try {
        while (auto next = to_store_.pop()) {
            if (std::exchange(is_first, false) && options_.before_first) options_.before_first();
            store(**next);
            if (on_stored_) on_stored_();
        }
    } catch (...) {
        fail(std::current_exception());
    }
}

bool PackWriter::has_open_pack(Lane lane) const {
    const std::lock_guard lock(mutex_);
    return open_[static_cast<std::size_t>(lane)] != nullptr;
}

void PackWriter::finish() {
    for (auto& open : open_) {
        std::shared_ptr<OpenPack> to_complete;
        {
            const std::lock_guard lock(mutex_);
            if (open) close_locked(open, to_complete);
        }
        if (to_complete) complete(to_complete);
    }
    to_store_.close();
    if (storing_.joinable()) storing_.join();
    rethrow_failure();
}

std::vector<format::IndexedPack> PackWriter::take_stored() {
    const std::lock_guard lock(mutex_);
    return std::exchange(stored_, {});
}

}  // namespace signet::backup
