// What the parts of one restore share: the rules, the target, the counters, and the end of folders and of links.
#pragma once

#include "core/bounded_queue.h"
#include "restore/content_reader.h"
#include "restore/file_maker.h"
#include "restore/links.h"

#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <variant>

namespace signet::restore {

/// Files whose first chunks lie in one frame.
struct FrameTask {
    std::uint32_t frame = 0;
    std::vector<Item> items;     ///< all of their chunks are in it
    std::vector<Item> spanning;  ///< they go on in other frames
    std::uint64_t spanning_octets = 0;
};
/// Anything else, one by one.
struct ItemsTask {
    std::vector<Item> items;
};
/// A large file under way; the last of its parts completes it.
struct LargeFile {
    LargeFile(Item what, FolderPin in, UniqueFd open, UniqueFd open_direct, NewName as, bool is_final)
        : item(std::move(what)),
          holes(item.entry),
          pin(std::move(in)),
          fd(std::move(open)),
          direct_fd(std::move(open_direct)),
          name(std::move(as)),
          mode_is_final(is_final) {}
    Item item;
    HoleMap holes;
    FolderPin pin;  // before `name`, which needs it to the end
    UniqueFd fd;
    UniqueFd direct_fd;  ///< past the page cache; none where there is no such way
    NewName name;
    bool mode_is_final;
    std::atomic<std::uint64_t> written{0};
    std::atomic<std::uint32_t> parts{1};
    std::atomic<bool> failed{false};
};
struct PieceTask {
    std::shared_ptr<LargeFile> file;
    std::vector<Piece> pieces;
};
using Task = std::variant<FrameTask, ItemsTask, PieceTask>;

/// Content that does not open: ends the restore, unless salvaging.
class ContentFailure final : public std::exception {
public:
    // NOLINTNEXTLINE(bugprone-throw-keyword-missing): a member, nothing to throw
    explicit ContentFailure(Error error) : error_(std::move(error)) {}
    [[nodiscard]] const Error& error() const { return error_; }
    [[nodiscard]] const char* what() const noexcept override { return error_.what(); }

private:
    Error error_;
};

/// Calls what reads from the repository; what goes wrong there is about the content and not about the target.
template <class Read>
auto reading(const Read& read) {
    try {
        return read();
    } catch (const Error& error) {
        if (error.code() == ErrorCode::interrupted) throw;
        throw ContentFailure(error);
    }
}

/// What gives things their metadata, as the request wants it.
[[nodiscard]] MetadataWriter metadata_writer_for(OpenBackup& backup, const RestoreRequest& request);

class RestoreRun {
public:
    RestoreRun(OpenBackup& backup, const RestoreRequest& request, std::size_t queue_size);

    [[nodiscard]] const RestoreRequest& request() const { return request_; }
    [[nodiscard]] OpenBackup& backup() { return backup_; }
    [[nodiscard]] Target& target() { return target_; }
    [[nodiscard]] const MetadataWriter& metadata() const { return metadata_; }
    [[nodiscard]] const MakingRules& rules() const { return rules_; }
    [[nodiscard]] BoundedQueue<Task>& queue() { return queue_; }
    [[nodiscard]] Links& links() { return links_; }

    // What happened. For any number of threads.
    /// Octets of a file are about to be written.
    void content_came() noexcept {
        if (request_.progress != nullptr) request_.progress->note_content();
    }
    void restored(const Item& item, std::uint64_t bytes);
    void linked(const Item& item);
    void left(const Item& item, Found found);
    void made_folder(const Folder& folder, std::string_view action);
    void deleted(const std::string& path);
    void verified() { ++files_verified_; }
    /// Of a dry run: counts as if it had happened. action  "restored", "updated", "unchanged", "skipped", "deleted"
    void foretell(std::string_view action, const std::string& path, const format::Entry* entry);
    void warn(const std::string& path, const MetadataLosses& losses);
    void warn(const std::string& path, const std::string& message);
    /// Something could not be restored. throws  ContentFailure as Error unless salvaging; Error that ends every restore
    void give_up(const std::string& path, const ContentFailure& failure);
    void give_up(const std::string& path, const Error& error);

    /// Runs `work` for a path; its failures are counted, or end the restore. returns  whether it succeeded
    template <class Work>
    bool attempt(const Folder& folder, const std::string& name, const Work& work) {
        try {
            work();
            return true;
        } catch (const ContentFailure& failure) {
            give_up(folder.path_of(name), failure);
        } catch (const Error& error) {
            give_up(folder.path_of(name), error);
        }
        return false;
    }

    /// The same for one part of a large file, whose first failure alone is counted.
    template <class Work>
    void attempt_part(LargeFile& file, const Work& work) {
        const Item& item = file.item;
        try {
            work();
        } catch (const ContentFailure& failure) {
            if (!file.failed.exchange(true)) give_up(item.folder->path_of(item.entry.name), failure);
        } catch (const Error& error) {
            if (!file.failed.exchange(true)) give_up(item.folder->path_of(item.entry.name), error);
        }
    }

    /// Things of a folder are done; with the last one its metadata come, and then it is done in the folder above.
    void done(FolderHandle folder, std::uint32_t count = 1);
    /// File flags that forbid further links wait until all links are made. Keeps the folder pending.
    void flag_later(const Item& item, const NodeId& id);
    void set_late_flags();

    /// The first failure that ends everything; the queue is cancelled.
    void fail(std::exception_ptr failure) noexcept;
    void throw_if_failed();
    void check_interrupted() const;

    [[nodiscard]] RestoreReport report(std::chrono::steady_clock::time_point started);

private:
    void finish_folder(Folder& folder, const FolderHandle& handle);
    void item(std::string_view action, const std::string& path, std::uint64_t size);

    OpenBackup& backup_;
    const RestoreRequest& request_;
    Target target_;
    const MetadataWriter metadata_;
    const MakingRules rules_;
    Links links_;
    BoundedQueue<Task> queue_;

    std::atomic<std::uint64_t> files_restored_{0}, files_unchanged_{0}, files_skipped_{0}, folders_{0}, others_{0},
        hard_links_{0}, deleted_{0}, bytes_restored_{0}, files_verified_{0}, owners_lost_{0}, attributes_lost_{0};

    std::mutex mutex_;  // of what follows, and of the callbacks
    std::uint64_t content_errors_ = 0;
    std::uint64_t refused_ = 0;
    std::vector<RestoreProblem> problems_;
    std::vector<RestoreProblem> warnings_;
    struct LateFlags {
        Item item;
        NodeId id;
    };
    std::vector<LateFlags> late_flags_;
    std::exception_ptr failure_;
    std::atomic<bool> failed_{false};
};

}  // namespace signet::restore
