// Restores files below one folder and never outside it, whatever names, links and types the backup holds.
//
//   walk the tree -> gather small files by frame -> workers open each frame once and make its files
//
// Every folder is held open by descriptor, and every name is one component below such a descriptor: no path is resolved
// twice and no symbolic link is followed. Files are made exclusively. A folder's own metadata come when all in it is
// done.
#pragma once

#include "core/pattern.h"
#include "restore/opener.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace signet::restore {

/// What happens to a file that is there already.
enum class Overwrite { always, if_changed, never };

/// Counters that other threads may read while a restore is going on.
struct RestoreProgress {
    std::atomic<std::uint64_t> files_total{0};  ///< of the backup; 0 when only a part is restored
    std::atomic<std::uint64_t> bytes_total{0};
    std::atomic<std::uint64_t> items_done{0};  ///< files, folders and all else
    std::atomic<std::uint64_t> bytes_done{0};
    std::atomic<std::uint64_t> errors{0};
    /// When the first octets of a file were at hand, opened and checked; nothing before that.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> first_content() const;
    void note_content() noexcept;
    /// The path being restored, for people.
    [[nodiscard]] std::string current() const;
    void set_current(std::string path);

private:
    std::atomic<std::int64_t> first_content_{0};  ///< ticks of the clock; 0: not yet
    mutable std::mutex mutex_;
    std::string current_;
};

struct RestoreRequest {
    std::string target;              ///< made when it is not there
    std::string root = "/";          ///< BACKUP:/sub/path: that folder's content goes into the target
    std::vector<std::string> paths;  ///< only these and what is below them; "/" is `root`, as it is to the patterns
    PatternList includes;
    PatternList excludes;
    Overwrite overwrite = Overwrite::always;
    bool delete_extra = false;       ///< what is not in the backup goes
    bool verify = false;             ///< reads everything back and compares chunk ids
    bool sparse = false;             ///< runs of zeros become holes as well
    bool plain = false;              ///< no owners, setuid, devices, sockets, security.* and trusted.*, file flags
    bool ownership_by_name = false;  ///< owners and groups that this host knows by name, else by number
    bool salvage = false;            ///< goes on after content that does not open
    bool check_space = true;         ///< refuses what the target has no room for (space_check.h)
    bool dry_run = false;
    int jobs = 0;  ///< threads that write; 0: two a processor
    const std::atomic<bool>* interrupted = nullptr;
    RestoreProgress* progress = nullptr;
    /// From one thread at a time: what could not be restored (any error), and what could only partly.
    std::function<void(const std::string& path, const std::string& message)> on_problem;
    std::function<void(const std::string& path, const std::string& message)> on_warning;
    /// From one thread at a time, for -v and dry runs: "restored", "updated", "unchanged", "skipped", "deleted".
    std::function<void(std::string_view action, const std::string& path, std::uint64_t size)> on_item;
};

struct RestoreProblem {
    std::string path;
    std::string message;
    ErrorCode code = ErrorCode::failed;
};

struct RestoreReport {
    std::uint64_t files_restored = 0;
    std::uint64_t files_unchanged = 0;  ///< overwrite if-changed: left as they are
    std::uint64_t files_skipped = 0;    ///< overwrite never
    std::uint64_t folders = 0;
    std::uint64_t others = 0;  ///< links, FIFOs, sockets, devices
    std::uint64_t hard_links = 0;
    std::uint64_t deleted = 0;
    std::uint64_t bytes_restored = 0;  ///< octets written, without holes
    std::uint64_t files_verified = 0;
    std::uint64_t content_errors = 0;     ///< things that could not be restored, or not as they were: exit 3
    std::uint64_t metadata_warnings = 0;  ///< owners, attributes, flags or special files that were refused: all of them
    std::uint64_t owners_not_set = 0;     ///< of these: not root
    std::uint64_t attributes_not_set = 0;  ///< of these: security.*, trusted.*, immutable: not root
    std::vector<RestoreProblem> problems;  ///< the first 1,000 content errors
    std::vector<RestoreProblem> warnings;  ///< the first 1,000 of what the system refused
    bool dry_run = false;
    double seconds = 0;
};

/// Restores. What one file's own trouble is (permission, a name that is taken) is counted and the rest goes on. Damaged
/// content ends the restore unless salvaging. No file that failed is left behind.
/// throws  Error{damaged}, Error{key_unavailable}: content does not open, and not salvaging; Error{interrupted};
///         Error{io}: the target cannot be written (no space, read-only, device error);
///         Error{failed}: the target has no room for it, and nothing was made;
///         Error{usage}: no such path in the backup; --delete over the whole machine
[[nodiscard]] RestoreReport restore_files(OpenBackup& backup, const RestoreRequest& request);

}  // namespace signet::restore
