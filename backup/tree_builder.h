// The tree: entries become directories, directories become chunks, from the leaves to the root.
#pragma once

#include "backup/backup.h"
#include "backup/cutter.h"
#include "backup/job.h"
#include "backup/storing.h"

#include <atomic>
#include <string>
#include <vector>

namespace signet::backup {

/// Takes the walk's events in order, in one thread.
class TreeBuilder {
public:
    struct Setup {
        StoreShared shared;
        const Cutter& cutter;
        crypto::HmacSha256 ids;
        int level = 3;
        NewState& state;
        BackupReport& report;
        std::function<void(const std::string& path, int error_number, const std::string& what)> on_problem;
        std::function<void(std::string_view action, const std::string& path, std::uint64_t size)> on_item;
        Progress* progress = nullptr;
        const std::atomic<bool>& abandoned;
    };
    explicit TreeBuilder(Setup setup);

    /// returns  false when the run was abandoned meanwhile
    [[nodiscard]] bool take(WalkEvent event);
    /// After the last event: seals what is left. Data frames have been flushed before.
    void finish();
    /// The root directory; after the last event.
    [[nodiscard]] const format::Entry& root() const { return root_; }
    /// Digest of what the sources are, without the folders that lead to them: equal digests, equal sources.
    [[nodiscard]] Digest sources() { return sources_.finish(); }
    /// Whether a directory within the sources had to be stored: none like it was there.
    [[nodiscard]] bool stored_of_sources() const { return stored_of_sources_; }
    [[nodiscard]] const format::BackupStatistics& statistics() const { return statistics_; }

private:
    struct Folder {
        std::string path;
        format::Entry entry;
        bool is_source = false;
        bool above_sources = false;
        std::vector<std::string> files;    ///< encoded, ascending by name
        std::vector<std::string> folders;  ///< encoded, ascending by name
    };
    bool enter(WalkEvent& event);
    [[nodiscard]] ByteWriter encode_folder(Folder& folder);
    void leave();
    bool take_job(const WalkEvent& folder, WalkedEntry& walked, Folder& into);
    [[nodiscard]] format::Content store(ByteView content);
    [[nodiscard]] ChunkId store_chunk(format::ChunkKind kind, ByteView chunk);
    [[nodiscard]] bool fold(FileJob& job);
    [[nodiscard]] bool fold_ahead(const WalkEvent& event);
    Setup setup_;
    SealContext context_;
    FrameGatherer gatherer_;
    std::vector<Folder> open_;
    format::Entry root_;
    crypto::Sha256 sources_;
    bool is_above_sources_ = false;  ///< what is being stored
    bool stored_of_sources_ = false;
    format::BackupStatistics statistics_;
};

}  // namespace signet::backup
