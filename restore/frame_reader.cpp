#include "restore/frame_reader.h"

#include <array>
#include <bit>
#include <optional>

#include "core/aligned_buffer.h"
#include "core/error.h"
#include "format/names.h"
#include "restore/pack_object.h"

namespace signet::restore {
namespace {

constexpr std::size_t kSmallestBuffer = 4096;
/// Frames from this size on are read one by one past the cache; smaller ones profit from a pack that is read ahead.
constexpr std::uint32_t kReadOnce = 512 * 1024;
constexpr std::size_t kBufferClasses = 16;
/// Free buffers that are kept for the next frames: fresh memory costs a page fault for every 4 KiB.
constexpr std::size_t kKeptOctets = std::size_t{8} * 1024 * 1024;

std::size_t buffer_class(std::size_t size) {
    return static_cast<std::size_t>(std::bit_width((std::max(size, kSmallestBuffer) - 1) / kSmallestBuffer));
}

std::string name_of(const ChunkTable& table, const FramePlace& place) {
    return format::pack_name(table.pack(place.pack).id) + ", frame " + std::to_string(place.number);
}

ByteView read_sealed(const storage::ObjectReader& pack, const FramePlace& place, MutableByteView room) {
    if (place.sealed_size >= kReadOnce) return pack.read_once(place.offset, place.sealed_size, room);
    const MutableByteView sealed = room.first(place.sealed_size);
    pack.read(place.offset, sealed);
    return sealed;
}

[[noreturn]] void fail_damaged(const std::string& what, const char* why) {
    throw Error(ErrorCode::damaged, what + ": " + why);
}

}  // namespace

/// A pack, opened by whoever needs it first.
struct FrameReader::Pack {
    std::uint32_t number = 0;
    std::mutex opening;  ///< whoever comes meanwhile needs it open
    std::unique_ptr<storage::ObjectReader> object;
    std::optional<format::PackKeys> keys;
};

/// What one decoding needs, used again by the next.
struct FrameReader::Scratch {
    static constexpr std::size_t kSize = format::kMaxFrameRaw + crypto::kAeadTagSize;
    AlignedBuffer sealed{kSize + 2 * kDirectAlignment};
    AlignedBuffer payload{kSize};
    format::Decompressor decompressor;
};

struct FrameReader::Cached {
    std::shared_ptr<const DecodedFrame> frame;  ///< empty while it is being decoded
    std::list<std::uint32_t>::iterator recent;
};

/// Buffers and scratch space that nobody uses at the moment. Frames may outlive the reader, so it is shared with them.
struct FrameReader::Pools {
    std::mutex mutex;
    std::array<std::vector<AlignedBuffer>, kBufferClasses> buffers;
    std::size_t kept_octets = 0;
    std::vector<std::unique_ptr<Scratch>> scratch;
};

FrameReader::FrameReader(const storage::Store& store, const ChunkTable& table,
                         const std::map<DekId, format::DataKey>& keys, const RepositoryId& repository,
                         const FrameReaderOptions& options)
    : store_(store),
      table_(table),
      keys_(keys),
      repository_(repository),
      options_(options),
      pools_(std::make_shared<Pools>()) {}

FrameReader::~FrameReader() = default;

FrameReader::Frame FrameReader::get(std::uint32_t frame) {
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto found = cache_.find(frame);
        if (found == cache_.end()) break;
        if (found->second->frame) {
            recent_.splice(recent_.begin(), recent_, found->second->recent);
            return found->second->frame;
        }
        // Another thread is at it. If it fails, this one tries for itself and meets the same error.
        ready_.wait(lock);
    }
    cache_.emplace(frame, std::make_unique<Cached>());
    lock.unlock();

    std::shared_ptr<DecodedFrame> decoded;
    try {
        decoded = decode(frame);
    } catch (...) {
        lock.lock();
        cache_.erase(frame);
        ready_.notify_all();
        throw;
    }
    lock.lock();
    Cached& cached = *cache_.at(frame);
    cached.frame = decoded;
    recent_.push_front(frame);
    cached.recent = recent_.begin();
    cached_octets_ += decoded->capacity_;
    trim();
    ready_.notify_all();
    return decoded;
}

void FrameReader::trim() {
    while (cached_octets_ > options_.cache_octets && recent_.size() > 1) {
        const auto last = cache_.find(recent_.back());
        cached_octets_ -= last->second->frame->capacity_;
        cache_.erase(last);
        recent_.pop_back();
    }
}

void FrameReader::open(Pack& pack, std::uint32_t sealed_size) {
    const PackPlace& place = table_.pack(pack.number);
    const std::string name = format::pack_name(place.id);
    const auto key = keys_.find(place.dek);
    if (key == keys_.end()) {
        throw Error(ErrorCode::key_unavailable, name + ": its data key " + place.dek.hex() + " could not be opened");
    }
    PackObject found = restore::open_pack(store_, place.id);
    // What was set aside as damaged may have been cut off; the frames that are left have to open all the same.
    if (!found.is_aside && !options_.any_size && found.reader->size() != place.size)
        fail_damaged(name, "has another size than its backup says");
    auto object = std::move(found.reader);
    std::array<std::uint8_t, format::kPackHeaderSize> header{};
    object->read(0, header);
    format::PackKeys keys = format::PackKeys::open(key->second, header, name);
    if (options_.read_ahead && sealed_size < kReadOnce) object->prefetch(0, 0);
    pack.keys.emplace(std::move(keys));
    pack.object = std::move(object);
}

FrameReader::PackHandle FrameReader::open_pack(std::uint32_t number, std::uint32_t sealed_size) {
    PackHandle pack;
    {
        const std::lock_guard lock(packs_mutex_);
        for (auto it = packs_.begin(); it != packs_.end(); ++it) {
            if ((*it)->number != number) continue;
            packs_.splice(packs_.begin(), packs_, it);
            pack = packs_.front();
            break;
        }
        if (!pack) {
            pack = std::make_shared<Pack>();
            pack->number = number;
            packs_.push_front(pack);
            if (packs_.size() > options_.open_packs) packs_.pop_back();
        }
    }
    // Not std::call_once: after an exception the next caller has to try again, which thread sanitizers do not know.
    const std::lock_guard lock(pack->opening);
    if (!pack->object) open(*pack, sealed_size);
    return pack;
}

std::shared_ptr<DecodedFrame> FrameReader::decode(std::uint32_t frame) {
    const FramePlace& place = table_.frame(frame);
    const PackHandle pack = open_pack(place.pack, place.sealed_size);
    std::unique_ptr<Scratch> scratch = take_scratch();
    if (place.sealed_size > Scratch::kSize || place.sealed_size < crypto::kAeadTagSize ||
        place.raw_size > format::kMaxFrameRaw) {
        fail_damaged(name_of(table_, place), "a size beyond its limit");
    }
    const ByteView sealed = read_sealed(*pack->object, place, scratch->sealed.octets());

    std::shared_ptr<DecodedFrame> decoded = make_frame(place.raw_size);
    const MutableByteView raw = decoded->data_.octets().first(place.raw_size);
    const MutableByteView payload =
        place.codec == format::Codec::raw ? raw : scratch->payload.octets().first(sealed.size() - crypto::kAeadTagSize);
    format::FrameCipher cipher(*pack->keys);
    if (!cipher.open({place.number, place.kind, place.codec, place.raw_size}, sealed, payload)) {
        fail_damaged(name_of(table_, place), "authentication failed");
    }
    if (place.codec == format::Codec::zstd && !scratch->decompressor.decompress(payload, raw)) {
        fail_damaged(name_of(table_, place), "does not decompress to its length");
    }
    give_back(std::move(scratch));
    decoded_.fetch_add(1, std::memory_order_relaxed);
    return decoded;
}

std::unique_ptr<FrameReader::Scratch> FrameReader::take_scratch() {
    {
        const std::lock_guard lock(pools_->mutex);
        if (!pools_->scratch.empty()) {
            auto scratch = std::move(pools_->scratch.back());
            pools_->scratch.pop_back();
            return scratch;
        }
    }
    return std::make_unique<Scratch>();
}

void FrameReader::give_back(std::unique_ptr<Scratch> scratch) {
    const std::lock_guard lock(pools_->mutex);
    pools_->scratch.push_back(std::move(scratch));
}

std::shared_ptr<DecodedFrame> FrameReader::make_frame(std::size_t size) {
    const std::size_t number = buffer_class(size);
    const std::size_t capacity = kSmallestBuffer << number;
    auto frame = std::make_unique<DecodedFrame>();
    {
        const std::lock_guard lock(pools_->mutex);
        auto& free = pools_->buffers.at(number);
        if (!free.empty()) {
            frame->data_ = std::move(free.back());
            free.pop_back();
            pools_->kept_octets -= capacity;
        }
    }
    if (frame->data_.octets().empty()) frame->data_ = AlignedBuffer(capacity);
    frame->size_ = size;
    frame->capacity_ = capacity;
    return {frame.release(), [pools = pools_, number](DecodedFrame* done) {
                const std::unique_ptr<DecodedFrame> owner(done);
                const std::lock_guard lock(pools->mutex);
                if (pools->kept_octets + done->capacity_ > kKeptOctets) return;
                pools->kept_octets += done->capacity_;
                pools->buffers.at(number).push_back(std::move(done->data_));
            }};
}

ChunkReader::ChunkReader(FrameReader& frames, const SecretBytes& id_key) : frames_(&frames), hmac_(id_key.reveal()) {}

ChunkReader ChunkReader::clone() const { return {*frames_, hmac_.clone()}; }

ChunkReader::Chunk ChunkReader::read(format::ChunkKind kind, const ChunkId& id, std::uint32_t length) {
    const ChunkPlace& place = locate(id, length);
    Chunk chunk{frames_->get(place.frame), {}};
    chunk.octets = chunk.frame->octets().subspan(place.offset, place.length);
    check(kind, id, chunk.octets);
    return chunk;
}

const ChunkPlace& ChunkReader::locate(const ChunkId& id, std::uint32_t length) const {
    const ChunkPlace* place = frames_->table().find(id);
    if (place == nullptr) fail_damaged("chunk " + id.hex(), "in no pack that this backup refers to");
    if (place->length != length) fail_damaged("chunk " + id.hex(), "has another length than its reference says");
    return *place;
}

void ChunkReader::check(format::ChunkKind kind, const ChunkId& id, ByteView octets) {
    if (id_of(kind, octets) != id) fail_damaged("chunk " + id.hex(), "has another content than its id says");
}

ChunkId ChunkReader::id_of(format::ChunkKind kind, ByteView octets) {
    const std::array<std::uint8_t, 1> kind_octet{static_cast<std::uint8_t>(kind)};
    return ChunkId::from(hmac_.compute({kind_octet, octets}).view().first(ChunkId::kSize));
}

}  // namespace signet::restore
