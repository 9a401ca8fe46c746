#include "backup/walk.h"

#include "core/error.h"
#include "format/limits.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <utility>

namespace signet::backup {
namespace {

constexpr std::size_t kGroupFiles = 4096;
}  // namespace

Walk::Walk(Setup setup) : setup_(std::move(setup)) {}

void Walk::check_interrupted() const {
    const auto* interrupted = setup_.request.interrupted;
    if (setup_.abandoned || (interrupted != nullptr && *interrupted))
        throw Error(ErrorCode::interrupted, "interrupted");
}

void Walk::note_owner(const SourceStat& stat) {
    if (has_last_ && stat.uid == last_owner_ && stat.gid == last_group_) return;
    owners_.insert(last_owner_ = stat.uid);
    groups_.insert(last_group_ = stat.gid);
    has_last_ = true;
}

std::optional<format::LinkIdentity> Walk::link_of(const SourceStat& stat) {
    if (stat.links < 2) return std::nullopt;
    const auto number = file_systems_.try_emplace(stat.device, file_systems_.size()).first->second;
    return format::LinkIdentity{number, stat.inode};
}

void Walk::flush_group() {
    if (group_.files.empty()) return;
    group_bytes_ = 0;
    if (!setup_.small_files.push(std::exchange(group_, ReadJob{}))) throw Error(ErrorCode::interrupted, "interrupted");
}

void Walk::emit(WalkEvent event) {
    const auto weight = event.entries.size() + 1;
    if (setup_.events.try_push(event, weight)) return;
    // The builder may be waiting for a file that is still in the group being filled.
    flush_group();
    if (!setup_.events.push(std::move(event), weight)) throw Error(ErrorCode::interrupted, "interrupted");
}

void Walk::leave() {
    WalkEvent event;
    event.kind = WalkEvent::Kind::leave;
    emit(std::move(event));
}

bool Walk::is_known(const ScannedEntry& scanned, const StateEntry& known, const Fingerprint& fingerprint) const {
    if (known.fingerprint != fingerprint || (setup_.request.force && scanned.stat.is_file())) return false;
    return std::all_of(known.chunks.begin(), known.chunks.end(),
                       [&](const ChunkId& id) { return setup_.table.find(id) < ChunkTable::kThisRun; });
}

void Walk::read_file(WalkEvent& event, const ScannedEntry& scanned, WalkedEntry walked, const std::string& path) {
    if (setup_.request.progress != nullptr) setup_.request.progress->bytes_total += scanned.stat.size;
    if (walked.link) {
        auto& job = linked_[{scanned.stat.device, scanned.stat.inode}];
        if (job && job->add_name(path)) {  // another name of a file that is being read
            walked.job = job;
            event.entries.push_back(std::move(walked));
            return;
        }
        job = std::make_shared<FileJob>();
        walked.job = job;
    } else {
        walked.job = std::make_shared<FileJob>();
    }
    auto& job = *walked.job;
    job.path = path;
    job.name = scanned.name;
    job.stat = scanned.stat;
    if (scanned.stat.size >= kLargeFile || scanned.stat.may_have_holes()) {
        ReadJob large{{walked.job}, true, -1};
        if (!setup_.large_files.try_push(large)) {
            flush_group();
            if (!setup_.large_files.push(std::move(large))) throw Error(ErrorCode::interrupted, "interrupted");
        }
    } else {
        const auto room = scanned.stat.size > 0 ? scanned.stat.size : kUnsizedFile;
        if (group_bytes_ + room > kGroupSize || group_.files.size() >= kGroupFiles) flush_group();
        group_bytes_ += room;
        group_.files.push_back(walked.job);
    }
    event.entries.push_back(std::move(walked));
}

void Walk::store_other(WalkEvent& event, const ScannedEntry& scanned, WalkedEntry walked, const std::string& path) {
    auto entry = entry_of(scanned.name, scanned.stat);
    entry.link = walked.link;
    auto attributes = attributes_of_path(path);
    if (!attributes.problem.empty()) report_problems({{path, attributes.error_number, attributes.problem}});
    entry.xattrs = std::move(attributes.xattrs);
    if (entry.type == format::EntryType::symlink && !read_link(path, entry.target)) {
        ++setup_.statistics.errors;
        setup_.on_problem(path, errno, errno == ENOENT ? "vanished" : "cannot read link");
        return;
    }
    ByteWriter encoded;
    try {
        entry.encode(encoded);
    } catch (const Error& error) {  // more attributes than an entry can hold
        ++setup_.statistics.errors;
        setup_.on_problem(path, 0, error.what());
        return;
    }
    walked.offset = event.arena.size();
    walked.size = encoded.size();
    event.arena.insert(event.arena.end(), encoded.view().begin(), encoded.view().end());
    event.entries.push_back(std::move(walked));
}

void Walk::take_entry(WalkEvent& event, const ScannedEntry& scanned) {
    note_owner(scanned.stat);
    auto& report = setup_.report;
    auto* progress = setup_.request.progress;
    if (progress != nullptr) ++progress->files_seen;
    WalkedEntry walked;
    walked.name = scanned.name;
    walked.link = link_of(scanned.stat);
    walked.fingerprint = Fingerprint::of(scanned.stat, walked.link ? walked.link->file_system : 0);
    const auto* known = setup_.use_state ? setup_.old_state.find(scanned.name) : nullptr;
    walked.was_known = known != nullptr;
    const bool is_file = scanned.stat.is_file();
    if (!is_file) {
        ++setup_.statistics.others;
        ++report.others;
    }
    if (known != nullptr && is_known(scanned, *known, walked.fingerprint)) {
        for (const auto& id : known->chunks) setup_.history.mark(setup_.table.find(id));
        walked.offset = event.arena.size();
        walked.size = known->encoded.size();
        walked.chunks = known->chunks;
        event.arena.insert(event.arena.end(), known->encoded.begin(), known->encoded.end());
        event.entries.push_back(std::move(walked));
        if (is_file) {
            ++report.files_unmodified;
            ++setup_.statistics.files;
            setup_.statistics.bytes += scanned.stat.size;
            if (progress != nullptr) {
                progress->bytes_total += scanned.stat.size;
                progress->bytes_done += scanned.stat.size;
            }
            if (setup_.request.on_item)
                setup_.request.on_item("unmodified", join(event.path, scanned.name), scanned.stat.size);
        }
        return;
    }
    event.folder_changed = true;
    const auto path = join(event.path, scanned.name);
    if (is_file) {
        read_file(event, scanned, std::move(walked), path);
    } else {
        store_other(event, scanned, std::move(walked), path);
    }
}

void Walk::take_entries(WalkEvent& event, const std::vector<ScannedEntry>& entries) {
    event.folder_known = setup_.use_state && setup_.old_state.enter(event.path);
    for (const auto& scanned : entries) {
        if (!scanned.stat.is_directory()) take_entry(event, scanned);
    }
    if (event.folder_known && setup_.old_state.folder_lost_entries()) event.folder_changed = true;
}

std::vector<Walk::Subfolder> Walk::enter_folder(const std::shared_ptr<FolderNode>& node, const std::string& name,
                                                bool is_source) {
    check_interrupted();
    setup_.sources.lister().take(node);
    auto listing = std::move(node->listing);
    report_problems(listing.problems);
    note_owner(listing.stat);
    WalkEvent event;
    event.is_source = is_source;
    event.path = node->path;
    event.entry = entry_of(name, listing.stat);
    event.entry.type = format::EntryType::directory;
    event.entry.xattrs = std::move(listing.attributes.xattrs);
    event.entry.flags = listing.attributes.flags;
    take_entries(event, listing.entries);
    emit(std::move(event));
    std::vector<Subfolder> subfolders;
    for (auto& child : std::exchange(node->folders, {})) {
        if (child->depth > format::kMaxDepth) {
            ++setup_.statistics.errors;
            setup_.on_problem(child->path, 0, "is nested too deeply");
            continue;
        }
        auto child_name = child->path.substr(child->path.rfind('/') + 1);
        subfolders.push_back({std::move(child_name), std::move(child)});
    }
    return subfolders;
}

void Walk::visit_folder(const std::shared_ptr<FolderNode>& node, const std::string& name, bool is_source) {
    // Folders may be nested thousands deep, so what this frame holds is kept small.
    for (const auto& [child_name, child] : enter_folder(node, name, is_source)) {
        visit_folder(child, child_name, false);
    }
    leave();
}

void Walk::visit_top(const Sources::Top& top, const std::string& path, const std::string& name) {
    if (top.folder) {
        visit_folder(top.folder, name, true);
        return;
    }
    WalkEvent event;
    event.above_sources = true;
    event.path = path;
    event.entry = entry_of(name, top.stat);
    event.entry.type = format::EntryType::directory;
    if (const UniqueFd fd = open_source(path, O_DIRECTORY)) {
        auto attributes = attributes_of(fd.get(), true);
        event.entry.xattrs = std::move(attributes.xattrs);
        event.entry.flags = attributes.flags;
    }
    note_owner(top.stat);
    std::vector<ScannedEntry> files;
    for (const auto& [below_name, below] : top.below) {
        if (below.exists && below.is_source && !below.folder) files.push_back({below_name, below.stat});
    }
    take_entries(event, files);
    emit(std::move(event));
    for (const auto& [below_name, below] : top.below) {
        if (below.exists && (!below.is_source || below.folder)) visit_top(below, join(path, below_name), below_name);
    }
    leave();
}

void Walk::report_problems(const std::vector<SourceProblem>& problems) {
    for (const auto& problem : problems) {
        ++setup_.statistics.errors;
        setup_.on_problem(problem.path, problem.error_number, problem.what);
    }
}

void Walk::run() {
    report_problems(setup_.sources.problems());
    const auto& root = setup_.sources.root();
    if (!root.exists) {
        throw Error(ErrorCode::failed, "none of the paths to back up exists", "check the paths given to signet backup");
    }
    visit_top(root, "/", "");
    flush_group();
}

void Walk::run_stream() {
    const auto& request = setup_.request;
    auto job = std::make_shared<FileJob>();
    job->name = request.stream_name;
    job->path = "/" + request.stream_name;
    job->stat.mode = S_IFREG | 0600;
    job->stat.uid = ::geteuid();
    job->stat.gid = ::getegid();
    const auto time = setup_.report.started;
    job->stat.modified = {time.ns / kNsPerSecond, static_cast<std::uint32_t>(time.ns % kNsPerSecond)};
    note_owner(job->stat);
    WalkEvent event;
    event.above_sources = true;
    event.path = "/";
    auto folder = job->stat;
    folder.mode = S_IFDIR | 0755;
    event.entry = entry_of("", folder);
    WalkedEntry walked;
    walked.name = job->name;
    walked.job = job;
    event.entries.push_back(std::move(walked));
    if (!setup_.large_files.push(ReadJob{{job}, true, request.stream_fd}))
        throw Error(ErrorCode::interrupted, "interrupted");
    emit(std::move(event));
    leave();
}

}  // namespace signet::backup
