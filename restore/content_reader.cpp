#include "restore/content_reader.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace signet::restore {

ContentCursor::ContentCursor(ChunkReader& chunks, const format::Content& content) : chunks_(chunks), content_(content) {
    seek(0);
}

void ContentCursor::seek(std::uint64_t offset) {
    levels_.clear();
    if (content_.size == 0) return;
    levels_.push_back({{}, &content_.references, 0, 0, content_.level});
    for (;;) {
        Level& level = levels_.back();
        while (level.position < level.references->size()) {
            const std::uint64_t span = (*level.references)[level.position].span;
            if (offset - level.offset < span) break;
            level.offset += span;
            ++level.position;
        }
        if (level.level == 0 || level.position == level.references->size()) return;
        descend();
    }
}

bool ContentCursor::next(Piece& piece) {
    while (!levels_.empty()) {
        Level& level = levels_.back();
        if (level.position == level.references->size()) {
            levels_.pop_back();
        } else if (level.level > 0) {
            descend();
        } else {
            piece.reference = (*level.references)[level.position++];
            piece.offset = level.offset;
            level.offset += piece.reference.span;
            return true;
        }
    }
    return false;
}

/// Opens the list at the current position, and moves that position on.
void ContentCursor::descend() {
    Level& level = levels_.back();
    const format::Reference list = (*level.references)[level.position++];
    const std::uint64_t offset = level.offset;
    level.offset += list.span;
    const unsigned below = level.level - 1;
    const ChunkReader::Chunk chunk = chunks_.read(format::ChunkKind::list, list.id, list.length);
    std::vector<format::Reference> own = format::decode_list(chunk.octets, below, list.span, "chunk " + list.id.hex());
    // The references move with their vector, so that the pointer to it is set where it has come to stay.
    levels_.push_back({std::move(own), nullptr, 0, offset, below});
    for (Level& each : levels_) {
        if (!each.own.empty()) each.references = &each.own;
    }
}

ContentReader::ContentReader(ChunkReader& chunks, const format::Content& content, format::ChunkKind kind)
    : chunks_(chunks), content_(content), kind_(kind), cursor_(chunks, content) {}

ByteView ContentReader::next() {
    Piece piece;
    if (!cursor_.next(piece)) {
        current_ = {};
        return {};
    }
    current_ = chunks_.read(kind_, piece.reference.id, piece.reference.length);
    const ByteView octets = current_.octets.subspan(skip_);
    skip_ = 0;
    position_ += octets.size();
    return octets;
}

void ContentReader::seek(std::uint64_t offset) {
    invariant(offset <= content_.size, "a content is read within its size");
    position_ = offset;
    skip_ = 0;
    cursor_.seek(offset);
    if (offset == 0 || offset == content_.size) return;
    // The piece that holds the offset may start before it.
    Piece piece;
    if (cursor_.next(piece)) skip_ = offset - piece.offset;
    cursor_.seek(offset);
}

void ContentReader::read(std::uint64_t offset, MutableByteView out) {
    if (offset > content_.size || out.size() > content_.size - offset) {
        throw Error(ErrorCode::damaged, "a content ends before octet " + std::to_string(offset + out.size()));
    }
    if (offset != position_) seek(offset);
    for (std::size_t done = 0; done < out.size();) {
        const ByteView octets = next();
        if (octets.empty()) throw Error(ErrorCode::damaged, "a content ends before its size");
        const std::size_t count = std::min(octets.size(), out.size() - done);
        std::memcpy(out.data() + done, octets.data(), count);
        done += count;
        if (count < octets.size()) seek(offset + done);
    }
}

Bytes ContentReader::read_all(std::size_t limit) {
    if (content_.size - position_ > limit) {
        throw Error(ErrorCode::damaged, "a content of " + std::to_string(content_.size) + " octets, over its limit");
    }
    Bytes bytes(static_cast<std::size_t>(content_.size - position_));
    read(position_, bytes);
    return bytes;
}

}  // namespace signet::restore
