#include "backup/storing.h"

#include "core/fault_sum.h"
#include "format/limits.h"

#include <utility>

namespace signet::backup {

ChunkId chunk_id(crypto::HmacSha256& ids, format::ChunkKind kind, ByteView chunk) {
    const std::uint8_t octet = static_cast<std::uint8_t>(kind);
    return ChunkId::from(ids.compute({ByteView(&octet, 1), chunk}).view().first(ChunkId::kSize));
}

FreshChunk fresh_chunk(const ChunkId& id, ByteView octets) {
    return {id, static_cast<std::uint32_t>(octets.size()), fault_sum(octets)};
}

void FrameGatherer::add(const FreshChunk& chunk, ByteView octets) {
    if (frame_.raw.size() + octets.size() > format::kMaxFrameRaw) close_frame();
    if (frame_.raw.capacity() == 0) frame_.raw.reserve(format::kMaxFrameRaw);
    frame_.raw.insert(frame_.raw.end(), octets.begin(), octets.end());
    frame_.chunks.push_back(chunk);
    count(octets.size());
}

void FrameGatherer::add_frame(ByteView raw, std::span<const FreshChunk> chunks) {
    count(raw.size());
    shared_.packs.add(lane_, kind_, raw, chunks, context_);
}

void FrameGatherer::seal(const Frame& frame) { shared_.packs.add(lane_, kind_, frame.raw, frame.chunks, context_); }

void FrameGatherer::close_frame() {
    if (frame_.raw.empty()) return;
    if (deferred_.size() < deferrable_) {
        deferred_.push_back(std::exchange(frame_, Frame{}));
        return;
    }
    deferrable_ = 0;  // too much to keep back: from now on frames go out as they fill
    for (const auto& frame : std::exchange(deferred_, {})) seal(frame);
    seal(frame_);
    frame_.raw.clear();
    frame_.chunks.clear();
}

void FrameGatherer::flush() {
    deferrable_ = 0;
    for (const auto& frame : std::exchange(deferred_, {})) seal(frame);
    close_frame();
}

void StoreWorker::process(WorkItem item) {
    const ByteView buffer(item.buffer.data(), item.buffer.capacity());
    std::vector<FreshChunk> fresh;
    std::vector<std::uint32_t> offsets;  // of each in the buffer
    fresh.reserve(item.pieces.size());
    std::size_t fresh_bytes = 0;
    bool contiguous = true;
    for (auto& piece : item.pieces) {
        const ByteView octets = buffer.subspan(piece.offset, piece.length);
        const auto id = chunk_id(ids_, format::ChunkKind::data, octets);
        piece.file->piece_done(*piece.place, id);
        piece.file.reset();
        const auto pack = shared_.table.claim(id);
        if (pack == ChunkTable::kThisRun) continue;
        if (pack != ChunkTable::kUnknown) {
            shared_.history.mark(pack);
            continue;
        }
        if (!fresh.empty() && offsets.back() + fresh.back().length != piece.offset) contiguous = false;
        fresh.push_back(fresh_chunk(id, octets));
        offsets.push_back(piece.offset);
        fresh_bytes += piece.length;
    }
    if (fresh.empty()) return;
    if (contiguous && fresh_bytes >= format::kMaxFrameRaw / 2) {
        gatherer_.add_frame(buffer.subspan(offsets.front(), fresh_bytes), fresh);
        return;
    }
    for (std::size_t i = 0; i < fresh.size(); ++i) {
        gatherer_.add(fresh[i], buffer.subspan(offsets[i], fresh[i].length));
    }
}

}  // namespace signet::backup
