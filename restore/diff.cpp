// What differs between two backups: both trees walked side by side.
#include <optional>

#include "restore/list.h"
#include "restore/path_choice.h"

namespace signet::restore {
namespace {

using format::Entry;
using format::EntryType;

/// One folder of one backup, entry by entry.
class Side {
public:
    Side() = default;
    Side(ChunkReader& chunks, const format::Content& content, const std::string& path)
        : reader_(std::in_place, chunks, content, path) {}

    /// The entry at hand; nullptr at the end.
    [[nodiscard]] const Entry* peek() {
        if (!entry_ && reader_) {
            entry_.emplace();
            if (!reader_->next(*entry_)) {
                entry_.reset();
                reader_.reset();
            }
        }
        return entry_ ? &*entry_ : nullptr;
    }
    Entry take() {
        Entry entry = std::move(*entry_);
        entry_.reset();
        return entry;
    }

private:
    std::optional<DirectoryReader> reader_;
    std::optional<Entry> entry_;
};

bool same_metadata(const Entry& left, const Entry& right) {
    return left.mode == right.mode && left.uid == right.uid && left.gid == right.gid &&
           left.modified == right.modified && left.xattrs == right.xattrs && left.flags == right.flags;
}

class TreeDiff {
public:
    TreeDiff(OpenBackup& before, OpenBackup& after, const DiffRequest& request,
             const std::function<void(const Difference&)>& visit)
        : before_(before.chunk_reader()),
          after_(after.chunk_reader()),
          same_writer_(before.body().keys.id_key.equals(after.body().keys.id_key.reveal())),
          request_(request),
          visit_(visit) {}

    DifferenceStatistics run(const Entry* before, const Entry* after) {
        path_ = request_.path == "/" ? "" : request_.path;
        compare(before, after);
        while (!levels_.empty()) {
            if (request_.interrupted != nullptr && request_.interrupted->load(std::memory_order_relaxed)) {
                throw Error(ErrorCode::interrupted, "interrupted");
            }
            step();
        }
        return statistics_;
    }

private:
    struct Level {
        Side before;
        Side after;
        std::size_t path_size;
    };

    void step() {
        Level& level = levels_.back();
        path_.resize(level.path_size);
        const Entry* left = level.before.peek();
        const Entry* right = level.after.peek();
        if (left == nullptr && right == nullptr) {
            levels_.pop_back();
            return;
        }
        const bool takes_left = right == nullptr || (left != nullptr && left->name <= right->name);
        const bool takes_right = left == nullptr || (right != nullptr && right->name <= left->name);
        std::optional<Entry> before;
        std::optional<Entry> after;
        if (takes_left) before = level.before.take();
        if (takes_right) after = level.after.take();
        path_ += '/';
        path_ += before ? before->name : after->name;
        compare(before ? &*before : nullptr, after ? &*after : nullptr);
    }

    /// Reports one pair of things of one name, and goes into folders that may differ below.
    void compare(const Entry* before, const Entry* after) {
        if (before == nullptr && after == nullptr) return;
        const bool is_start = levels_.empty();
        if (before == nullptr) {
            count(*after, true);
            if (!is_start) report(Difference::Kind::added, "+", before, after);
        } else if (after == nullptr) {
            count(*before, false);
            if (!is_start) report(Difference::Kind::removed, "-", before, after);
        } else {
            compare_both(*before, *after, is_start);
        }
        const bool left = before != nullptr && before->type == EntryType::directory;
        const bool right = after != nullptr && after->type == EntryType::directory;
        if (!left && !right) return;
        if (left && right && same_writer_ && before->content == after->content) return;
        if (levels_.size() > format::kMaxDepth) {  // the root, on level 1, is depth 0
            throw Error(ErrorCode::damaged, path_ + ": deeper than " + std::to_string(format::kMaxDepth) + " folders");
        }
        levels_.push_back({left ? Side(before_, before->content, path_) : Side(),
                           right ? Side(after_, after->content, path_) : Side(), path_.size()});
    }

    void compare_both(const Entry& before, const Entry& after, bool is_start) {
        std::string modifier;
        if (before.type != after.type) {
            modifier = "T";
            count(before, false);
            count(after, true);
        } else if (content_differs(before, after)) {
            modifier = "M";
            ++statistics_.files_changed;
            statistics_.bytes_added += after.content.size;
            statistics_.bytes_removed += before.content.size;
        }
        if (request_.metadata && before.type == after.type && !same_metadata(before, after)) modifier += "U";
        if (!modifier.empty() && !is_start) report(Difference::Kind::changed, modifier, &before, &after);
    }

    /// Contents of two writers have different ids, so there size and time decide.
    bool content_differs(const Entry& before, const Entry& after) const {
        if (before.type == EntryType::symlink) return before.target != after.target;
        if (before.type != EntryType::file) return before.major != after.major || before.minor != after.minor;
        if (before.extents != after.extents) return true;
        if (same_writer_) return !(before.content == after.content);
        return before.content.size != after.content.size || before.modified != after.modified;
    }

    void count(const Entry& entry, bool added) {
        switch (entry.type) {
            case EntryType::file:
                ++(added ? statistics_.files_added : statistics_.files_removed);
                (added ? statistics_.bytes_added : statistics_.bytes_removed) += entry.content.size;
                return;
            case EntryType::directory:
                ++(added ? statistics_.folders_added : statistics_.folders_removed);
                return;
            default:
                ++(added ? statistics_.others_added : statistics_.others_removed);
        }
    }

    void report(Difference::Kind kind, std::string modifier, const Entry* before, const Entry* after) const {
        visit_({kind, path_, std::move(modifier), before, after});
    }

    ChunkReader before_;
    ChunkReader after_;
    const bool same_writer_;
    const DiffRequest& request_;
    const std::function<void(const Difference&)>& visit_;
    std::vector<Level> levels_;
    std::string path_;
    DifferenceStatistics statistics_;
};

/// The entry, or nothing when that backup has no such path.
std::optional<Entry> entry_at(OpenBackup& backup, const std::string& path) {
    ChunkReader chunks = backup.chunk_reader();
    try {
        return find_entry(chunks, backup.root(), path);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::usage) throw;
        return std::nullopt;
    }
}

}  // namespace

DifferenceStatistics diff_trees(OpenBackup& before, OpenBackup& after, const DiffRequest& request,
                                const std::function<void(const Difference&)>& visit) {
    DiffRequest normal = request;
    normal.path = normal_path(request.path);
    const std::optional<Entry> left = entry_at(before, normal.path);
    const std::optional<Entry> right = entry_at(after, normal.path);
    if (!left && !right) throw Error(ErrorCode::usage, "neither backup has " + normal.path);
    return TreeDiff(before, after, normal, visit).run(left ? &*left : nullptr, right ? &*right : nullptr);
}

}  // namespace signet::restore
