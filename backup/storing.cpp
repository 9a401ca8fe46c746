#include "backup/storing.h"

#include "format/limits.h"

#include <utility>

namespace signet::backup {

ChunkId chunk_id(crypto::HmacSha256& ids, format::ChunkKind kind, ByteView chunk) {
    const std::uint8_t octet = static_cast<std::uint8_t>(kind);
    return ChunkId::from(ids.compute({ByteView(&octet, 1), chunk}).view().first(ChunkId::kSize));
}

void FrameGatherer::add(const ChunkId& id, ByteView chunk) {
    if (frame_.raw.size() + chunk.size() > format::kMaxFrameRaw) close_frame();
    if (frame_.raw.capacity() == 0) frame_.raw.reserve(format::kMaxFrameRaw);
    frame_.raw.insert(frame_.raw.end(), chunk.begin(), chunk.end());
    frame_.ids.push_back(id);
    frame_.lengths.push_back(static_cast<std::uint32_t>(chunk.size()));
    count(chunk.size());
}

void FrameGatherer::add_frame(ByteView raw, std::span<const ChunkId> ids, std::span<const std::uint32_t> lengths) {
    count(raw.size());
    shared_.packs.add(lane_, kind_, raw, ids, lengths, context_);
}

void FrameGatherer::seal(const Frame& frame) {
    shared_.packs.add(lane_, kind_, frame.raw, frame.ids, frame.lengths, context_);
}

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
    frame_.ids.clear();
    frame_.lengths.clear();
}

void FrameGatherer::flush() {
    deferrable_ = 0;
    for (const auto& frame : std::exchange(deferred_, {})) seal(frame);
    close_frame();
}

void StoreWorker::process(WorkItem item) {
    const ByteView buffer(item.buffer.data(), item.buffer.capacity());
    std::vector<ChunkId> fresh_ids;
    std::vector<std::uint32_t> fresh_lengths;
    std::vector<std::uint32_t> fresh_offsets;
    fresh_ids.reserve(item.pieces.size());
    std::size_t fresh_bytes = 0;
    bool contiguous = true;
    for (auto& piece : item.pieces) {
        const auto id = chunk_id(ids_, format::ChunkKind::data, buffer.subspan(piece.offset, piece.length));
        piece.file->piece_done(*piece.place, id);
        piece.file.reset();
        const auto pack = shared_.table.claim(id);
        if (pack == ChunkTable::kThisRun) continue;
        if (pack != ChunkTable::kUnknown) {
            shared_.history.mark(pack);
            continue;
        }
        if (!fresh_ids.empty() && fresh_offsets.back() + fresh_lengths.back() != piece.offset) contiguous = false;
        fresh_ids.push_back(id);
        fresh_lengths.push_back(piece.length);
        fresh_offsets.push_back(piece.offset);
        fresh_bytes += piece.length;
    }
    if (fresh_ids.empty()) return;
    if (contiguous && fresh_bytes >= format::kMaxFrameRaw / 2) {
        gatherer_.add_frame(buffer.subspan(fresh_offsets.front(), fresh_bytes), fresh_ids, fresh_lengths);
        return;
    }
    for (std::size_t i = 0; i < fresh_ids.size(); ++i) {
        gatherer_.add(fresh_ids[i], buffer.subspan(fresh_offsets[i], fresh_lengths[i]));
    }
}

}  // namespace signet::backup
