#include "restore/extractor.h"

#include <sys/stat.h>
#include <algorithm>
#include <list>
#include <system_error>
#include <thread>

#include "restore/path_choice.h"
#include "restore/restore_worker.h"
#include "restore/space_check.h"

namespace signet::restore {
namespace {

using format::EntryType;

constexpr std::size_t kOpenGroups = 32;
constexpr std::size_t kMostInGroup = 1024;
constexpr std::size_t kMostPending = 8192;
constexpr std::size_t kMostInItemsTask = 64;
constexpr std::uint64_t kItemsTaskOctets = std::uint64_t{4} * 1024 * 1024;
/// Files from this size on are written by several workers.
constexpr std::uint64_t kLargeFile = std::uint64_t{4} * 1024 * 1024;
constexpr std::uint64_t kPieceTaskOctets = std::uint64_t{2} * 1024 * 1024;
constexpr std::uint64_t kPieceTaskMost = std::uint64_t{8} * 1024 * 1024;
constexpr std::size_t kMostWorkers = 16;

/// Not an Error, so that it passes by everything that deals with the trouble of one file.
struct Cancelled {};

/// Walks the tree, makes folders, and gathers everything else into tasks.
class Gatherer final : public TreeVisitor {
public:
    Gatherer(RestoreRun& run, const PathFilter& filter, const SpaceGuard& space)
        : run_(run), filter_(filter), space_(space), chunks_(run.backup().chunk_reader()), helper_(run) {}

    bool enter(std::string_view path, format::Entry& entry, bool selected) override {
        Level level;
        level.selected = selected;
        level.path = path;
        if (levels_.empty()) {
            level.folder = run_.target().root();
            // The caller's own folder stays as it is; one that was made for the restore is the backup's.
            level.selected = level.folder && !level.folder->existed() && run_.request().root != "/";
        } else {
            note_name(entry.name);
        }
        entry.content = {};
        level.entry = std::move(entry);
        levels_.push_back(std::move(level));
        if (is_ready(levels_.back().selected)) return true;
        if (levels_.back().folder) run_.done(levels_.back().folder);
        levels_.pop_back();
        return false;
    }

    void leave(std::string_view, bool complete) override {
        Level& level = levels_.back();
        while (level.listed < level.listing.size()) consider_extra(level, level.listing[level.listed++]);
        // What could not be read may hold the very names that seem to be extra.
        if (!complete) level.extras.clear();
        if (run_.request().dry_run) {
            for (const std::string& name : level.extras) run_.foretell("deleted", below(level.path, name), nullptr);
        } else if (level.folder) {
            level.folder->extras = std::move(level.extras);
        }
        if (level.folder) run_.done(level.folder);
        levels_.pop_back();
    }

    void visit(std::string_view path, format::Entry& entry) override {
        note_name(entry.name);
        if (run_.request().dry_run) {
            foretell(path, entry);
            return;
        }
        FolderHandle folder;
        try {
            folder = ensure_folder(levels_.size() - 1);
        } catch (const Error& error) {
            run_.give_up(std::string(path), error);
            return;
        }
        dispatch(std::move(folder), entry);
    }

    void pass(std::string_view, const format::Entry& entry) override { note_name(entry.name); }

    bool broken(std::string_view path, const Error& error) override {
        run_.give_up(std::string(path), ContentFailure(error));
        return true;
    }

    /// Hands out what is left.
    void finish() {
        while (!groups_.empty()) push_group(groups_.begin());
        push_others();
    }

private:
    struct Level {
        format::Entry entry;  ///< without its content
        std::string path;
        bool selected = false;
        FolderHandle folder;                  ///< none yet, while nothing in it is wanted
        std::vector<Target::Listed> listing;  ///< what is there already, to find what is extra
        std::size_t listed = 0;
        std::vector<std::string> extras;
    };

    static std::string below(const std::string& folder, const std::string& name) {
        return folder == "/" ? "/" + name : folder + "/" + name;
    }

    /// Makes or finds the innermost folder as far as it is needed now. returns  false when it cannot be had
    bool is_ready(bool selected) {
        try {
            if (selected && !run_.request().dry_run) {
                static_cast<void>(ensure_folder(levels_.size() - 1));
            } else if (run_.request().dry_run || run_.request().delete_extra) {
                find_folder();
            }
            Level& level = levels_.back();
            if (run_.request().delete_extra && level.folder && level.folder->existed() && level.listing.empty()) {
                level.listing = run_.target().list(level.folder);
            }
            return true;
        } catch (const Error& error) {
            run_.give_up(levels_.back().path, error);
            return false;
        }
    }

    /// Finds the innermost folder if it is there.
    void find_folder() {
        Level& level = levels_.back();
        if (!level.folder && levels_.size() > 1) {
            const FolderHandle& parent = levels_[levels_.size() - 2].folder;
            if (parent) level.folder = run_.target().find_folder(parent, level.entry.name);
            if (level.folder) parent->pending.fetch_add(1, std::memory_order_relaxed);
        }
        if (run_.request().dry_run && level.selected) {
            run_.foretell(level.folder ? "unchanged" : "restored", level.path, &level.entry);
        } else if (level.selected && level.folder) {
            level.folder->metadata = std::make_unique<format::Entry>(level.entry);
        }
    }

    FolderHandle ensure_folder(std::size_t depth) {
        Level& level = levels_[depth];
        if (!level.folder) {
            const FolderHandle parent = ensure_folder(depth - 1);
            const bool keeps = run_.request().overwrite == Overwrite::never;
            level.folder =
                run_.target().make_folder(parent, level.entry.name, keeps ? InTheWay::refuse : InTheWay::replace);
            parent->pending.fetch_add(1, std::memory_order_relaxed);
            const bool existed = level.folder->existed();
            if (!existed || (level.selected && !keeps)) {
                level.folder->metadata = std::make_unique<format::Entry>(level.entry);
            }
            run_.made_folder(*level.folder, existed ? "unchanged" : "restored");
        } else if (level.selected && depth == 0 && !level.folder->metadata) {
            level.folder->metadata = std::make_unique<format::Entry>(level.entry);
        }
        return level.folder;
    }

    /// A name of the backup in the innermost folder: what is listed before it is not in the backup.
    void note_name(const std::string& name) {
        Level& level = levels_.back();
        while (level.listed < level.listing.size() && level.listing[level.listed].name < name) {
            consider_extra(level, level.listing[level.listed++]);
        }
        if (level.listed < level.listing.size() && level.listing[level.listed].name == name) ++level.listed;
    }

    void consider_extra(Level& level, const Target::Listed& listed) {
        if (filter_.wants(below(level.path, listed.name), listed.is_folder)) level.extras.push_back(listed.name);
    }

    void foretell(std::string_view path, const format::Entry& entry) {
        const FolderHandle& folder = levels_.back().folder;
        std::string_view action = "restored";
        if (folder) {
            const FolderPin pin = run_.target().pin(folder);
            switch (look(pin.fd(), entry.name, entry, run_.rules())) {
                case Found::nothing:
                    break;
                case Found::replaceable:
                    action = "updated";
                    break;
                case Found::unchanged:
                    action = "unchanged";
                    break;
                case Found::kept:
                    action = "skipped";
                    break;
            }
        }
        run_.foretell(action, std::string(path), &entry);
    }

    void dispatch(FolderHandle folder, format::Entry& entry) {
        folder->pending.fetch_add(1, std::memory_order_relaxed);
        Item item{std::move(folder), std::move(entry), nullptr};
        if (item.entry.link) {
            switch (run_.links().claim(item)) {
                case Links::Claim::wait:
                    return;
                case Links::Claim::link:
                    add_other(std::move(item));
                    return;
                case Links::Claim::make:
                    break;
            }
        }
        if (item.entry.type == EntryType::file) space_.announce(item.entry.content.size);
        if (item.entry.type != EntryType::file || item.entry.content.size == 0) {
            add_other(std::move(item));
        } else if (item.entry.content.size >= kLargeFile) {
            hand_out_large(item);
        } else {
            add_file(std::move(item));
        }
    }

    void add_file(Item item) {
        const format::Content& content = item.entry.content;
        const ChunkTable& table = run_.backup().table();
        const ChunkPlace* first = content.level == 0 ? table.find(content.references.front().id) : nullptr;
        // What is not found at all is left to a worker to report.
        if (first == nullptr) {
            add_other(std::move(item));
            return;
        }
        const bool is_inside =
            item.entry.extents.empty() &&
            std::all_of(content.references.begin() + 1, content.references.end(), [&](const auto& reference) {
                const ChunkPlace* place = table.find(reference.id);
                return place != nullptr && place->frame == first->frame;
            });
        add_to_group(first->frame, std::move(item), is_inside);
    }

    /// throws  Cancelled: another thread has ended the restore, and says why
    void push(Task task) {
        if (!run_.queue().push(std::move(task))) throw Cancelled();
    }

    using Groups = std::list<FrameTask>;
    void add_to_group(std::uint32_t frame, Item item, bool is_inside) {
        auto group =
            std::find_if(groups_.begin(), groups_.end(), [&](const FrameTask& one) { return one.frame == frame; });
        if (group == groups_.end()) {
            if (groups_.size() >= kOpenGroups) push_group(std::prev(groups_.end()));
            groups_.emplace_front();
            group = groups_.begin();
            group->frame = frame;
        } else if (group != groups_.begin()) {
            groups_.splice(groups_.begin(), groups_, group);
        }
        if (!is_inside) group->spanning_octets += item.entry.content.size;
        (is_inside ? group->items : group->spanning).push_back(std::move(item));
        ++in_groups_;
        if (group->items.size() + group->spanning.size() >= kMostInGroup ||
            group->spanning_octets >= kItemsTaskOctets) {
            push_group(group);
        } else if (in_groups_ >= kMostPending) {
            push_group(std::prev(groups_.end()));
        }
    }

    void push_group(Groups::iterator group) {
        in_groups_ -= group->items.size() + group->spanning.size();
        FrameTask task = std::move(*group);
        groups_.erase(group);
        push(std::move(task));
    }

    void add_other(Item item) {
        other_octets_ += item.entry.content.size;
        others_.items.push_back(std::move(item));
        if (others_.items.size() >= kMostInItemsTask || other_octets_ >= kItemsTaskOctets) push_others();
    }

    void push_others() {
        if (others_.items.empty()) return;
        other_octets_ = 0;
        push(std::exchange(others_, {}));
    }

    void hand_out_large(Item& item) {
        const FolderHandle folder = item.folder;
        const std::string name = item.entry.name;
        std::shared_ptr<LargeFile> file;
        if (!run_.attempt(*folder, name, [&] { file = start_large_file(run_, item); })) {
            if (item.link) helper_.give_up_first(item);
            run_.done(folder);
            return;
        }
        if (!file) {
            add_other(std::move(item));
            return;
        }
        run_.attempt_part(*file, [&] { hand_out_pieces(file); });
        helper_.part_done(file);
    }

    void hand_out_pieces(const std::shared_ptr<LargeFile>& file) {
        const ChunkTable& table = run_.backup().table();
        ContentCursor cursor = reading([&] { return ContentCursor(chunks_, file->item.entry.content); });
        PieceTask task{file, {}};
        std::uint64_t octets = 0;
        std::uint32_t frame = UINT32_MAX;
        const auto hand_out = [&] {
            file->parts.fetch_add(1, std::memory_order_relaxed);
            push(std::exchange(task, {file, {}}));
            octets = 0;
        };
        Piece piece;
        while (reading([&] { return cursor.next(piece); })) {
            run_.check_interrupted();
            if (file->failed.load(std::memory_order_relaxed)) return;
            const ChunkPlace* place = table.find(piece.reference.id);
            const std::uint32_t next_frame = place == nullptr ? UINT32_MAX : place->frame;
            // A frame is opened by one worker, where that does not make a task too large.
            if (octets >= kPieceTaskMost || (octets >= kPieceTaskOctets && next_frame != frame)) hand_out();
            frame = next_frame;
            octets += piece.reference.length;
            task.pieces.push_back(piece);
        }
        if (!task.pieces.empty()) hand_out();
    }

    RestoreRun& run_;
    const PathFilter& filter_;
    SpaceGuard space_;
    ChunkReader chunks_;
    RestoreWorker helper_;
    std::vector<Level> levels_;
    Groups groups_;  ///< the most recent first
    std::size_t in_groups_ = 0;
    ItemsTask others_;
    std::uint64_t other_octets_ = 0;
};

/// Restoring a part over a whole machine must not take everything else for extra.
void check_request(const RestoreRequest& request) {
    struct stat target {};
    struct stat machine {};
    if (request.delete_extra && request.paths.empty() && request.includes.empty() &&
        ::stat(request.target.c_str(), &target) == 0 && ::stat("/", &machine) == 0 &&
        NodeId::of(target) == NodeId::of(machine)) {
        throw Error(ErrorCode::usage, "--delete would remove everything on this machine that is not in the backup",
                    "name the paths to restore, or use --include");
    }
}

std::size_t worker_count(int jobs) {
    if (jobs > 0) return std::min<std::size_t>(static_cast<std::size_t>(jobs), 256);
    // Who creates files waits for locks of the file system, who writes large ones for the disk: three times the
    // processors.
    return std::min(std::size_t{std::max(2U, std::thread::hardware_concurrency())} * 3, kMostWorkers);
}

/// Starts as many threads as asked for, or as the system grants (a limit on processes): one is enough.
/// throws  Error{failed}: none could be started
void start_workers(RestoreRun& run, std::size_t count, std::vector<std::unique_ptr<RestoreWorker>>& crew,
                   std::vector<std::jthread>& threads) {
    crew.reserve(count);
    threads.reserve(count);
    while (threads.size() < count) {
        crew.push_back(std::make_unique<RestoreWorker>(run));
        try {
            threads.emplace_back([worker = crew.back().get()] { worker->work(); });
        } catch (const std::system_error& error) {
            if (threads.empty()) throw Error(ErrorCode::failed, std::string("cannot start a thread: ") + error.what());
            return;
        }
    }
}

void run_restore(RestoreRun& run, const format::Entry& root, const PathFilter& filter, const SpaceGuard& space,
                 std::size_t workers) {
    std::vector<std::unique_ptr<RestoreWorker>> crew;
    std::vector<std::jthread> threads;
    // Whatever happens from the first thread on, the queue is closed or cancelled: they are joined.
    try {
        start_workers(run, workers, crew, threads);
        Gatherer gatherer(run, filter, space);
        ChunkReader chunks = run.backup().chunk_reader();
        walk_tree(chunks, root, filter, gatherer, run.request().interrupted);
        gatherer.finish();
        run.queue().close();
    } catch (...) {
        run.fail(std::current_exception());
    }
    threads.clear();
    run.throw_if_failed();
    run.set_late_flags();
}

}  // namespace

RestoreReport restore_files(OpenBackup& backup, const RestoreRequest& request) {
    const auto started = std::chrono::steady_clock::now();
    check_request(request);
    ChunkReader chunks = backup.chunk_reader();
    const format::Entry root = find_entry(chunks, backup.root(), normal_path(request.root));
    if (root.type != EntryType::directory) {
        throw Error(ErrorCode::usage, request.root + " is not a folder",
                    "restore the folder that it is in, and name it as a path");
    }
    for (const std::string& path : request.paths) static_cast<void>(find_entry(chunks, root, normal_path(path)));
    const PathFilter filter = choose_paths(request.paths, request.includes, request.excludes);
    if (request.progress != nullptr && filter.everything && request.root == "/") {
        const format::BackupStatistics& statistics = backup.body().statistics;
        request.progress->files_total = statistics.files + statistics.directories + statistics.others;
        request.progress->bytes_total = statistics.bytes;
    }
    const SpaceGuard space = check_space(backup, request, root, filter);
    const std::size_t workers = request.dry_run ? 0 : worker_count(request.jobs);
    RestoreRun run(backup, request, 2 * workers + 2);
    run_restore(run, root, filter, space, workers);
    return run.report(started);
}

}  // namespace signet::restore
