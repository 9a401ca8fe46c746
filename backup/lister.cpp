#include "backup/lister.h"

#include "format/limits.h"

#include <system_error>

namespace signet::backup {

Lister::Lister(const ExcludeRules& rules, int threads, std::size_t max_ahead) : rules_(rules), max_ahead_(max_ahead) {
    try {
        for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {
        // Fewer threads, or none: the walk lists what nobody has listed.
    }
}

Lister::~Lister() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    work_.notify_all();
    for (auto& thread : threads_) thread.join();
}

std::shared_ptr<FolderNode> Lister::add_root(const std::string& path, std::uint64_t device, std::size_t depth) {
    auto node = std::make_shared<FolderNode>();
    node->path = path;
    node->device = device;
    node->depth = depth;
    {
        const std::lock_guard lock(mutex_);
        pending_.push_back(node);
    }
    work_.notify_one();
    return node;
}

void Lister::list(FolderNode& node) {
    if (node.device != 0 && node.expected && (node.expected->device != node.device || node.expected->automount)) {
        node.listing.stat = *node.expected;  // a mount point is kept, as an empty folder
        return;
    }
    node.listing = list_folder(node.path, rules_);
    if (node.expected && !node.expected->automount && node.listing.stat.mode != 0 &&
        !node.listing.stat.is_same_inode(*node.expected)) {
        node.listing.entries.clear();
        node.listing.problems.push_back({node.path, 0, "was replaced while the backup ran"});
        node.listing.stat = *node.expected;
    }
    const auto prefix = node.path == "/" ? node.path : node.path + "/";
    for (const auto& entry : node.listing.entries) {
        if (!entry.stat.is_directory()) continue;
        auto child = std::make_shared<FolderNode>();
        child->path = prefix + entry.name;
        child->device = node.device;
        child->depth = node.depth + 1;
        child->expected = entry.stat;
        node.folders.push_back(std::move(child));
    }
}

void Lister::finish(const std::shared_ptr<FolderNode>& node, std::unique_lock<std::mutex>& lock) {
    lock.lock();
    node->state = FolderNode::State::done;
    // Depth first, as the walk goes.
    if (node->depth < format::kMaxDepth) pending_.insert(pending_.begin(), node->folders.begin(), node->folders.end());
}

void Lister::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        work_.wait(lock, [&] { return stop_ || (!pending_.empty() && ahead_ < max_ahead_); });
        if (stop_) return;
        const auto node = std::move(pending_.front());
        pending_.pop_front();
        if (node->state != FolderNode::State::waiting) continue;  // the walk was there first
        node->state = FolderNode::State::listing;
        lock.unlock();
        try {
            list(*node);
        } catch (...) {
            node->failure = std::current_exception();
        }
        finish(node, lock);
        ahead_ += node->listing.entries.size() + 1;
        done_.notify_all();
        if (!pending_.empty()) work_.notify_one();
    }
}

void Lister::take(const std::shared_ptr<FolderNode>& node) {
    std::unique_lock lock(mutex_);
    if (node->state == FolderNode::State::waiting) {
        node->state = FolderNode::State::listing;
        lock.unlock();
        list(*node);
        finish(node, lock);
        lock.unlock();
        work_.notify_all();
        return;
    }
    done_.wait(lock, [&] { return node->state == FolderNode::State::done; });
    const auto size = node->listing.entries.size() + 1;
    ahead_ -= size;
    if (node->failure) std::rethrow_exception(node->failure);
    if (ahead_ + size >= max_ahead_) work_.notify_all();
}

}  // namespace signet::backup
