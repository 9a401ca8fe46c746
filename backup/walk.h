// The walk: sources in a stable order, known files told from those that must be read.
#pragma once

#include "backup/backup.h"
#include "backup/chunk_table.h"
#include "backup/history.h"
#include "backup/job.h"
#include "backup/reading.h"
#include "backup/sources.h"
#include "core/bounded_queue.h"

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace signet::backup {

class Walk {
public:
    struct Setup {
        const BackupRequest& request;
        Sources& sources;
        OldState& old_state;
        const ChunkTable& table;
        History& history;
        BackupReport& report;
        format::BackupStatistics& statistics;  ///< counts of entries that need no reading
        BoundedQueue<ReadJob>& small_files;
        BoundedQueue<ReadJob>& large_files;
        BoundedQueue<WalkEvent>& events;
        std::function<void(const std::string& path, int error_number, const std::string& what)> on_problem;
        const std::atomic<bool>& abandoned;
        bool use_state = true;
    };
    explicit Walk(Setup setup);

    /// Walks all sources. throws  Error{failed}: none of them exists; Error{interrupted}
    void run();
    /// A tree that holds one stream.
    void run_stream();
    [[nodiscard]] const std::unordered_set<std::uint32_t>& owners() const { return owners_; }
    [[nodiscard]] const std::unordered_set<std::uint32_t>& groups() const { return groups_; }

private:
    void report_problems(const std::vector<SourceProblem>& problems);
    void visit_top(const Sources::Top& top, const std::string& path, const std::string& name);
    struct Subfolder {
        std::string name;
        std::shared_ptr<FolderNode> node;
    };
    [[nodiscard]] std::vector<Subfolder> enter_folder(const std::shared_ptr<FolderNode>& node, const std::string& name,
                                                      bool is_source);
    void visit_folder(const std::shared_ptr<FolderNode>& node, const std::string& name, bool is_source);
    void take_entries(WalkEvent& event, const std::vector<ScannedEntry>& entries);
    void take_entry(WalkEvent& event, const ScannedEntry& scanned);
    void read_file(WalkEvent& event, const ScannedEntry& scanned, WalkedEntry walked, const std::string& path);
    void store_other(WalkEvent& event, const ScannedEntry& scanned, WalkedEntry walked, const std::string& path);
    [[nodiscard]] bool is_known(const ScannedEntry& scanned, const StateEntry& known,
                                const Fingerprint& fingerprint) const;
    void emit(WalkEvent event);
    void leave();
    void flush_group();
    void note_owner(const SourceStat& stat);
    void check_interrupted() const;
    [[nodiscard]] std::optional<format::LinkIdentity> link_of(const SourceStat& stat);

    Setup setup_;
    ReadJob group_;
    std::uint64_t group_bytes_ = 0;
    std::map<std::uint64_t, std::uint64_t> file_systems_;
    struct InodeHash {
        std::size_t operator()(const std::pair<std::uint64_t, std::uint64_t>& key) const noexcept {
            return static_cast<std::size_t>(key.first * 0x9e3779b97f4a7c15u ^ key.second);
        }
    };
    std::unordered_map<std::pair<std::uint64_t, std::uint64_t>, std::shared_ptr<FileJob>, InodeHash> linked_;
    std::unordered_set<std::uint32_t> owners_;
    std::unordered_set<std::uint32_t> groups_;
    std::uint32_t last_owner_ = 0;
    std::uint32_t last_group_ = 0;
    bool has_last_ = false;
};

}  // namespace signet::backup
