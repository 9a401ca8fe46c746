#include "restore/dump.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>

#include "core/bounded_queue.h"
#include "core/file.h"
#include "restore/path_choice.h"
#include "restore/tar_writer.h"

namespace signet::restore {
namespace {

using format::EntryType;

constexpr std::size_t kMostJobs = 16;

/// Pieces of one frame: opened and verified by any thread, released in order by one.
struct Portion {
    std::uint32_t number = 0;  ///< of the frame
    std::vector<Piece> pieces;
    FrameReader::Frame frame;
    std::vector<ByteView> octets;
    std::exception_ptr failure;
    bool is_ready = false;
};

/// Opens and verifies what comes next while what came before is being written.
class ReadAhead {
public:
    ReadAhead(OpenBackup& backup, const format::Content& content, std::size_t jobs)
        : backup_(backup),
          chunks_(backup.chunk_reader()),
          cursor_(chunks_, content),
          window_(2 * jobs + 1),
          work_(window_) {
        for (std::size_t i = 0; i < jobs; ++i) {
            threads_.emplace_back([this] {
                ChunkReader chunks = backup_.chunk_reader();
                while (auto portion = work_.pop()) open(chunks, **portion);
            });
        }
    }
    ~ReadAhead() { work_.cancel(); }
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;

    /// The next portion, verified; null at the end.
    [[nodiscard]] std::shared_ptr<Portion> next() {
        while (ahead_.size() < window_) {
            auto portion = gather();
            if (!portion) break;
            ahead_.push_back(portion);
            static_cast<void>(work_.push(std::move(portion)));
        }
        if (ahead_.empty()) return nullptr;
        std::shared_ptr<Portion> portion = std::move(ahead_.front());
        ahead_.pop_front();
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [&] { return portion->is_ready; });
        if (portion->failure) std::rethrow_exception(portion->failure);
        return portion;
    }

private:
    /// The pieces that follow each other in one frame.
    std::shared_ptr<Portion> gather() {
        auto portion = std::make_shared<Portion>();
        while (has_piece_ || (has_piece_ = cursor_.next(piece_))) {
            const std::uint32_t frame = chunks_.locate(piece_.reference.id, piece_.reference.length).frame;
            if (!portion->pieces.empty() && frame != portion->number) break;
            portion->number = frame;
            portion->pieces.push_back(piece_);
            has_piece_ = false;
        }
        return portion->pieces.empty() ? nullptr : portion;
    }

    void open(ChunkReader& chunks, Portion& portion) {
        try {
            portion.frame = chunks.frames().get(portion.number);
            for (const Piece& piece : portion.pieces) {
                const ChunkPlace& place = chunks.locate(piece.reference.id, piece.reference.length);
                const ByteView octets = portion.frame->octets().subspan(place.offset, place.length);
                chunks.check(format::ChunkKind::data, piece.reference.id, octets);
                portion.octets.push_back(octets);
            }
        } catch (...) {
            portion.failure = std::current_exception();
        }
        const std::lock_guard lock(mutex_);
        portion.is_ready = true;
        ready_.notify_all();
    }

    OpenBackup& backup_;
    ChunkReader chunks_;
    ContentCursor cursor_;
    const std::size_t window_;
    Piece piece_;
    bool has_piece_ = false;
    std::deque<std::shared_ptr<Portion>> ahead_;
    std::mutex mutex_;
    std::condition_variable ready_;
    BoundedQueue<std::shared_ptr<Portion>> work_;
    std::vector<std::jthread> threads_;
};

void check_interrupted(const DumpRequest& request) {
    if (request.interrupted != nullptr && request.interrupted->load(std::memory_order_relaxed)) {
        throw Error(ErrorCode::interrupted, "interrupted");
    }
}

std::size_t job_count(const DumpRequest& request) {
    if (request.jobs > 0) return std::min<std::size_t>(static_cast<std::size_t>(request.jobs), kMostJobs);
    return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMostJobs);
}

/// Calls write(octets) for everything in the file, zeros for its holes.
template <class Write>
void stream_file(OpenBackup& backup, const format::Entry& entry, const DumpRequest& request, const Write& write) {
    static const Bytes zeros(std::size_t{64} * 1024);
    const auto write_zeros = [&](std::uint64_t count) {
        while (count > 0) {
            check_interrupted(request);
            const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count, zeros.size()));
            write(ByteView(zeros).first(part));
            count -= part;
        }
    };
    constexpr std::uint64_t kWorthThreads = std::uint64_t{4} * 1024 * 1024;
    const std::size_t jobs = entry.content.size < kWorthThreads ? 1 : job_count(request);
    std::size_t extent = 0;
    std::uint64_t left = UINT64_MAX;  // octets until the next hole
    const auto enter_extent = [&] {
        write_zeros(entry.extents[extent].hole);
        left = entry.extents[extent].data;
    };
    if (!entry.extents.empty()) enter_extent();
    const auto write_data = [&](ByteView octets) {
        while (!octets.empty()) {
            if (left == 0) {
                ++extent;
                enter_extent();
                continue;
            }
            const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left, octets.size()));
            write(octets.first(part));
            octets = octets.subspan(part);
            if (!entry.extents.empty()) left -= part;
        }
    };
    if (jobs == 1) {
        ChunkReader chunks = backup.chunk_reader();
        ContentReader reader(chunks, entry.content, format::ChunkKind::data);
        for (ByteView octets = reader.next(); !octets.empty(); octets = reader.next()) {
            check_interrupted(request);
            write_data(octets);
        }
    } else {
        ReadAhead ahead(backup, entry.content, jobs);
        while (const auto portion = ahead.next()) {
            check_interrupted(request);
            for (const ByteView octets : portion->octets) write_data(octets);
        }
    }
    // A hole at the end stands after the last stretch, which is empty.
    while (!entry.extents.empty() && extent + 1 < entry.extents.size()) {
        ++extent;
        enter_extent();
    }
}

/// Writes every entry of a folder into a tar.
class TarDumper final : public TreeVisitor {
public:
    TarDumper(OpenBackup& backup, const DumpRequest& request, DumpReport& report)
        : backup_(backup), request_(request), report_(report), tar_(request.fd, request.plain, backup.body()) {}

    bool enter(std::string_view path, format::Entry& entry, bool) override {
        if (path != "/") static_cast<void>(tar_.add(path.substr(1), entry));
        return true;
    }
    void leave(std::string_view, bool) override {}
    void visit(std::string_view path, format::Entry& entry) override {
        if (entry.type == EntryType::socket) {
            ++report_.skipped;
            if (request_.on_warning) request_.on_warning(std::string(path), "a tar cannot hold a socket");
            return;
        }
        if (request_.progress != nullptr) request_.progress->set_current(std::string(path));
        const bool has_content = tar_.add(path.substr(1), entry);
        ++report_.files;
        if (has_content) {
            stream_file(backup_, entry, request_, [&](ByteView octets) { tar_.write(octets); });
            tar_.end_file();
            report_.bytes += entry.content.size;
        }
        if (request_.progress != nullptr) {
            ++request_.progress->items_done;
            request_.progress->bytes_done += entry.logical_size();
        }
    }
    bool broken(std::string_view, const Error&) override { return false; }
    void finish() { tar_.finish(); }

private:
    OpenBackup& backup_;
    const DumpRequest& request_;
    DumpReport& report_;
    TarWriter tar_;
};

/// A stream's root holds the stream and nothing else.
format::Entry stream_of(ChunkReader& chunks, const format::Entry& root) {
    DirectoryReader reader(chunks, root.content, "/");
    format::Entry entry;
    if (!reader.next(entry) || entry.type != EntryType::file)
        throw Error(ErrorCode::damaged, "the backup holds no stream");
    return entry;
}

}  // namespace

DumpReport dump(OpenBackup& backup, const DumpRequest& request) {
    ChunkReader chunks = backup.chunk_reader();
    const std::string path = normal_path(request.path);
    const bool is_stream = backup.backup().fields->kind == format::BackupKind::stream;
    const format::Entry entry =
        is_stream && path == "/" ? stream_of(chunks, backup.root()) : find_entry(chunks, backup.root(), path);
    DumpReport report;
    if (entry.type == EntryType::directory) {
        report.is_tar = true;
        TarDumper dumper(backup, request, report);
        walk_tree(chunks, entry, {}, dumper, request.interrupted);
        dumper.finish();
        return report;
    }
    if (entry.type != EntryType::file) throw Error(ErrorCode::usage, path + " is neither a file nor a folder");
    if (request.progress != nullptr) request.progress->bytes_total = entry.logical_size();
    stream_file(backup, entry, request, [&](ByteView octets) {
        write_full(request.fd, octets, "standard output");
        report.bytes += octets.size();
        if (request.progress != nullptr) request.progress->bytes_done += octets.size();
    });
    report.files = 1;
    return report;
}

}  // namespace signet::restore
