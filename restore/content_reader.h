// Streams a content: the chunks that it consists of, in order, through all levels of lists.
#pragma once

#include "restore/frame_reader.h"

#include <vector>

namespace signet::restore {

/// One chunk of a content.
struct Piece {
    format::Reference reference;
    std::uint64_t offset = 0;  ///< of its first octet in the content
};

/// Walks the level 0 references of a content; holds one list of each level at a time.
class ContentCursor {
public:
    /// chunks, content  outlive the cursor
    ContentCursor(ChunkReader& chunks, const format::Content& content);

    /// The next piece; false at the end. throws  as ChunkReader::read
    [[nodiscard]] bool next(Piece& piece);
    /// Goes on with the piece that holds the octet at `offset`; from the size on, next() returns false.
    void seek(std::uint64_t offset);

private:
    struct Level {
        std::vector<format::Reference> own;  ///< of a list chunk
        const std::vector<format::Reference>* references = nullptr;
        std::size_t position = 0;
        std::uint64_t offset = 0;  ///< in the content, of references[position]
        unsigned level = 0;
    };
    void descend();
    ChunkReader& chunks_;
    const format::Content& content_;
    std::vector<Level> levels_;
};

/// Reads a content's octets.
class ContentReader {
public:
    /// kind  of its level 0 chunks: data in files, tree in directories
    ContentReader(ChunkReader& chunks, const format::Content& content, format::ChunkKind kind);

    /// The next chunk's octets, verified; empty at the end. The view lives until the next call.
    [[nodiscard]] ByteView next();
    /// Lets go of the frame of the last chunk; the view of it ends.
    void release() { current_ = {}; }
    /// Where next() goes on.
    [[nodiscard]] std::uint64_t position() const { return position_; }
    /// Goes on at any octet. offset  at most the size
    void seek(std::uint64_t offset);
    /// Fills `out` from an offset. throws  Error{damaged}: also when the content ends before
    void read(std::uint64_t offset, MutableByteView out);
    /// The rest, as a whole. limit  checked before allocation. throws  Error{damaged}: over the limit
    [[nodiscard]] Bytes read_all(std::size_t limit);

private:
    ChunkReader& chunks_;
    const format::Content& content_;
    const format::ChunkKind kind_;
    ContentCursor cursor_;
    ChunkReader::Chunk current_;
    std::uint64_t position_ = 0;
    std::uint64_t skip_ = 0;  ///< octets of the next piece that come before position_
};

}  // namespace signet::restore
