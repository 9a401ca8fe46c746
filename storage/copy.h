// Copies a repository to another place: the same octets under the same names, compared on the way. Needs no key.
//
// Objects that entries refer to are there, durably, before the first entry is; entries come in the order of their
// journals, officers' before everybody else's, and predecessors' before their successors'. So the target is a
// repository at every moment, and never shows a backup without what officers had said of its writer by then. Nothing is
// overwritten and nothing removed: a copy that was stopped is begun again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "storage/repository.h"

namespace signet::storage {

/// Counters that other threads may read while a copy is going.
struct CopyProgress {
    std::atomic<std::uint64_t> objects_total{0};
    std::atomic<std::uint64_t> objects_done{0};
    std::atomic<std::uint64_t> bytes_total{0};
    std::atomic<std::uint64_t> bytes_done{0};
    std::atomic<std::uint64_t> problems{0};
    std::atomic<bool> total_known{false};
};

struct CopyOptions {
    bool dry_run = false;
    int workers = 4;                   ///< objects in flight, each with 1 MiB of memory
    std::vector<IdentityId> officers;  ///< whose entries go first
    /// Nobody else's entries go: set where an officer's journal is broken, as what it lacks may withdraw a writer.
    bool officers_only = false;
    /// Names of objects of the source that are not brought over: what only forgotten backups need. Asked once, when the
    /// journals have been read, and only if there is a tombstone or a verdict in one of them.
    std::function<std::set<std::string>()> left_out = {};
    std::function<bool()> stop = {};  ///< asked often, by any thread: whether to end here
    CopyProgress* progress = nullptr;
};

/// An object that was left out, and why: Error{damaged}, or Error{io} where it could merely not be read.
struct CopyProblem {
    std::string object;
    Error error;
};

struct CopyReport {
    std::uint64_t objects = 0;   ///< copied, entries among them (dry run: would be)
    std::uint64_t bytes = 0;     ///< of these
    std::uint64_t entries = 0;   ///< of these: journal entries
    std::uint64_t present = 0;   ///< objects of the source that were there
    std::uint64_t ahead = 0;     ///< entries of the target that the source lacks
    std::uint64_t left_out = 0;  ///< objects that the target lacks and CopyOptions::left_out named
    std::uint64_t withheld = 0;  ///< entries that were not copied: of officers_only, or behind a problem
    bool stopped = false;
    std::vector<CopyProblem> problems;
};

/// Copies what `target` lacks of `source`.
/// target  has the same config.json; nullptr, in a dry run only: there is nothing yet
/// throws  Error{refused}: the target holds another repository; Error{damaged}: an entry differs in both places, and
///         nothing was copied; Error{io}: the source cannot be listed, or the target not be written
[[nodiscard]] CopyReport copy_repository(const Repository& source, const Repository* target,
                                         const CopyOptions& options);

}  // namespace signet::storage
