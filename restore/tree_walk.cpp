#include "restore/tree_walk.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "format/limits.h"

namespace signet::restore {
namespace {

/// What the folders on the way may hold in memory together before the outer ones give back theirs.
constexpr std::size_t kMostBuffered = std::size_t{8} * 1024 * 1024;

bool is_about_content(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported ||
           error.code() == ErrorCode::key_unavailable;
}

std::string joined(std::string_view folder, std::string_view name) {
    std::string path(folder);
    if (path.empty() || path.back() != '/') path += '/';
    path += name;
    return path;
}

}  // namespace

DirectoryReader::DirectoryReader(ChunkReader& chunks, format::Content content, std::string what)
    : content_(std::make_unique<format::Content>(std::move(content))),
      reader_(chunks, *content_, format::ChunkKind::tree),
      what_(std::move(what)) {}

bool DirectoryReader::next(format::Entry& entry) {
    if ((!cursor_ || cursor_->at_end()) && !fill(1)) return false;
    for (;;) {
        const std::size_t start = cursor_->position();
        try {
            entry = format::Entry::decode(*cursor_);
            break;
        } catch (const Error& error) {
            // The entry may go on in the next chunk. Twice as much each time, so that chunks of one octet cost little.
            const std::size_t have = buffer_.size() - start;
            cursor_.emplace(ByteView(buffer_), what_);
            static_cast<void>(cursor_->raw(start));
            if (have > format::kMaxTreeEntry || !fill(2 * have)) throw error;
        }
    }
    if (!last_name_.empty() && last_name_ >= entry.name) cursor_->fail("names do not ascend");
    last_name_ = entry.name;
    return true;
}

/// Moves what is left to the front and appends chunks. returns  false when there was nothing to append
bool DirectoryReader::fill(std::size_t at_least) {
    const std::size_t used = cursor_ ? cursor_->position() : 0;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used));
    offset_ += used;
    if (suspended_) reader_.seek(offset_);
    suspended_ = false;
    const std::size_t before = buffer_.size();
    while (buffer_.size() < at_least) {
        const ByteView octets = reader_.next();
        if (octets.empty()) break;
        buffer_.insert(buffer_.end(), octets.begin(), octets.end());
    }
    reader_.release();
    cursor_.emplace(ByteView(buffer_), what_);
    return buffer_.size() > before;
}

void DirectoryReader::suspend() {
    if (suspended_) return;
    offset_ += cursor_ ? cursor_->position() : 0;
    cursor_.reset();
    Bytes().swap(buffer_);
    suspended_ = true;
}

format::Entry find_entry(ChunkReader& chunks, const format::Entry& root, std::string_view path) {
    format::Entry found = root;
    std::string so_far;
    while (!path.empty()) {
        const std::size_t start = path.find_first_not_of('/');
        if (start == std::string_view::npos) break;
        path.remove_prefix(start);
        const std::string_view name = path.substr(0, path.find('/'));
        path.remove_prefix(name.size());
        const std::string folder = so_far.empty() ? "/" : so_far;
        so_far = joined(so_far, name);
        const auto missing = [&] { return Error(ErrorCode::usage, "the backup has no " + so_far); };
        if (found.type != format::EntryType::directory) throw missing();
        DirectoryReader reader(chunks, std::move(found.content), folder);
        format::Entry entry;
        bool has = reader.next(entry);
        while (has && entry.name < name) has = reader.next(entry);
        if (!has || entry.name != name) throw missing();
        found = std::move(entry);
    }
    return found;
}

namespace {

/// One walk: the folders on the way and the path of the innermost.
class Walk {
public:
    Walk(ChunkReader& chunks, const PathFilter& filter, TreeVisitor& visitor, const std::atomic<bool>* interrupted)
        : chunks_(chunks), filter_(filter), visitor_(visitor), interrupted_(interrupted) {}

    void run(const format::Entry& root) {
        format::Entry entry = root;
        const bool selected = filter_.wants("/", true);
        if (!selected && !filter_.may_want_below("/")) return;
        path_.clear();
        if (!visitor_.enter("/", entry, selected)) return;
        push(root.content);
        while (!levels_.empty()) {
            check_interrupted();
            step();
        }
    }

private:
    struct Level {
        DirectoryReader reader;
        std::size_t path_size;  ///< of the folder's path
    };

    [[nodiscard]] std::string_view path() const { return path_.empty() ? std::string_view("/") : path_; }

    void check_interrupted() const {
        if (interrupted_ != nullptr && interrupted_->load(std::memory_order_relaxed)) {
            throw Error(ErrorCode::interrupted, "interrupted");
        }
    }

    void push(format::Content content) {
        std::size_t buffered = 0;
        for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
            buffered += level->reader.buffered();
            if (buffered > kMostBuffered) level->reader.suspend();
        }
        levels_.push_back({DirectoryReader(chunks_, std::move(content), std::string(path())), path_.size()});
    }

    /// Ends the innermost folder.
    void pop(bool complete) {
        path_.resize(levels_.back().path_size);
        levels_.pop_back();
        visitor_.leave(path(), complete);
    }

    void step() {
        format::Entry entry;
        bool has = false;
        try {
            path_.resize(levels_.back().path_size);
            has = levels_.back().reader.next(entry);
        } catch (const Error& error) {
            if (!is_about_content(error) || !visitor_.broken(path(), error)) throw;
            pop(false);
            return;
        }
        if (!has) {
            pop(true);
            return;
        }
        path_ += '/';
        path_ += entry.name;
        if (entry.type == format::EntryType::directory) {
            step_into(entry);
        } else if (filter_.wants(path_, false)) {
            visitor_.visit(path_, entry);
        } else {
            visitor_.pass(path_, entry);
        }
    }

    void step_into(format::Entry& entry) {
        const bool selected = filter_.wants(path_, true);
        if (!selected && !filter_.may_want_below(path_)) {
            visitor_.pass(path_, entry);
            return;
        }
        format::Content content = entry.content;
        if (!visitor_.enter(path_, entry, selected)) return;
        if (levels_.size() > format::kMaxDepth) {  // the root, on level 1, is depth 0
            const Error error(ErrorCode::damaged,
                              path_ + ": deeper than " + std::to_string(format::kMaxDepth) + " folders");
            if (!visitor_.broken(path_, error)) throw error;
            visitor_.leave(path_, false);
            return;
        }
        push(std::move(content));
    }

    ChunkReader& chunks_;
    const PathFilter& filter_;
    TreeVisitor& visitor_;
    const std::atomic<bool>* interrupted_;
    std::vector<Level> levels_;
    std::string path_;  ///< of the thing at hand; empty for the root
};

}  // namespace

void walk_tree(ChunkReader& chunks, const format::Entry& root, const PathFilter& filter, TreeVisitor& visitor,
               const std::atomic<bool>* interrupted) {
    Walk(chunks, filter, visitor, interrupted).run(root);
}

}  // namespace signet::restore
