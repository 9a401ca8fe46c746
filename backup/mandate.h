// What the officers of a repository say, as far as a backup goes by it: about writers, policy, what is forgotten and
// what is condemned.
#pragma once

#include "keyring/keyring.h"
#include "keyring/policy.h"
#include "keyring/trust.h"
#include "storage/condemnations.h"
#include "storage/repository.h"
#include "storage/statements.h"

#include <functional>
#include <list>
#include <map>

namespace signet::backup {

/// Under which a backup is made.
struct Mandate {
    keyring::Policy policy;
    EntryId policy_entry;
    keyring::Trust trust;
    std::map<IdentityId, keyring::SeenEntry> newest;  ///< of the officers' journals
    storage::Tombstones tombstones;
    storage::OfficersWord word;
};

/// Reads the officers' journals, beginning with the officer of whom the keyrings know.
/// journals  takes theirs. throws  Error{damaged}: one of them is not whole; Error{io}
[[nodiscard]] Mandate mandate_of(const storage::Repository& repository, const keyring::KeyringSet& keyrings,
                                 std::list<storage::Journal>& journals);

/// Which entries of officers' journals count. mandate  outlives what is returned
[[nodiscard]] std::function<bool(const format::SignedEntry&)> counts(const Mandate& mandate);

}  // namespace signet::backup
