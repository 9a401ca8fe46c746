// The officers of a repository: which of their journals count, and whether all of what counts is there. The one place
// that decides this, for backups, restores and everything else (docs/format.md sections 5 and 7).
//
// Starting from the first officer, the journal of everybody who is an officer *with effect* is read. One of those with
// a damaged entry, or one that ends before what a keyring has seen, within the range in which the officer is trusted,
// makes all statements doubtful: the entry that is missing may be the one that withdrew a writer. What lies beyond that
// range, and the journal of an officer who was withdrawn, has no effect and stops nobody.
#pragma once

#include "keyring/keyring.h"
#include "keyring/trust.h"

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace signet::keyring {

/// A journal as far as it stands, and what ended it. storage/ reads it; keyring/ only judges.
struct OfficerJournal {
    std::span<const format::SignedEntry> entries;  ///< outlive the call that they are given to
    std::optional<Error> problem;                  ///< with what follows the last entry
};
using OfficerJournalReader = std::function<OfficerJournal(const IdentityId&)>;

struct Officers {
    Trust trust;                             ///< of what stands
    std::optional<Error> doubt;              ///< why `trust` is not to be relied on; names the object
    std::map<IdentityId, SeenEntry> newest;  ///< the last entry of each journal that counts

    /// throws  the doubt, when there is one
    void require_whole() const;
};

/// Reads the journals that count, each once, the first officer's first. pins  what keyrings have seen of the repository
/// throws  what `read` throws
[[nodiscard]] Officers read_officers(const IdentityId& first, const OfficerJournalReader& read,
                                     const std::vector<const RepositoryPin*>& pins = {});

}  // namespace signet::keyring
