#include "restore/restore_run.h"

#include "core/open_beneath.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>

namespace signet::restore {
namespace {

constexpr std::size_t kMostRemembered = 1000;

/// Failures of the target that no other file would escape.
bool ends_everything(const Error& error) {
    if (error.code() == ErrorCode::interrupted) return true;
    if (error.code() != ErrorCode::io) return false;
    switch (error.system_error()) {
        case ENOSPC:
        case EDQUOT:
        case EROFS:
        case EIO:
        case ENOMEM:
        case EMFILE:
        case ENFILE:
            return true;
        default:
            return false;
    }
}

}  // namespace

std::optional<std::chrono::steady_clock::time_point> RestoreProgress::first_content() const {
    using Point = std::chrono::steady_clock::time_point;
    const std::int64_t ticks = first_content_.load();
    return ticks == 0 ? std::nullopt : std::optional(Point(Point::duration(ticks)));
}

void RestoreProgress::note_content() noexcept {
    if (first_content_.load(std::memory_order_relaxed) != 0) return;
    std::int64_t none = 0;
    first_content_.compare_exchange_strong(none, std::chrono::steady_clock::now().time_since_epoch().count());
}

std::string RestoreProgress::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

void RestoreProgress::set_current(std::string path) {
    const std::lock_guard lock(mutex_);
    current_ = std::move(path);
}

MetadataWriter metadata_writer_for(OpenBackup& backup, const RestoreRequest& request) {
    if (!request.ownership_by_name) return MetadataWriter(request.plain);
    return MetadataWriter(request.plain, OwnerMap::by_name(backup.body().owners, backup.body().groups));
}

RestoreRun::RestoreRun(OpenBackup& backup, const RestoreRequest& request, std::size_t queue_size)
    : backup_(backup),
      request_(request),
      target_(request.target, !request.dry_run),
      metadata_(metadata_writer_for(backup, request)),
      rules_{request.overwrite, request.delete_extra, request.verify, metadata_},
      queue_(queue_size) {}

void RestoreRun::item(std::string_view action, const std::string& path, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    request_.on_item(action, path, size);
}

void RestoreRun::foretell(std::string_view action, const std::string& path, const format::Entry* entry) {
    if (entry == nullptr) {
        ++deleted_;
    } else if (entry->type == format::EntryType::directory) {
        ++folders_;
    } else if (action == "unchanged") {
        ++files_unchanged_;
    } else if (action == "skipped") {
        ++files_skipped_;
    } else {
        ++(entry->type == format::EntryType::file ? files_restored_ : others_);
        bytes_restored_ += entry->type == format::EntryType::file ? entry->content.size : 0;
    }
    if (request_.on_item) item(action, path, entry == nullptr ? 0 : entry->logical_size());
}

void RestoreRun::restored(const Item& one, std::uint64_t bytes) {
    ++(one.entry.type == format::EntryType::file ? files_restored_ : others_);
    bytes_restored_ += bytes;
    if (request_.progress != nullptr) {
        request_.progress->items_done.fetch_add(1, std::memory_order_relaxed);
        request_.progress->bytes_done.fetch_add(one.entry.logical_size(), std::memory_order_relaxed);
    }
    if (request_.on_item) item("restored", one.folder->path_of(one.entry.name), one.entry.logical_size());
}

void RestoreRun::linked(const Item& one) {
    ++hard_links_;
    if (request_.progress != nullptr) request_.progress->items_done.fetch_add(1, std::memory_order_relaxed);
    if (request_.on_item) item("restored", one.folder->path_of(one.entry.name), 0);
}

void RestoreRun::left(const Item& one, Found found) {
    ++(found == Found::kept ? files_skipped_ : files_unchanged_);
    if (request_.progress != nullptr) {
        request_.progress->items_done.fetch_add(1, std::memory_order_relaxed);
        request_.progress->bytes_done.fetch_add(one.entry.logical_size(), std::memory_order_relaxed);
    }
    if (request_.on_item) {
        item(found == Found::kept ? "skipped" : "unchanged", one.folder->path_of(one.entry.name),
             one.entry.logical_size());
    }
}

void RestoreRun::made_folder(const Folder& folder, std::string_view action) {
    ++folders_;
    if (request_.progress != nullptr) request_.progress->items_done.fetch_add(1, std::memory_order_relaxed);
    if (request_.on_item) item(action, folder.path(), 0);
}

void RestoreRun::deleted(const std::string& path) {
    ++deleted_;
    if (request_.on_item) item("deleted", path, 0);
}

void RestoreRun::warn(const std::string& path, const MetadataLosses& losses) {
    if (losses.count() == 0) return;
    owners_lost_ += losses.owners;
    attributes_lost_ += losses.attributes;
    for (const std::string& message : losses.refused) warn(path, message);
}

void RestoreRun::warn(const std::string& path, const std::string& message) {
    const std::lock_guard lock(mutex_);
    ++refused_;
    if (warnings_.size() < kMostRemembered) warnings_.push_back({path, message, ErrorCode::failed});
    if (request_.on_warning) request_.on_warning(path, message);
}

void RestoreRun::give_up(const std::string& path, const ContentFailure& failure) {
    const Error& error = failure.error();
    if (!request_.salvage) {
        throw Error(error.code(), path + ": " + error.what(),
                    error.hint().empty() ? "--salvage restores everything else" : error.hint());
    }
    const std::lock_guard lock(mutex_);
    ++content_errors_;
    if (problems_.size() < kMostRemembered) problems_.push_back({path, error.what(), error.code()});
    if (request_.progress != nullptr) ++request_.progress->errors;
    if (request_.on_problem) request_.on_problem(path, error.what());
}

void RestoreRun::give_up(const std::string& path, const Error& error) {
    if (ends_everything(error)) throw error;
    const std::lock_guard lock(mutex_);
    ++content_errors_;
    if (problems_.size() < kMostRemembered) problems_.push_back({path, error.what(), error.code()});
    if (request_.progress != nullptr) ++request_.progress->errors;
    if (request_.on_problem) request_.on_problem(path, error.what());
}

void RestoreRun::done(FolderHandle folder, std::uint32_t count) {
    while (folder && folder->pending.fetch_sub(count, std::memory_order_acq_rel) == count) {
        finish_folder(*folder, folder);
        folder = folder->parent();
        count = 1;
    }
}

void RestoreRun::finish_folder(Folder& folder, const FolderHandle& handle) {
    if (!folder.extras.empty() || folder.metadata) {
        attempt(folder, {}, [&] {
            for (const std::string& name : folder.extras) {
                if (attempt(folder, name, [&] { target_.remove(handle, name); })) deleted(folder.path_of(name));
            }
            if (!folder.metadata) return;
            MetadataLosses losses;
            const FolderPin pin = target_.pin(handle);
            metadata_.apply(pin.fd(), *folder.metadata, false, folder.gives_acl(), losses);
            metadata_.apply_flags(pin.fd(), *folder.metadata, losses);
            if (losses.count() > 0) warn(folder.path(), losses);
        });
    }
    target_.close(folder);
}

void RestoreRun::flag_later(const Item& one, const NodeId& id) {
    const std::lock_guard lock(mutex_);
    one.folder->pending.fetch_add(1, std::memory_order_relaxed);
    late_flags_.push_back({one, id});
}

void RestoreRun::set_late_flags() {
    for (const auto& late : late_flags_) {
        const Item& one = late.item;
        const NodeId& id = late.id;
        attempt(*one.folder, one.entry.name, [&] {
            const FolderPin pin = target_.pin(one.folder);
            const std::string path = one.folder->path_of(one.entry.name);
            const UniqueFd fd = open_beneath(pin.fd(), one.entry.name, O_RDONLY | O_NONBLOCK);
            struct stat status {};
            if (!fd || ::fstat(fd.get(), &status) != 0) throw Error::from_errno("open", path, errno);
            if (!(NodeId::of(status) == id)) {
                throw Error(ErrorCode::refused,
                            path + ": something else came to its place while it was being restored");
            }
            MetadataLosses losses;
            metadata_.apply_flags(fd.get(), one.entry, losses);
            if (losses.count() > 0) warn(path, losses);
        });
        done(one.folder);
    }
    late_flags_.clear();
}

void RestoreRun::fail(std::exception_ptr failure) noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::move(failure);
    }
    failed_.store(true);
    queue_.cancel();
}

void RestoreRun::throw_if_failed() {
    if (!failed_.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex_);
    std::rethrow_exception(failure_);
}

void RestoreRun::check_interrupted() const {
    if (request_.interrupted != nullptr && request_.interrupted->load(std::memory_order_relaxed)) {
        throw Error(ErrorCode::interrupted, "interrupted");
    }
}

RestoreReport RestoreRun::report(std::chrono::steady_clock::time_point started) {
    const std::lock_guard lock(mutex_);
    RestoreReport report;
    report.files_restored = files_restored_;
    report.files_unchanged = files_unchanged_;
    report.files_skipped = files_skipped_;
    report.folders = folders_;
    report.others = others_;
    report.hard_links = hard_links_;
    report.deleted = deleted_;
    report.bytes_restored = bytes_restored_;
    report.files_verified = files_verified_;
    report.content_errors = content_errors_;
    report.owners_not_set = owners_lost_;
    report.attributes_not_set = attributes_lost_;
    report.metadata_warnings = refused_ + owners_lost_ + attributes_lost_;
    report.problems = std::move(problems_);
    report.warnings = std::move(warnings_);
    report.dry_run = request_.dry_run;
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    return report;
}

}  // namespace signet::restore
