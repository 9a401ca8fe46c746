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

/// Packs under these keys that no entry lists, with their sizes. Reads the header of every pack that no entry lists.
/// throws  Error{io}
[[nodiscard]] std::map<DekId, std::map<PackId, std::uint64_t>> unlisted_packs(const Catalogue& catalogue,
                                                                              const storage::Store& store,
                                                                              const storage::CompleteListing& packs,
                                                                              const std::set<DekId>& keys);

/// The data key of a pack, by whichever stored slot opens it. why  is given the last reason where none does
/// throws  Error{io}; Error{wrong_passphrase}
[[nodiscard]] std::optional<format::DataKey> unwrap_for(const storage::Repository& repository,
                                                        keyring::Resolver& resolver, const DekId& dek,
                                                        const PackId& pack, std::string& why);

}  // namespace signet::restore
