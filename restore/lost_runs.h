// Packs of runs whose entries are lost: each pack names its data key, and slots of that key are stored beside the
// entries. For salvaging what reaches such a run.
#pragma once

#include "keyring/resolver.h"
#include "restore/catalogue.h"

#include <map>
#include <optional>
#include <set>

namespace signet::restore {

/// Data keys of the entries that a backup reaches and that are not there.
[[nodiscard]] std::set<DekId> lost_keys(const Catalogue& catalogue, const Backup& backup);

using PackSizes = std::map<PackId, std::uint64_t>;

/// Packs under these keys that no entry lists, with their sizes. Reads the header of every pack that no entry lists.
/// throws  Error{io}
[[nodiscard]] std::map<DekId, PackSizes> unlisted_packs(const Catalogue& catalogue, const storage::Store& store,
                                                        const storage::CompleteListing& packs,
                                                        const std::set<DekId>& keys);

/// A data key, and the packs that it opens.
struct LostRun {
    format::DataKey key;
    PackSizes packs;
};

/// Anybody can store slots and packs that claim a data key's id: of what the stored slots give, the key that opens most
/// of the packs. why  is given the last reason where none opens any
/// throws  Error{io}; Error{wrong_passphrase}
[[nodiscard]] std::optional<LostRun> unwrap_for(const storage::Repository& repository, keyring::Resolver& resolver,
                                                const DekId& dek, const PackSizes& packs, std::string& why);

}  // namespace signet::restore
