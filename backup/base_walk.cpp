#include "backup/base_walk.h"

#include "core/error.h"
#include "format/limits.h"

#include <algorithm>

namespace signet::backup {
namespace {

constexpr mode_t kFolderMode = 0700;

}  // namespace

void BaseWalk::check_interrupted() const {
    const auto* interrupted = setup_.request.interrupted;
    if (setup_.abandoned || (interrupted != nullptr && *interrupted))
        throw Error(ErrorCode::interrupted, "interrupted");
}

void BaseWalk::emit(WalkEvent event) {
    const auto weight = event.entries.size() + 1;
    if (!setup_.events.push(std::move(event), weight)) throw Error(ErrorCode::interrupted, "interrupted");
}

BaseWalk::Node& BaseWalk::node_of(const std::string& path) {
    Node* node = &root_;
    std::size_t depth = 0;
    for (std::size_t at = 0; at < path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        node->is_folder = true;
        node = &node->below[path.substr(at, end - at)];
        at = end + 1;
        if (++depth > format::kMaxDepth)
            throw Error(ErrorCode::damaged, "the base backup has folders nested too deeply");
    }
    return *node;
}

void BaseWalk::take_file(TarReader& tar, const TarReader::Entry& entry, Node& node) {
    auto job = std::make_shared<FileJob>();
    job->path = "/" + entry.path;
    job->name = entry.path.substr(entry.path.rfind('/') + 1);
    job->stat = entry.stat;
    node.job = job;
    const bool is_wanted = BaseDescription::wants(entry.path);
    reader_.read_pulled(job, entry.stat.size, [&](MutableByteView room) {
        check_interrupted();
        const std::size_t got = tar.read(room);
        if (is_wanted) description_.take(entry.path, room.first(got));
        return got;
    });
    if (job->content_size != entry.stat.size)
        throw Error(ErrorCode::damaged, "the base backup ends within /" + entry.path);
    // Its list of chunks is made now: those of a whole cluster would be too many to hold.
    WalkEvent event;
    event.kind = WalkEvent::Kind::fold;
    event.entries.emplace_back().job = std::move(job);
    emit(std::move(event));
}

void BaseWalk::run(int fd) {
    TarReader tar(fd);
    root_.is_folder = true;
    root_.stat.mode = S_IFDIR | kFolderMode;
    while (auto entry = tar.next()) {
        check_interrupted();
        owners_.insert(entry->stat.uid);
        groups_.insert(entry->stat.gid);
        if (setup_.request.progress != nullptr) ++setup_.request.progress->files_seen;
        Node& node = node_of(entry->path);
        if (node.is_there) throw Error(ErrorCode::damaged, "the base backup has two entries called /" + entry->path);
        node.is_there = true;
        node.stat = entry->stat;
        node.target = entry->target;
        node.is_folder = S_ISDIR(entry->stat.mode);
        if (S_ISREG(entry->stat.mode)) take_file(tar, *entry, node);
        // The data directory itself has no entry: it belongs to whom its label does.
        if (entry->path == "backup_label") {
            root_.stat.uid = entry->stat.uid;
            root_.stat.gid = entry->stat.gid;
            root_.stat.modified = entry->stat.modified;
        }
    }
    tar.drain();
    place_ = description_.place();
    tell("/", "", root_);
}

void BaseWalk::store_link(WalkEvent& event, const std::string& name, const Node& node) {
    auto entry = entry_of(name, node.stat);
    entry.target = node.target;
    ByteWriter encoded;
    entry.encode(encoded);
    WalkedEntry walked;
    walked.name = name;
    walked.offset = event.arena.size();
    walked.size = encoded.size();
    event.arena.insert(event.arena.end(), encoded.view().begin(), encoded.view().end());
    event.entries.push_back(std::move(walked));
    ++setup_.statistics.others;
    ++setup_.report.others;
}

/// Folder by folder, as Walk does. Folders of a cluster are few levels deep; node_of() bounds them.
void BaseWalk::tell(const std::string& path, const std::string& name, const Node& node) {
    WalkEvent event;
    event.path = path;
    event.is_source = name.empty();
    auto stat = node.stat;
    if (!node.is_there) stat.mode = S_IFDIR | kFolderMode;  // named by what is in it alone
    event.entry = entry_of(name, stat);
    for (const auto& [below_name, below] : node.below) {
        if (below.is_folder) continue;
        if (!below.job) {
            store_link(event, below_name, below);
            continue;
        }
        WalkedEntry walked;
        walked.name = below_name;
        walked.job = below.job;
        event.entries.push_back(std::move(walked));
    }
    emit(std::move(event));
    for (const auto& [below_name, below] : node.below) {
        if (below.is_folder) tell(join(path, below_name), below_name, below);
    }
    WalkEvent leave;
    leave.kind = WalkEvent::Kind::leave;
    emit(std::move(leave));
}

}  // namespace signet::backup
