// Lists folders ahead of the walk, in the order in which the walk will want them.
#pragma once

#include "backup/source.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace signet::backup {

/// A folder on the walk. Its listing is made by a listing thread, or by the walk itself when that is there first.
struct FolderNode {
    std::string path;
    std::uint64_t device = 0;  ///< other file systems' folders are not entered; 0: all are
    std::size_t depth = 0;
    std::optional<SourceStat> expected;  ///< as the folder above listed it; what is opened must be that
    Listing listing;
    std::vector<std::shared_ptr<FolderNode>> folders;  ///< subfolders, in the order of the listing
    std::exception_ptr failure;                        ///< of the thread that listed it; take() throws it

private:
    friend class Lister;
    enum class State { waiting, listing, done } state = State::waiting;
};

class Lister {
public:
    /// threads  ahead of the walk. max_ahead  entries listed and not yet taken before the threads pause
    Lister(const ExcludeRules& rules, int threads, std::size_t max_ahead);
    ~Lister();
    Lister(const Lister&) = delete;
    Lister& operator=(const Lister&) = delete;

    /// Announces a folder that the walk will come to.
    [[nodiscard]] std::shared_ptr<FolderNode> add_root(const std::string& path, std::uint64_t device,
                                                       std::size_t depth);
    /// Waits for a folder's listing, or makes it. Each folder is taken once, in the order of the walk.
    void take(const std::shared_ptr<FolderNode>& node);

private:
    void run();
    void list(FolderNode& node);
    void finish(const std::shared_ptr<FolderNode>& node, std::unique_lock<std::mutex>& lock);
    const ExcludeRules& rules_;
    const std::size_t max_ahead_;
    std::mutex mutex_;
    std::condition_variable work_;
    std::condition_variable done_;
    std::deque<std::shared_ptr<FolderNode>> pending_;  ///< the front is wanted first
    std::size_t ahead_ = 0;
    bool stop_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace signet::backup
