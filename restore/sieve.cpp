#include "restore/sieve.h"

#include <algorithm>
#include <optional>

#include "core/error.h"

namespace signet::restore {
namespace {

constexpr std::uint64_t kPackOctets = 16 * format::kMiB;  // that a pack aims at, as a backup's do
constexpr std::size_t kMostFrames = format::kMaxFrames - 1;

/// The id under which a chunk is needed: of a rebuilt index each chunk of a folder may have two.
std::optional<ChunkId> needed_id(const PackRows& rows, std::size_t chunk, const ReferencedChunks& needed) {
    if (needed.contains(rows.pack.chunks.at(chunk))) return rows.pack.chunks[chunk];
    if (chunk < rows.aliases.size() && needed.contains(rows.aliases[chunk])) return rows.aliases[chunk];
    return std::nullopt;
}

}  // namespace

std::uint64_t needed_octets(const PackRows& rows, const ReferencedChunks& needed) {
    std::uint64_t unneeded = 0;
    bool needs_any = false;
    std::size_t chunk = 0;
    for (const format::FrameRecord& record : rows.pack.frames) {
        std::uint64_t raw = 0;
        for (const std::uint32_t length : record.chunk_lengths) {
            if (needed_id(rows, chunk++, needed)) raw += length;
        }
        needs_any = needs_any || raw > 0;
        unneeded += record.sealed_size - record.sealed_size * raw / record.raw_size;
    }
    return needs_any ? rows.pack.size - std::min(rows.pack.size, unneeded) : 0;
}

Sieve::Sieve(Repacker& repacker, const SecretBytes& id_key, const ReferencedChunks& needed)
    : repacker_(repacker), hmac_(id_key.reveal()), needed_(needed) {
    lanes_[0].kind = format::FrameKind::data;
    lanes_[1].kind = format::FrameKind::metadata;
}

void Sieve::take(PackReader& source, const PackRows& rows) {
    if (source.frames().size() != rows.pack.frames.size())
        throw Error(ErrorCode::damaged, source.name() + ": has other frames than its index says");
    std::size_t next = 0;
    for (std::size_t number = 0; number < source.frames().size(); ++number) {
        const format::FrameRecord& record = source.frames()[number];
        if (record.chunk_lengths != rows.pack.frames[number].chunk_lengths)
            throw Error(ErrorCode::damaged, source.name() + ": has other chunks than its index says");
        const PackReader::Frame frame = source.next();
        std::vector<Wanted> wanted;
        std::size_t offset = 0;
        for (const std::uint32_t length : record.chunk_lengths) {
            if (const auto id = needed_id(rows, next++, needed_))
                wanted.push_back({frame.raw.subspan(offset, length), *id});
            offset += length;
        }
        for (const Wanted& chunk : wanted) require_id(record.kind, chunk, source.name());
        Lane& lane = lanes_[record.kind == format::FrameKind::data ? 0 : 1];
        if (wanted.size() == record.chunk_lengths.size()) {
            std::vector<ChunkId> ids;
            ids.reserve(wanted.size());
            for (const Wanted& chunk : wanted) ids.push_back(chunk.id);
            add(lane, record, frame.payload, ids);
        } else {
            for (const Wanted& chunk : wanted) gather(lane, chunk);
        }
    }
}

void Sieve::require_id(format::FrameKind kind, const Wanted& chunk, const std::string& name) {
    using format::ChunkKind;
    const bool is_data = kind == format::FrameKind::data;
    if (chunk_id(hmac_, is_data ? ChunkKind::data : ChunkKind::tree, chunk.octets) == chunk.id) return;
    // The index alone knows the lists among the chunks of a metadata frame.
    if (!is_data && chunk_id(hmac_, ChunkKind::list, chunk.octets) == chunk.id) return;
    throw Error(ErrorCode::damaged, name + ": chunk " + chunk.id.hex() + " is not what its index says");
}

void Sieve::gather(Lane& lane, const Wanted& chunk) {
    if (lane.raw.size() + chunk.octets.size() > format::kMaxFrameRaw) end_frame(lane);
    lane.raw.insert(lane.raw.end(), chunk.octets.begin(), chunk.octets.end());
    lane.lengths.push_back(static_cast<std::uint32_t>(chunk.octets.size()));
    lane.gathered.push_back(chunk.id);
}

void Sieve::end_frame(Lane& lane) {
    if (lane.raw.empty()) return;
    format::FrameRecord record;
    record.kind = lane.kind;
    record.codec = format::Codec::zstd;
    record.raw_size = static_cast<std::uint32_t>(lane.raw.size());
    record.chunk_lengths = std::move(lane.lengths);
    Bytes payload = compressor_.compress(lane.raw);
    if (payload.size() >= lane.raw.size()) {
        record.codec = format::Codec::raw;
        payload = std::move(lane.raw);
    }
    record.sealed_size = static_cast<std::uint32_t>(payload.size() + crypto::kAeadTagSize);
    const std::vector<ChunkId> ids = std::move(lane.gathered);
    lane.raw.clear();
    lane.lengths.clear();
    lane.gathered.clear();
    add(lane, record, payload, ids);
}

void Sieve::add(Lane& lane, const format::FrameRecord& record, ByteView payload, const std::vector<ChunkId>& ids) {
    // NOLINTNEXTLINE(modernize-make-unique): what start_pack() returns is not moved anywhere
    if (!lane.pack) lane.pack.reset(new PackMaker(repacker_.start_pack()));
    lane.pack->add(record, payload);
    lane.ids.insert(lane.ids.end(), ids.begin(), ids.end());
    lane.octets += record.sealed_size;
    if (++lane.frames >= kMostFrames || lane.octets >= kPackOctets) end_pack(lane);
}

void Sieve::end_pack(Lane& lane) {
    if (!lane.pack) return;
    repacker_.keep(lane.pack->finish(std::move(lane.ids)));
    lane.pack.reset();
    lane.ids.clear();
    lane.frames = 0;
    lane.octets = 0;
}

void Sieve::finish() {
    for (Lane& lane : lanes_) {
        end_frame(lane);
        end_pack(lane);
    }
}

}  // namespace signet::restore
