#include "backup/pipeline.h"

#include "backup/base_walk.h"
#include "core/error.h"

#include <algorithm>
#include <mutex>
#include <thread>

namespace signet::backup {
namespace {

constexpr int kLargeReaders = 2;
constexpr std::size_t kReadBuffers = 22;      // of 1 MiB: one for each reader, the rest on their way to the workers
constexpr std::size_t kEventWeight = 16'384;  // files between the walk and the tree builder

/// The first failure ends everything; the others follow from it.
class Failure {
public:
    explicit Failure(std::atomic<bool>& abandoned) : abandoned_(abandoned) {}
    void set(std::exception_ptr error) {
        const std::lock_guard lock(mutex_);
        if (!first_) first_ = std::move(error);
        abandoned_ = true;
    }
    void rethrow() const {
        if (first_) std::rethrow_exception(first_);
    }

private:
    std::atomic<bool>& abandoned_;
    std::mutex mutex_;
    std::exception_ptr first_;
};

int worker_count(const BackupRequest& request) {
    if (request.jobs > 0) return request.jobs;
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

template <class Set>
std::vector<std::uint32_t> ascending(const Set& set) {
    std::vector<std::uint32_t> result(set.begin(), set.end());
    std::sort(result.begin(), result.end());
    return result;
}

}  // namespace

Pipeline::Result Pipeline::run(const Setup& setup) {
    const auto& request = setup.request;
    const int workers = worker_count(request);
    const int small_readers = std::clamp(workers * 6, 8, 16);
    std::atomic<bool> abandoned{false};
    std::atomic<std::uint64_t> added{0};
    std::atomic<std::uint64_t> added_data{0};
    Failure failure(abandoned);
    BufferPool buffers(
        std::max<std::size_t>(kReadBuffers, static_cast<std::size_t>(small_readers + kLargeReaders + 2 * workers)),
        kGroupSize + 4096);
    BoundedQueue<ReadJob> small_files(static_cast<std::size_t>(small_readers));
    BoundedQueue<ReadJob> large_files(64);
    BoundedQueue<WorkItem> work(static_cast<std::size_t>(2 * workers + 4));
    BoundedQueue<WalkEvent> events(kEventWeight);
    const auto stop_all = [&] {
        small_files.cancel();
        large_files.cancel();
        work.cancel();
        events.cancel();
        buffers.cancel();
    };
    const auto guarded = [&](const auto& body) {
        try {
            body();
        } catch (...) {
            failure.set(std::current_exception());
            stop_all();
        }
    };

    const crypto::HmacSha256 ids(setup.id_key.reveal());
    const StoreShared shared{setup.table, setup.history, setup.packs, added, added_data};
    const int level = request.compression_level;
    std::mutex problem_mutex;
    const auto on_problem = [&](const std::string& path, int error_number, const std::string& what) {
        const std::lock_guard lock(problem_mutex);
        setup.on_problem(path, error_number, what);
    };
    Reader::Hooks hooks;
    if (auto* progress = request.progress; progress != nullptr) {
        hooks.starting = [progress](const std::string& path) { progress->set_current(path); };
        hooks.read = [progress](std::uint64_t octets) { progress->bytes_done += octets; };
    }
    TreeBuilder builder({shared, setup.cutter, ids.clone(), level, setup.new_state, setup.report, on_problem,
                         request.on_item, request.progress, abandoned});
    format::BackupStatistics known;
    const Walk::Setup walk_setup{request,      setup.sources, setup.old_state, setup.table, setup.history,
                                 setup.report, known,         small_files,     large_files, events,
                                 on_problem,   abandoned,     setup.use_state};
    Walk walk(walk_setup);
    // A tar comes as one stream: whoever walks it reads it as well.
    Reader tar_reader(setup.cutter, buffers, work, abandoned, hooks);
    BaseWalk base_walk(walk_setup, tar_reader);

    std::vector<std::thread> readers;
    const auto start_readers = [&](int count, BoundedQueue<ReadJob>& queue) {
        for (int i = 0; i < count; ++i) {
            readers.emplace_back([&] {
                guarded([&] {
                    Reader reader(setup.cutter, buffers, work, abandoned, hooks);
                    while (auto job = queue.pop()) reader.read(*job);
                });
            });
        }
    };
    std::vector<std::thread> storing;
    std::thread building;
    guarded([&] {  // a system may refuse threads
        start_readers(small_readers, small_files);
        start_readers(kLargeReaders, large_files);
        for (int i = 0; i < workers; ++i) {
            storing.emplace_back([&] {
                guarded([&] {
                    StoreWorker worker(shared, ids.clone(), level);
                    while (auto item = work.pop()) worker.process(std::move(*item));
                    if (!abandoned) worker.finish();
                });
            });
        }
        building = std::thread([&] {
            guarded([&] {
                while (auto event = events.pop()) {
                    if (!builder.take(std::move(*event))) return;
                }
            });
        });
    });

    if (!abandoned) {
        guarded([&] {
            if (request.is_base)
                base_walk.run(request.stream_fd);
            else if (request.stream_fd >= 0)
                walk.run_stream();
            else
                walk.run();
        });
    }
    if (request.progress != nullptr) request.progress->scan_finished = true;
    small_files.close();
    large_files.close();
    for (auto& thread : readers) thread.join();
    work.close();
    for (auto& thread : storing) thread.join();
    events.close();
    if (building.joinable()) building.join();
    if (!abandoned) guarded([&] { builder.finish(); });
    failure.rethrow();

    Result result;
    result.root = builder.root();
    result.sources = builder.sources();
    result.statistics = builder.statistics();
    result.owners = ascending(request.is_base ? base_walk.owners() : walk.owners());
    result.groups = ascending(request.is_base ? base_walk.groups() : walk.groups());
    if (request.is_base) result.base = base_walk.place();
    result.statistics.files += known.files;
    result.statistics.others += known.others;
    result.statistics.bytes += known.bytes;
    result.statistics.errors += known.errors;
    result.statistics.added_raw = added;
    result.stored_of_sources = added_data > 0 || builder.stored_of_sources();
    return result;
}

}  // namespace signet::backup
