#include "storage/local_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "core/crypto/random.h"
#include "core/error.h"
#include "core/handle.h"

namespace signet::storage {
namespace {

constexpr std::string_view kTemporaryFolder = "tmp";
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr int kDeepest = 6;      // no object lies deeper
constexpr int kDeepestLink = 2;  // folders of the repository, and their parts

/// Where objects lie (docs/format.md section 1): a link in the place of one leads to where they are.
bool is_repository_folder(std::string_view name) {
    constexpr std::array<std::string_view, 8> kFolders = {"escrow", "indexes",    "journal", "logs",
                                                          "packs",  "quarantine", "rebuilt", "slots"};
    return std::find(kFolders.begin(), kFolders.end(), name) != kFolders.end();
}

std::string parent_of(std::string_view name) {
    const std::size_t slash = name.rfind('/');
    return std::string(slash == std::string_view::npos ? std::string_view{} : name.substr(0, slash));
}

const char* or_here(const std::string& folder) { return folder.empty() ? "." : folder.c_str(); }

using FolderHandle = Handle<DIR, ::closedir>;

/// Calls `visit(entry name)` for everything in an open folder. throws  Error{io}: also when only a part could be read
void read_folder(UniqueFd fd, const std::string& path, const std::function<void(const char*)>& visit) {
    const FolderHandle folder(::fdopendir(fd.get()));
    if (!folder) throw Error::from_errno("list", path, errno);
    static_cast<void>(fd.release());
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(folder.get());
        if (entry == nullptr) {
            if (errno != 0) throw Error::from_errno("list", path, errno);
            return;
        }
        const char* name = static_cast<const char*>(entry->d_name);
        if (std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0) visit(name);
    }
}

/// Whether some object below `folder` (which ends in "/") can have the prefix.
bool may_hold(std::string_view folder, std::string_view prefix) {
    return folder.starts_with(prefix) || prefix.starts_with(folder);
}

/// Gives an open file its final name unless the name is taken. returns  0, EEXIST, or another errno
int rename_exclusively(int root, const std::string& from, const std::string& to) {
    if (::renameat2(root, from.c_str(), root, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return errno;
    // Network file systems know link(2) alone. Its answer may be lost on the way and the repeated call then fail, so
    // the number of links decides.
    const int result = ::linkat(root, from.c_str(), root, to.c_str(), 0) == 0 ? 0 : errno;
    struct stat status {};
    const bool linked = result == 0 || (::fstatat(root, from.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                                        S_ISREG(status.st_mode) && status.st_nlink == 2);
    if (!linked) return result;
    static_cast<void>(::unlinkat(root, from.c_str(), 0));
    return 0;
}

}  // namespace

/// A file below tmp/, locked by this process and unlinked unless it was given its name.
class LocalStore::Pending final : public PendingObject {
public:
    explicit Pending(LocalStore& store)
        : store_(store),
          name_(std::string(kTemporaryFolder) + "/" + crypto::random_id<Id<struct TemporaryTag, 12>>().hex()),
          fd_(::openat(store.root_.get(), name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                       kFileMode)) {
        if (!fd_) throw Error::from_errno("create", path(), errno);
        exists_ = true;
        // The lock tells a sweep that somebody is still writing. Where there are no locks, age alone tells.
        static_cast<void>(::flock(fd_.get(), LOCK_EX | LOCK_NB));
    }
    ~Pending() override { discard(); }

    void write(ByteView bytes) override {
        guarded([&] { write_full(fd_.get(), bytes, path()); });
    }

    void write_aligned(MutableByteView buffer, std::size_t length) override {
        const std::size_t padded = (length + kDirectAlignment - 1) / kDirectAlignment * kDirectAlignment;
        invariant(reinterpret_cast<std::uintptr_t>(buffer.data()) % kDirectAlignment == 0 && padded <= buffer.size(),
                  "a buffer for direct writing is aligned");
        guarded([&] {
            const MutableByteView whole = buffer.first(padded);
            std::fill(whole.begin() + static_cast<std::ptrdiff_t>(length), whole.end(), std::uint8_t{0});
            const UniqueFd direct = open_directly(fd_.get(), O_WRONLY);
            if (!direct || !try_pwrite_directly(direct.get(), whole, 0)) {
                pwrite_full(fd_.get(), whole.first(length), 0, path());
            }
            if (::ftruncate(fd_.get(), static_cast<off_t>(length)) != 0)
                throw Error::from_errno("write", path(), errno);
        });
    }

    bool commit(std::string_view name, Durability durability) override {
        bool created = false;
        guarded([&] {
            check_name(name);
            if (::fdatasync(fd_.get()) != 0) throw Error::from_errno("sync", path(), errno);
            store_.ensure_folders_of(name);
            // Closed before it gets its name, so that a failure can still abandon it.
            fd_.close(path());
            const int result = rename_exclusively(store_.root_.get(), name_, std::string(name));
            if (result != 0 && result != EEXIST) throw Error::from_errno("create", store_.path_of(name), result);
            created = result == 0;
            if (created) {
                exists_ = false;  // it has its name now: discard() must leave it alone
            } else {
                discard();
            }
            // Also where another process made the object: it may not have synced the folder yet.
            const std::string folder = parent_of(name);
            store_.note_change(folder);
            if (durability == Durability::now) store_.sync_upwards(folder);
        });
        return created;
    }

private:
    [[nodiscard]] std::string path() const { return store_.path_of(name_); }

    /// After a failure nothing more is tried on this file: the system reports a lost write once.
    template <class Action>
    void guarded(const Action& action) {
        invariant(static_cast<bool>(fd_), "a pending object is not used after it was committed or abandoned");
        try {
            action();
        } catch (...) {
            discard();
            throw;
        }
    }

    void discard() noexcept {
        if (exists_) static_cast<void>(::unlinkat(store_.root_.get(), name_.c_str(), 0));
        exists_ = false;
        fd_ = UniqueFd();
    }

    LocalStore& store_;
    std::string name_;
    UniqueFd fd_;
    bool exists_ = false;  ///< there is a file of that name below tmp/, and it is ours to remove
};

constexpr std::uint64_t kWorthBypassing = std::uint64_t{1024} * 1024;

class LocalStore::Reader final : public ObjectReader {
public:
    Reader(UniqueFd fd, std::uint64_t size, std::string name)
        : fd_(std::move(fd)), size_(size), name_(std::move(name)) {
        if (size >= kWorthBypassing) uncached_.emplace(fd_.get(), size);
    }

    std::uint64_t size() const override { return size_; }
    void read(std::uint64_t offset, MutableByteView out) const override {
        check_inside(offset, out.size());
        if (pread_full(fd_.get(), out, offset, name_) != out.size()) fail_short(offset, out.size());
    }
    ByteView read_once(std::uint64_t offset, std::size_t size, MutableByteView room) const override {
        check_inside(offset, size);
        const auto before = static_cast<std::size_t>(offset % kDirectAlignment);
        if (!uncached_) return ObjectReader::read_once(offset, size, room);
        const ssize_t got = uncached_->read(room, before + size, offset - before);
        if (got < 0) throw Error::from_errno("read", name_, errno);
        if (static_cast<std::size_t>(got) != before + size) fail_short(offset, size);
        return room.subspan(before, size);
    }
    void prefetch(std::uint64_t offset, std::uint64_t length) const noexcept override {
        if (offset > size_ || length > size_) return;
        static_cast<void>(
            ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_WILLNEED));
    }

private:
    /// The size is checked first, so that no offset from a damaged index reaches the system.
    void check_inside(std::uint64_t offset, std::size_t size) const {
        if (offset > size_ || size > size_ - offset) fail_short(offset, size);
    }
    [[noreturn]] void fail_short(std::uint64_t offset, std::size_t size) const {
        throw Error(ErrorCode::damaged,
                    name_ + ": ends before octet " + std::to_string(offset) + " + " + std::to_string(size));
    }
    UniqueFd fd_;
    std::uint64_t size_;
    std::string name_;
    std::optional<UncachedReader> uncached_;  ///< of large objects
};

LocalStore::LocalStore(std::string folder, UniqueFd root) : folder_(std::move(folder)), root_(std::move(root)) {}

std::shared_ptr<LocalStore> LocalStore::open(const std::string& folder) {
    UniqueFd root(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) {
        const int why = errno;
        if (why == ENOENT || why == ENOTDIR) {
            throw Error(ErrorCode::no_repository, "no repository at " + folder,
                        "a new one is made by signet init; one that was there may be on a disk that is not mounted");
        }
        throw Error::from_errno("open", folder, why);
    }
    return std::shared_ptr<LocalStore>(new LocalStore(folder, std::move(root)));
}

std::shared_ptr<LocalStore> LocalStore::create_folder(const std::string& folder) {
    make_folders(folder, kFolderMode);
    return open(folder);
}

std::unique_ptr<PendingObject> LocalStore::create() {
    refuse_if_poisoned();
    ensure_temporary_folder();
    return std::make_unique<Pending>(*this);
}

void LocalStore::flush() {
    refuse_if_poisoned();
    std::vector<std::string> folders;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [folder, change] : changed_folders_) folders.push_back(folder);
    }
    for (const std::string& folder : folders) sync_folder(folder);
}

void LocalStore::take_over(std::string_view name) {
    check_name(name);
    for (std::string folder = parent_of(name);; folder = parent_of(folder)) {
        note_change(folder);
        if (folder.empty()) return;
    }
}

std::string LocalStore::path_of(std::string_view name) const { return folder_ + "/" + std::string(name); }

UniqueFd LocalStore::open_file(std::string_view name, std::uint64_t& size) const {
    check_name(name);
    // O_NONBLOCK keeps a FIFO in a hostile repository from stopping us.
    UniqueFd fd(::openat(root_.get(), std::string(name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd) {
        if (errno == ENOENT) return fd;
        // A link, a socket, a device without a driver.
        if (errno == ELOOP || errno == ENXIO || errno == ENODEV)
            throw Error(ErrorCode::damaged, path_of(name) + ": not a regular file");
        throw Error::from_errno("open", path_of(name), errno);
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) throw Error::from_errno("open", path_of(name), errno);
    if (!S_ISREG(status.st_mode)) throw Error(ErrorCode::damaged, path_of(name) + ": not a regular file");
    size = static_cast<std::uint64_t>(status.st_size);
    return fd;
}

std::unique_ptr<ObjectReader> LocalStore::open_if_present(std::string_view name) const {
    std::uint64_t size = 0;
    UniqueFd fd = open_file(name, size);
    if (!fd) return nullptr;
    return std::make_unique<Reader>(std::move(fd), size, path_of(name));
}

std::optional<std::uint64_t> LocalStore::size(std::string_view name) const {
    check_name(name);
    struct stat status {};
    if (::fstatat(root_.get(), std::string(name).c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return std::nullopt;
        throw Error::from_errno("look at", path_of(name), errno);
    }
    if (!S_ISREG(status.st_mode)) throw Error(ErrorCode::damaged, path_of(name) + ": not a regular file");
    return static_cast<std::uint64_t>(status.st_size);
}

void LocalStore::prefetch(std::string_view name) const noexcept {
    try {
        if (const auto reader = open_if_present(name)) reader->prefetch(0, 0);
    } catch (const std::exception&) {
        // Best effort: whoever reads the object will meet the error.
    }
}

CompleteListing LocalStore::list(std::string_view prefix) const {
    std::vector<ObjectInfo> objects;
    const std::function<void(const std::string&, int)> walk = [&](const std::string& folder, int depth) {
        if (depth > kDeepest) return;
        UniqueFd fd(::openat(root_.get(), or_here(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!fd) throw Error::from_errno("list", path_of(folder), errno);
        const int folder_fd = fd.get();
        read_folder(std::move(fd), path_of(folder), [&](const char* entry) {
            const std::string name = folder.empty() ? entry : folder + "/" + entry;
            // What cannot be an object's name is none of ours: lost+found, tmp, another program's file.
            if (name == kTemporaryFolder || !is_object_name(name)) return;
            if (!name.starts_with(prefix) && !may_hold(name + "/", prefix)) return;
            struct stat status {};
            if (::fstatat(folder_fd, entry, &status, AT_SYMLINK_NOFOLLOW) != 0) {
                if (errno == ENOENT) return;  // removed since it was read
                throw Error::from_errno("list", path_of(name), errno);
            }
            // A folder of the repository, or a part of one, may be a link to another disk. Deeper down, a few links
            // would make millions of names; and an object that is a link is not opened.
            bool leads_on = false;
            if (S_ISLNK(status.st_mode) && depth < kDeepestLink) {
                struct stat target {};
                const bool leads_somewhere = ::fstatat(folder_fd, entry, &target, 0) == 0;
                // A disk that is not mounted is no empty folder.
                if (!leads_somewhere && folder.empty() && is_repository_folder(name))
                    throw Error::from_errno("list", path_of(name), errno);
                leads_on = leads_somewhere && S_ISDIR(target.st_mode);
            }
            if (S_ISDIR(status.st_mode) || leads_on) {
                walk(name, depth + 1);
            } else if (name.starts_with(prefix)) {
                objects.push_back({name, static_cast<std::uint64_t>(status.st_size)});
            }
        });
    };
    walk("", 0);
    return complete_listing(std::move(objects));
}

bool LocalStore::remove_listed(std::string_view name) {
    check_name(name);
    refuse_if_poisoned();
    if (::unlinkat(root_.get(), std::string(name).c_str(), 0) != 0) {
        if (errno == ENOENT) return false;
        throw Error::from_errno("remove", path_of(name), errno);
    }
    note_change(parent_of(name));
    return true;
}

std::size_t LocalStore::sweep_temporary(std::int64_t age_seconds) {
    UniqueFd folder(::openat(root_.get(), kTemporaryFolder.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    const std::string path = path_of(kTemporaryFolder);
    if (!folder) {
        if (errno == ENOENT) return 0;
        throw Error::from_errno("list", path, errno);
    }
    // What is old is judged by the clock that dates the files: where they lie on another machine, it is that one's.
    const UniqueFd probe(::openat(folder.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, kFileMode));
    struct stat made {};
    timespec now{};
    if (probe && ::fstat(probe.get(), &made) == 0)
        now = made.st_mtim;
    else
        static_cast<void>(::clock_gettime(CLOCK_REALTIME, &now));
    std::size_t removed = 0;
    const int folder_fd = folder.get();
    read_folder(std::move(folder), path, [&](const char* entry) {
        // Only what a store makes: 24 hexadecimal digits.
        const std::string_view name(entry);
        if (name.size() != 24 || name.find_first_not_of("0123456789abcdef") != std::string_view::npos) return;
        const UniqueFd file(::openat(folder_fd, entry, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        struct stat status {};
        if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
        if (now.tv_sec - status.st_mtim.tv_sec < age_seconds) return;
        if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return;
        if (::unlinkat(folder_fd, entry, 0) == 0) ++removed;
    });
    return removed;
}

void LocalStore::ensure_temporary_folder() {
    const std::lock_guard lock(mutex_);
    if (has_temporary_folder_) return;
    if (::mkdirat(root_.get(), kTemporaryFolder.data(), kFolderMode) != 0 && errno != EEXIST) {
        throw Error::from_errno("make folder", path_of(kTemporaryFolder), errno);
    }
    has_temporary_folder_ = true;
}

void LocalStore::ensure_folders_of(std::string_view name) {
    for (std::size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', slash + 1)) {
        const std::string folder(name.substr(0, slash));
        {
            const std::lock_guard lock(mutex_);
            if (known_folders_.contains(folder)) continue;
        }
        if (::mkdirat(root_.get(), folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
            throw Error::from_errno("make folder", path_of(folder), errno);
        }
        // Also where it existed: whoever made it may not have synced its parent yet.
        note_change(parent_of(folder));
        const std::lock_guard lock(mutex_);
        known_folders_.insert(folder);
    }
}

void LocalStore::note_change(const std::string& folder) {
    const std::lock_guard lock(mutex_);
    changed_folders_[folder] = ++change_count_;
}

void LocalStore::sync_upwards(const std::string& folder) {
    refuse_if_poisoned();
    for (std::string current = folder;; current = parent_of(current)) {
        sync_folder(current);
        if (current.empty()) return;
    }
}

void LocalStore::sync_folder(const std::string& folder) {
    std::uint64_t change = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto found = changed_folders_.find(folder);
        if (found == changed_folders_.end()) return;
        change = found->second;
    }
    const UniqueFd fd(::openat(root_.get(), or_here(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const bool synced = fd && ::fsync(fd.get()) == 0;
    const int why = errno;
    const std::lock_guard lock(mutex_);
    if (!synced) {
        poisoned_ = true;
        throw Error::from_errno("sync", path_of(folder), why);
    }
    // A change since then needs a sync of its own.
    const auto found = changed_folders_.find(folder);
    if (found != changed_folders_.end() && found->second == change) changed_folders_.erase(found);
}

void LocalStore::refuse_if_poisoned() {
    const std::lock_guard lock(mutex_);
    if (poisoned_) {
        throw Error(ErrorCode::io, folder_ + ": a folder could not be synced before, so nothing more is written",
                    "check the disk, then run this again");
    }
}

}  // namespace signet::storage
