// What index segments say of the packs of one entry: the segments that it names, and where one of those is lost, what
// was rebuilt of it (docs/format.md sections 10 and 18).
#pragma once

#include "core/error.h"
#include "restore/reach.h"
#include "storage/repository.h"

#include <functional>
#include <vector>

namespace signet::restore {

/// The rows of one pack.
struct PackRows {
    format::IndexedPack pack;
    /// For each chunk of `pack`, its other id, where one is known: of chunks in metadata frames of rebuilt segments.
    std::vector<ChunkId> aliases;
};

struct IndexVisitor {
    /// Takes a pack of the entry, with the size that the entry gives it. returns  whether more is wanted
    std::function<bool(PackRows&&)> take;
    /// Takes a segment that cannot be used, and why, before what was rebuilt of it is read.
    std::function<void(const format::IndexInfo&, const Error&)> lost;
};

/// throws  Error{io}; what the visitor throws
void read_index(const storage::Repository& repository, const ReachedEntry& entry, const SecretBytes& index_key,
                const IndexVisitor& visitor);

}  // namespace signet::restore
