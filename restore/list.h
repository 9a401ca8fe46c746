// Looks into backups without restoring: ls, find, statistics, and what differs between two.
#pragma once

#include "core/pattern.h"
#include "restore/opener.h"
#include "restore/tree_walk.h"

#include <functional>
#include <string>
#include <vector>

namespace signet::restore {

/// A thing in a backup. The references live until the callback returns.
struct ListedItem {
    const std::string& path;
    const format::Entry& entry;
};
using ListVisitor = std::function<void(const ListedItem&)>;

struct ListRequest {
    std::string path = "/";  ///< where to start
    bool recursive = true;   ///< false: the path itself and what is directly in it
    PatternList patterns;    ///< only what matches; empty: everything
    std::optional<format::EntryType> type;
    std::optional<TimePoint> oldest;  ///< modification time
    std::optional<TimePoint> newest;
    const std::atomic<bool>* interrupted = nullptr;
};

/// Calls `visit` for each, in stored order. throws  Error{usage}: no such path; Error{damaged}; Error{interrupted}
void list_tree(OpenBackup& backup, const ListRequest& request, const ListVisitor& visit);

struct TreeStatistics {
    std::uint64_t files = 0, folders = 0, others = 0;
    std::uint64_t hard_links = 0;     ///< names of an inode that was counted already
    std::uint64_t logical_size = 0;   ///< octets of files, each inode once
    std::uint64_t stored_chunks = 0;  ///< different chunks
    std::uint64_t raw_size = 0;       ///< octets of these
    std::uint64_t sealed_size = 0;    ///< octets of the frames that they lie in, as stored
};
[[nodiscard]] TreeStatistics tree_statistics(OpenBackup& backup, const std::atomic<bool>* interrupted = nullptr);

/// How one path differs.
struct Difference {
    enum class Kind { added, removed, changed };
    Kind kind = Kind::changed;
    std::string path;
    std::string modifier;  ///< "+", "-", "M" content, "U" metadata, "T" type, "?" unreadable; as restic's
    const format::Entry* before = nullptr;
    const format::Entry* after = nullptr;
};
struct DifferenceStatistics {
    std::uint64_t files_added = 0, files_removed = 0, files_changed = 0;
    std::uint64_t folders_added = 0, folders_removed = 0;
    std::uint64_t others_added = 0, others_removed = 0;
    std::uint64_t bytes_added = 0, bytes_removed = 0;
};
struct DiffRequest {
    std::string path = "/";
    bool metadata = false;  ///< also what differs in metadata alone ("U")
    const std::atomic<bool>* interrupted = nullptr;
};
/// Compares two backups of one repository, in stored order. Folders with equal content are not opened, where both
/// backups are one writer's.
DifferenceStatistics diff_trees(OpenBackup& before, OpenBackup& after, const DiffRequest& request,
                                const std::function<void(const Difference&)>& visit);

}  // namespace signet::restore
