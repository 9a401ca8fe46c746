// Entries that stand behind damage in their journal, held to what is known of them from outside: the newest entries
// that keyrings have seen, and checkpoints (docs/format.md section 18).
#pragma once

#include "core/error.h"
#include "core/id.h"
#include "storage/repository.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace signet::restore {

/// An entry that was in a journal once.
struct KnownEntry {
    std::uint64_t sequence = 0;
    EntryId entry;
    std::string who;  ///< "this keyring has seen", "a checkpoint knows"
};

/// By sequence number, of the entries in Journal::stranded.
struct StrandedVerdict {
    std::set<std::uint64_t> proven;          ///< it is known, or entries lead to it from one that is
    std::map<std::uint64_t, Error> refuted;  ///< why it is never opened: another stood there, or a fork
    /// What is believed is not what the proven entries follow.
    std::optional<Error> contradiction;
};

/// Entries that follow each other stand and fall together; of two neighbours that do not, the one that is proven
/// stands, and neither where none is.
[[nodiscard]] StrandedVerdict judge_stranded(const storage::Journal& journal, const std::vector<KnownEntry>& known);

}  // namespace signet::restore
