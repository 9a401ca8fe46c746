// What travels between the stages of a run.
#pragma once

#include "backup/buffer_pool.h"
#include "backup/file_state.h"
#include "backup/source.h"
#include "format/content.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace signet::backup {

/// A regular file that must be read. Readers fill it, workers complete it, the tree builder waits for it.
struct FileJob {
    std::string path;
    std::string name;
    SourceStat stat;

    // Filled by the reader before the last piece leaves it.
    Attributes attributes;
    std::uint64_t content_size = 0;       ///< octets read, without holes
    std::vector<format::Extent> extents;  ///< empty: no holes
    bool failed = false;                  ///< nothing of it can be stored
    bool changed_while_read = false;
    bool is_unsized = false;  ///< its size is not to be believed: it is read each time
    bool replaced = false;    ///< what was read is another inode than the walk saw
    int error_number = 0;
    std::string what;

    // Made by the tree builder from the references of all pieces, once, for whatever names the file has.
    std::optional<format::Content> content;
    std::vector<ChunkId> chunks;  ///< of the content, its lists too

    /// A piece of the file, and where its id goes.
    struct Place {
        format::Reference reference;
        bool done = false;
    };
    /// Adds the place of the next piece. Only the reader calls it.
    [[nodiscard]] Place* add_piece(std::uint32_t length) {
        const std::lock_guard lock(mutex_);
        ++outstanding_;
        places_.push_back({{{}, length, length}, false});
        return &places_.back();
    }
    /// A piece has its id.
    void piece_done(Place& place, const ChunkId& id) {
        const std::lock_guard lock(mutex_);
        place.reference.id = id;
        place.done = true;
        --outstanding_;
        if (is_worth_taking()) done_.notify_all();
    }
    /// The reader has finished, well or not.
    void read_done() {
        const std::lock_guard lock(mutex_);
        read_ = true;
        if (outstanding_ == 0) done_.notify_all();
    }
    /// Takes pieces that have their ids, in order: all of a small file, and a large one's by the thousand, so that its
    /// places are not all held. Only the tree builder calls it. returns  none: the file is done, or the run abandoned
    [[nodiscard]] std::vector<format::Reference> take_pieces(const std::atomic<bool>& abandoned) {
        std::vector<format::Reference> taken;
        std::unique_lock lock(mutex_);
        while (!abandoned && !is_worth_taking()) done_.wait_for(lock, std::chrono::milliseconds(200));
        for (; !abandoned && !places_.empty() && places_.front().done; places_.pop_front())
            taken.push_back(places_.front().reference);
        return taken;
    }
    /// Another name of the same inode. returns  false when the file was read already, in vain: the name is not taken
    bool add_name(const std::string& other) {
        const std::lock_guard lock(mutex_);
        if (read_ && failed) return false;
        other_names_.push_back(other);
        return true;
    }
    /// Makes another name the path. returns  false when there is none. Only the reader calls it.
    bool take_other_name() {
        const std::lock_guard lock(mutex_);
        if (other_names_.empty()) return false;
        path = std::move(other_names_.back());
        other_names_.pop_back();
        return true;
    }

private:
    static constexpr std::size_t kManyPieces = 4096;
    [[nodiscard]] bool is_worth_taking() const {
        if (outstanding_ == 0 && read_) return true;
        return places_.size() >= kManyPieces && places_.front().done;
    }
    std::mutex mutex_;
    std::vector<std::string> other_names_;
    std::condition_variable done_;
    std::size_t outstanding_ = 0;
    std::deque<Place> places_;  ///< of the pieces that were not taken; workers fill them while the reader adds more
    bool read_ = false;
};

/// Small files that are read into one buffer; or, alone, a large file.
struct ReadJob {
    std::vector<std::shared_ptr<FileJob>> files;
    bool large = false;
    int stream_fd = -1;  ///< >= 0: the one file is read from here to its end
};

/// Octets of a file in a buffer, and where their reference goes.
struct Piece {
    std::shared_ptr<FileJob> file;
    FileJob::Place* place = nullptr;
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
};

/// A buffer full of pieces, for a worker.
struct WorkItem {
    PooledBuffer buffer;
    std::vector<Piece> pieces;
};

/// What the walk tells the tree builder of one entry that is not a directory.
struct WalkedEntry {
    Fingerprint fingerprint;
    std::shared_ptr<FileJob>
        job;  ///< a file that is being read; the entry's name may differ from the job's (hard links)
    std::string name;
    std::optional<format::LinkIdentity> link;
    // When there is no job: the entry is known already, as it stands in Folder::arena.
    std::size_t offset = 0;
    std::size_t size = 0;
    std::vector<ChunkId> chunks;
    bool was_known = false;  ///< for a job: the last run had an entry of that name
};

/// What the walk tells the tree builder, in order.
struct WalkEvent {
    enum class Kind { enter, leave, fold } kind = Kind::enter;
    // enter: a folder with all its entries but subfolders. fold: files alone, whose contents are made ahead of it
    std::string path;
    format::Entry entry;  ///< the folder itself, without content
    std::vector<WalkedEntry> entries;
    Bytes arena;                  ///< encoded entries
    bool is_source = false;       ///< the folder is one of the paths to back up
    bool above_sources = false;   ///< it only leads to them: its entries are sources, its times do not matter
    bool folder_known = false;    ///< the last run had it
    bool folder_changed = false;  ///< something in it (subfolders aside) differs from the last run
};

}  // namespace signet::backup
