// Which chunks backups refer to, found out from their trees: folders, lists and files, without reading a file's
// content.
#pragma once

#include "format/tree.h"
#include "restore/content_reader.h"

#include <atomic>
#include <set>
#include <unordered_set>

namespace signet::restore {

/// Of backups whose writers name chunks alike. A part of a tree that was read before is not read again. About 40 octets
/// a chunk.
class ReferencedChunks {
public:
    /// Adds what a backup refers to. chunks  of that backup; interrupted  looked at often; may be null
    /// throws  Error{damaged}, Error{key_unavailable}: not all of it could be read, and what was added is not all;
    ///         Error{io}; Error{interrupted}
    void add(ChunkReader& chunks, const format::Entry& root, const std::atomic<bool>* interrupted = nullptr);

    [[nodiscard]] bool contains(const ChunkId& id) const { return ids_.contains(id); }
    [[nodiscard]] std::size_t size() const { return ids_.size(); }

private:
    class Visitor;
    void add(ChunkReader& chunks, const std::vector<format::Reference>& references, unsigned level);

    std::unordered_set<ChunkId> ids_;
    std::unordered_set<ChunkId> lists_;  ///< of which everything below was added
    std::set<Digest> folders_;           ///< hashes of the contents of folders, likewise
};

}  // namespace signet::restore
