// What an index segment said of a pack, found again from the pack itself: every frame is opened, every chunk hashed.
// For a restore whose index is lost (docs/format.md sections 9 and 10).
#pragma once

#include "core/secret.h"
#include "format/index.h"
#include "storage/store.h"

#include <utility>
#include <vector>

namespace signet::restore {

/// A pack's rows of an index. A metadata frame does not tell its trees from its lists, so each chunk there has two ids.
struct RebuiltPack {
    format::IndexedPack pack;                                 ///< metadata chunks under their ids as trees
    std::vector<std::pair<ChunkId, ChunkId>> trees_as_lists;  ///< the ids of each metadata chunk
};

/// tolerate  frames that do not open are left out (salvage)
/// key  of the pack's run. size  that its entry gives the pack. id_key  the writer's
/// throws  Error{damaged}: the pack is missing, altered, another one, or sealed under another key; Error{io}
[[nodiscard]] RebuiltPack rebuild_index(const storage::Store& store, const PackId& id, std::uint64_t size,
                                        const format::DataKey& key, const SecretBytes& id_key, bool tolerate = false);

}  // namespace signet::restore
