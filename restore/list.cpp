#include "restore/list.h"

#include <algorithm>
#include <set>

#include "restore/path_choice.h"

namespace signet::restore {
namespace {

using format::EntryType;

std::string below(const std::string& folder, std::string_view path) {
    if (folder == "/") return std::string(path);
    return path == "/" ? folder : folder + std::string(path);
}

bool is_newer(const format::FileTime& time, TimePoint than) {
    const std::int64_t seconds = than.ns / kNsPerSecond;
    return time.seconds > seconds || (time.seconds == seconds && time.nanoseconds > than.ns % kNsPerSecond);
}

/// A visitor that only looks, and for which damage is the end.
class Looker : public TreeVisitor {
public:
    void leave(std::string_view, bool) override {}
    bool broken(std::string_view, const Error&) override { return false; }
};

class Lister final : public Looker {
public:
    Lister(const ListRequest& request, std::string start, const ListVisitor& visit)
        : request_(request), start_(std::move(start)), visit_(visit) {}

    bool enter(std::string_view path, format::Entry& entry, bool) override {
        const bool is_start = path == "/";
        if (!is_start || start_ != "/") show(path, entry);
        return is_start || request_.recursive;
    }
    void visit(std::string_view path, format::Entry& entry) override { show(path, entry); }

    void show(std::string_view path, const format::Entry& entry) {
        if (request_.type && entry.type != *request_.type) return;
        if (request_.oldest && !is_newer(entry.modified, {request_.oldest->ns - 1})) return;
        if (request_.newest && is_newer(entry.modified, *request_.newest)) return;
        const std::string whole = below(start_, path);
        if (!request_.patterns.empty() && !request_.patterns.matches(whole)) return;
        visit_({whole, entry});
    }

private:
    const ListRequest& request_;
    const std::string start_;
    const ListVisitor& visit_;
};

class Counter final : public Looker {
public:
    Counter(OpenBackup& backup, TreeStatistics& statistics)
        : table_(backup.table()),
          chunks_(backup.chunk_reader()),
          statistics_(statistics),
          seen_chunks_(table_.chunk_count()),
          seen_frames_(table_.frame_count()) {}

    bool enter(std::string_view path, format::Entry& entry, bool) override {
        if (path != "/") ++statistics_.folders;
        count(entry.content);
        return true;
    }
    void visit(std::string_view, format::Entry& entry) override {
        if (entry.link && !seen_links_.insert(*entry.link).second) {
            ++statistics_.hard_links;
            return;
        }
        ++(entry.type == EntryType::file ? statistics_.files : statistics_.others);
        if (entry.type != EntryType::file) return;
        statistics_.logical_size += entry.logical_size();
        count(entry.content);
    }

private:
    void count(const format::Content& content) {
        ContentCursor cursor(chunks_, content);
        Piece piece;
        while (cursor.next(piece)) {
            const auto number = table_.number_of(piece.reference.id);
            if (!number || seen_chunks_[*number]) continue;
            seen_chunks_[*number] = true;
            ++statistics_.stored_chunks;
            statistics_.raw_size += piece.reference.length;
            const std::uint32_t frame = table_.find(piece.reference.id)->frame;
            if (seen_frames_[frame]) continue;
            seen_frames_[frame] = true;
            statistics_.sealed_size += table_.frame(frame).sealed_size;
        }
    }

    const ChunkTable& table_;
    ChunkReader chunks_;
    TreeStatistics& statistics_;
    std::vector<bool> seen_chunks_;
    std::vector<bool> seen_frames_;
    std::set<format::LinkIdentity> seen_links_;
};

}  // namespace

void list_tree(OpenBackup& backup, const ListRequest& request, const ListVisitor& visit) {
    ChunkReader chunks = backup.chunk_reader();
    const std::string start = normal_path(request.path);
    const format::Entry entry = find_entry(chunks, backup.root(), start);
    Lister lister(request, start, visit);
    if (entry.type == EntryType::directory) {
        walk_tree(chunks, entry, {}, lister, request.interrupted);
    } else {
        lister.show("/", entry);
    }
}

TreeStatistics tree_statistics(OpenBackup& backup, const std::atomic<bool>* interrupted) {
    TreeStatistics statistics;
    ChunkReader chunks = backup.chunk_reader();
    Counter counter(backup, statistics);
    walk_tree(chunks, backup.root(), {}, counter, interrupted);
    return statistics;
}

}  // namespace signet::restore
