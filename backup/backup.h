// The backup engine: makes one run from sources to a committed manifest.
//
//   scan -> group -> read -> cut -> look up -> compress -> seal -> open and compare -> store -> commit
#pragma once

#include "backup/exclude.h"
#include "core/clock.h"
#include "format/backup_entry.h"
#include "keyring/keyring.h"
#include "keyring/resolver.h"
#include "storage/repository.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace signet::backup {

/// Counters that other threads may read while a run is going (progress, SIGUSR1).
struct Progress {
    std::atomic<std::uint64_t> files_seen{0};
    std::atomic<std::uint64_t> files_done{0};
    std::atomic<std::uint64_t> bytes_done{0};
    std::atomic<std::uint64_t> bytes_total{0};  ///< grows while scanning goes on
    std::atomic<std::uint64_t> bytes_stored{0};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<bool> scan_finished{false};
    /// The path being read, for people.
    [[nodiscard]] std::string current() const;
    void set_current(std::string path);

private:
    mutable std::mutex mutex_;
    std::string current_;
};

struct BackupRequest {
    std::vector<std::string> paths;     ///< as given; made absolute by the engine
    std::string working_directory;      ///< what relative paths are relative to
    std::optional<std::string> series;  ///< default: host and paths
    std::vector<std::string> tags;
    std::optional<TimePoint> time;  ///< default: the run's start
    std::string host;
    std::string user;
    std::string program;  ///< "signet 0.1.0"
    ExcludeRules excludes;
    bool one_file_system = false;
    bool skip_if_unchanged = false;
    bool force = false;  ///< read every file again
    bool dry_run = false;
    int compression_level = 3;    ///< 0: none
    int jobs = 0;                 ///< worker threads; 0: one a processor
    std::string cache_directory;  ///< empty: no cache
    double lock_wait_seconds = 0;
    std::optional<keyring::ProtectorRegion> region;  ///< whose default wraps; unset: of the region in config.json
    double access_check_seconds = 600;               ///< how often a run asks whether its protector may still be used
    /// Standard input or a command's output instead of paths.
    int stream_fd = -1;
    std::string stream_name = "stdin";        ///< --stdin-filename
    std::vector<std::string> stream_command;  ///< recorded; the caller runs it
    bool is_base = false;                     ///< the stream is the tar of a PostgreSQL base backup
    /// Called once the stream has ended and before the commit; an Error thrown here abandons the run.
    std::function<void()> confirm_stream;
    /// Called with the protectors that wrap this run's data key, before anything is stored; an Error thrown here
    /// abandons the run. Not in a dry run.
    std::function<void(const std::vector<format::Thumbprint>&)> on_wrapped;
    std::atomic<bool>* interrupted = nullptr;
    Progress* progress = nullptr;
    /// Called (from one thread at a time) for each file that could not be read, and for warnings.
    std::function<void(const std::string& path, const std::string& message)> on_problem;
    std::function<void(const std::string& message)> on_warning;
    /// -v: called for each file: "new", "modified", "unmodified".
    std::function<void(std::string_view action, const std::string& path, std::uint64_t size)> on_item;
};

struct BackupReport {
    std::optional<EntryId> backup;  ///< none: dry run, or skipped because unchanged
    keyring::SeenEntry committed;   ///< its place in the writer's journal
    TimePoint signed_at;
    IdentityId writer;
    bool skipped_unchanged = false;
    std::string series;
    std::uint64_t files_new = 0, files_changed = 0, files_unmodified = 0;
    std::uint64_t dirs_new = 0, dirs_changed = 0, dirs_unmodified = 0;
    std::uint64_t others = 0;             ///< symbolic links, FIFOs, sockets, devices
    std::uint64_t data_added = 0;         ///< octets of new chunks
    std::uint64_t data_added_packed = 0;  ///< octets stored for them
    std::uint64_t total_files_processed = 0;
    std::uint64_t total_bytes_processed = 0;
    std::uint64_t errors = 0;
    TimePoint started;
    TimePoint finished;
    DekId dek;
    std::vector<format::Thumbprint> protectors;  ///< the default first
};

/// The name of the series that a request belongs to: as given, else host and paths.
[[nodiscard]] std::string series_name(const BackupRequest& request);

/// The file that a run of a series holds a lock of, as long as it goes on.
[[nodiscard]] std::string series_lock(const keyring::Keyring& keyring, const RepositoryId& repository,
                                      const SeriesId& series);

/// Makes one backup. The repository holds either a new committed backup or none; what an interrupted or failed run had
/// stored is found again by the next.
/// throws  Error{busy}: another run of this series is active; Error{key_unavailable}: no protector can wrap, or the
/// default was
///         taken away while the run went on;
///         Error{interrupted}; Error{io}: the repository cannot be written; Error{failed}: none of the sources exists;
///         Error{damaged}, Error{refused}: the repository is not the one this keyring has seen; Error{refused}: the
///         keyring is paused, or an officer took a protector out of use meanwhile (a backup that was made all the same
///         is named, and is to be forgotten)
[[nodiscard]] BackupReport run_backup(const BackupRequest& request, const storage::Repository& repository,
                                      keyring::KeyringSet& keyrings, keyring::Resolver& resolver);

}  // namespace signet::backup
