// What a keyring knows of its own writer's journal in one repository: whose place the writer has taken, and which runs
// it began itself. An identity signs on one machine only: an entry of a run that this keyring never began was made by
// another machine, a clone of this one or a thief.
//
// A run is noted before its first entry is committed, so a kill at any moment leaves nothing unaccounted for. Reading a
// repository changes nothing here.
#pragma once

#include "format/backup_entry.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace signet::keyring {

/// A backup or partial entry of the writer's own journal.
struct OwnEntry {
    std::uint64_t sequence = 0;
    format::RunId run;
    TimePoint time;  ///< of signing
};

struct OwnJournal {
    /// A run of this keyring, and its last entry once it has ended.
    struct Begun {
        format::RunId run;
        std::optional<std::uint64_t> ended;  ///< sequence number; 0: it made no entry
    };
    IdentityId writer;                     ///< of whom all of this is; another writer starts anew
    std::vector<IdentityId> predecessors;  ///< whose place it has taken, the oldest first
    std::uint64_t accounted = 0;           ///< entries up to this one are known to be this keyring's
    std::vector<Begun> begun;              ///< runs whose entries may lie beyond, the oldest first

    /// The first entry that no run of this keyring made; nullptr: there is none. entries  in their order
    [[nodiscard]] const OwnEntry* foreign(std::span<const OwnEntry> entries) const;
    /// All entries up to `last` were looked at: runs that ended before need no remembering any more.
    void account(std::uint64_t last);
    void begin(const format::RunId& run);
    void end(const format::RunId& run, std::uint64_t last);
};

}  // namespace signet::keyring
