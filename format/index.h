// Index segments: which chunk lies where (docs/format.md section 10).
#pragma once

#include "format/pack.h"

namespace signet::format {

struct IndexedPack {
    PackId id;
    std::uint64_t size = 0;  ///< of the object
    std::vector<FrameRecord> frames;
    std::vector<ChunkId> chunks;  ///< of all frames, in order
};

struct IndexSegment {
    DekId dek;
    std::vector<IndexedPack> packs;

    /// The object. index_key  the writer's.
    [[nodiscard]] Bytes seal(const RepositoryId& repository, const IdentityId& writer,
                             const SecretBytes& index_key) const;
    /// throws  Error{damaged}, Error{unsupported}; Error{damaged} too when repository or writer differ
    [[nodiscard]] static IndexSegment open(ByteView object, const RepositoryId& repository, const IdentityId& writer,
                                           const SecretBytes& index_key, std::string_view what);
};

}  // namespace signet::format
