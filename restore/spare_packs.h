// What may stand for packs that are lost: whatever else the same writer and its line have stored. A chunk is the same
// wherever it lies, as its id is a keyed hash of it.
#pragma once

#include "restore/plan.h"

#include <map>
#include <set>
#include <vector>

namespace signet::restore {

/// Writers who name chunks alike: this one, those whose place it has taken, and those who have taken its place.
[[nodiscard]] std::set<IdentityId> line_of(const Catalogue& catalogue, const IdentityId& writer);

/// Every believed entry of these writers that lists packs, and repack entries about them, with the packs that are there
/// with their sizes.
[[nodiscard]] std::vector<ReachedEntry> stored_packs(const Catalogue& catalogue, const std::set<IdentityId>& writers,
                                                     const storage::CompleteListing& packs);

/// Parts an entry by its packs: those that are in their place with their sizes, and the others.
struct PartedEntry {
    ReachedEntry whole;
    ReachedEntry lost;
};
[[nodiscard]] PartedEntry part(const ReachedEntry& entry, const storage::CompleteListing& packs);

/// Whether any pack that the bitmap chooses is among them.
[[nodiscard]] bool chooses_any(const ReachedEntry& entry);

}  // namespace signet::restore
