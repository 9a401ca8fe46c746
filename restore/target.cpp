#include "restore/target.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>

#include "core/crypto/random.h"
#include "core/error.h"
#include "core/handle.h"
#include "core/open_beneath.h"

namespace signet::restore {
namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY;
constexpr mode_t kNewFolderMode = 0700;
constexpr const char* kDefaultAcl = "system.posix_acl_default";
constexpr const char* kAccessAcl = "system.posix_acl_access";

using DirHandle = Handle<DIR, ::closedir>;

/// A quarter of what the process may open: packs, files and the caller need the rest.
std::size_t descriptor_budget() {
    constexpr std::size_t kFewest = 16;
    constexpr std::size_t kMost = 1024;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kFewest;
    return std::clamp<std::size_t>(limit.rlim_cur / 4, kFewest, kMost);
}

struct stat status_of(int fd, const std::string& path) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw Error::from_errno("look at", path, errno);
    return status;
}

bool is_dot(const char* name) { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

/// Everything in an open folder. The descriptor's position moves.
std::vector<Target::Listed> read_folder(int fd, const std::string& path) {
    UniqueFd own = open_beneath(fd, ".", kOpenFolder);
    if (!own) throw Error::from_errno("list", path, errno);
    const DirHandle folder(::fdopendir(own.get()));
    if (!folder) throw Error::from_errno("list", path, errno);
    static_cast<void>(own.release());
    std::vector<Target::Listed> all;
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(folder.get());
        if (entry == nullptr) {
            if (errno != 0) throw Error::from_errno("list", path, errno);
            return all;
        }
        const char* name = static_cast<const char*>(entry->d_name);
        if (is_dot(name)) continue;
        bool is_folder = entry->d_type == DT_DIR;
        if (entry->d_type == DT_UNKNOWN) {
            struct stat status {};
            is_folder = ::fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
        }
        all.push_back({name, is_folder});
    }
}

/// Whether something else than "." and ".." is in an open folder. Its position moves.
bool holds_anything(int fd, const std::string& path) {
    alignas(dirent64) std::array<char, 4096> octets{};
    for (;;) {
        const ssize_t count = ::getdents64(fd, octets.data(), octets.size());
        if (count < 0) throw Error::from_errno("list", path, errno);
        if (count == 0) return false;
        for (std::size_t at = 0; at < static_cast<std::size_t>(count);) {
            const char* const entry = octets.data() + at;
            if (!is_dot(entry + offsetof(dirent64, d_name))) return true;
            std::uint16_t length = 0;
            std::memcpy(&length, entry + offsetof(dirent64, d_reclen), sizeof length);
            at += length;
        }
    }
}

/// What a file system makes of new things: FAT and some mounts from afar know one owner for all, and modes of their
/// own.
struct Keeping {
    uid_t owner = 0;
    bool modes = true;
};

/// Tries it with a file: exclusive creation opens what it made, so nobody can interfere.
Keeping keeping_of(int folder_fd, const std::string& path) {
    const std::string name = ".signet-" + crypto::random_id<Id<struct ProbeNameTag, 8>>().hex();
    const UniqueFd fd = open_beneath(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!fd) throw Error::from_errno("make", path, errno);
    static_cast<void>(::unlinkat(folder_fd, name.c_str(), 0));
    const uid_t owner = status_of(fd.get(), path).st_uid;
    const bool modes = ::fchmod(fd.get(), 0) == 0 && (status_of(fd.get(), path).st_mode & 07777) == 0;
    return {owner, modes};
}

/// The mount that an open folder was reached by, which tells apart what a bind mount shows of the same file system.
/// returns  nothing where the system does not know (Linux before 5.8)
std::optional<std::uint64_t> mount_of(int fd) {
    struct statx status {};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0 || (status.stx_mask & STATX_MNT_ID) == 0) return {};
    return status.stx_mnt_id;
}

/// Removes everything in a folder and the folder. Holds one descriptor at a time, whatever the depth: the way back up
/// is
/// "..", which must lead to the folder that was left.
class TreeRemover {
public:
    TreeRemover(int parent, const std::string& name, std::string path)
        : parent_(parent), name_(name), path_(std::move(path)) {}

    void run() {
        device_ = status_of(parent_, path_).st_dev;
        mount_ = mount_of(parent_);
        go_into(parent_, name_);
        while (!levels_.back().folders.empty() || levels_.size() > 1) {
            if (levels_.back().folders.empty()) {
                go_up();
            } else {
                const std::string below = std::move(levels_.back().folders.back());
                levels_.back().folders.pop_back();
                go_into(fd_.get(), below);
            }
        }
        fd_ = UniqueFd();
        remove_folder(parent_, name_);
    }

private:
    struct Level {
        NodeId id;
        std::string name;
        std::vector<std::string> folders;  ///< still in it
    };

    /// Opens a folder and removes what is in it, but for folders.
    void go_into(int parent, const std::string& name) {
        UniqueFd below = open_beneath(parent, name, kOpenFolder);
        if (!below) throw Error::from_errno("delete", path_ + " (" + name + ")", errno);
        const struct stat status = status_of(below.get(), path_);
        if (status.st_dev != device_ || mount_of(below.get()) != mount_) {
            throw Error(ErrorCode::refused, "cannot delete " + path_ + ": something is mounted in it (" + name + ")");
        }
        Level level{NodeId::of(status), name, {}};
        for (Target::Listed& one : read_folder(below.get(), path_)) {
            if (one.is_folder) {
                level.folders.push_back(std::move(one.name));
            } else if (::unlinkat(below.get(), one.name.c_str(), 0) != 0) {
                throw Error::from_errno("delete", path_ + " (" + one.name + ")", errno);
            }
        }
        fd_ = std::move(below);
        levels_.push_back(std::move(level));
    }

    void go_up() {
        // Up is not beneath; what it leads to is compared with what was left.
        UniqueFd up(::openat(fd_.get(), "..", kOpenFolder | O_NOFOLLOW | O_CLOEXEC));
        if (!up) throw Error::from_errno("delete", path_, errno);
        const std::string name = std::move(levels_.back().name);
        levels_.pop_back();
        if (!(NodeId::of(status_of(up.get(), path_)) == levels_.back().id)) {
            throw Error(ErrorCode::refused, "cannot delete " + path_ + ": somebody else is changing it");
        }
        fd_ = std::move(up);
        remove_folder(fd_.get(), name);
    }

    void remove_folder(int parent, const std::string& name) const {
        if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0) {
            throw Error::from_errno("delete", path_ + " (" + name + ")", errno);
        }
    }

    int parent_;
    const std::string& name_;
    std::string path_;
    dev_t device_ = 0;
    std::optional<std::uint64_t> mount_;
    UniqueFd fd_;
    std::vector<Level> levels_;
};

}  // namespace

struct stat require_just_made(int folder_fd, int fd, mode_t type, const std::string& path) {
    const struct stat status = status_of(fd, path);
    const bool is_folder = type == S_IFDIR;
    const auto refuse = [&] {
        throw Error(ErrorCode::refused, path + ": something else came to its place while it was being made");
    };
    if ((status.st_mode & S_IFMT) != type || (is_folder ? status.st_nlink > 2 : status.st_nlink != 1)) refuse();
    // A folder may have taken setgid from the one above.
    const bool is_private = !is_folder || (status.st_mode & 07777 & ~static_cast<mode_t>(S_IRWXU | S_ISGID)) == 0;
    if (status.st_uid != ::geteuid() || !is_private) {
        const Keeping keeping = keeping_of(folder_fd, path);
        if (status.st_uid != keeping.owner || (!is_private && keeping.modes)) refuse();
    }
    if (is_folder && holds_anything(fd, path)) refuse();
    return status;
}

std::string Folder::path() const {
    std::vector<const Folder*> way;
    for (const Folder* folder = this; folder->parent_; folder = folder->parent_.get()) way.push_back(folder);
    if (way.empty()) return "/";
    std::string path;
    for (auto folder = way.rbegin(); folder != way.rend(); ++folder) path += "/" + (*folder)->name_;
    return path;
}

std::string Folder::path_of(std::string_view name) const {
    std::string whole = path();
    if (name.empty()) return whole;
    if (whole.back() != '/') whole += '/';
    return whole.append(name);
}

FolderPin::FolderPin(FolderPin&& other) noexcept
    : target_(std::exchange(other.target_, nullptr)),
      folder_(std::move(other.folder_)),
      fd_(std::exchange(other.fd_, -1)) {}

FolderPin& FolderPin::operator=(FolderPin&& other) noexcept {
    if (this != &other) {
        release();
        target_ = std::exchange(other.target_, nullptr);
        folder_ = std::move(other.folder_);
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

void FolderPin::release() noexcept {
    if (target_ != nullptr) target_->unpin(*folder_);
    target_ = nullptr;
    folder_.reset();
    fd_ = -1;
}

Target::Target(std::string path, bool may_make) : path_(std::move(path)), most_open_(descriptor_budget()) {
    bool existed = true;
    // The target's own path is the caller's: links in it are followed.
    UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd && errno == ENOENT) {
        if (!may_make) return;
        existed = false;
        make_folders(path_, kNewFolderMode);
        fd = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
    if (!fd) throw Error::from_errno("open", path_, errno);
    if (!existed) static_cast<void>(require_just_made(fd.get(), fd.get(), S_IFDIR, path_));
    root_ = adopt(nullptr, {}, std::move(fd), existed);
    ++root_->pins_;  // its descriptor could not be had again
}

Target::~Target() = default;

FolderHandle Target::adopt(const FolderHandle& parent, const std::string& name, UniqueFd fd, bool existed) {
    // Whoever drops the last handle, the list of open folders must not keep a pointer to it.
    FolderHandle folder(new Folder, [this](Folder* last) {
        const std::unique_ptr<Folder> owner(last);
        forget(*last);
    });
    folder->parent_ = parent;
    folder->name_ = name;
    folder->existed_ = existed;
    const struct stat status = status_of(fd.get(), parent ? parent->path_of(name) : path_);
    folder->id_ = NodeId::of(status);
    folder->gives_group_ = (status.st_mode & S_ISGID) != 0;
    // A new folder can only have inherited a default ACL.
    if (existed || !parent || parent->gives_acl_) {
        folder->gives_acl_ = ::fgetxattr(fd.get(), kDefaultAcl, nullptr, 0) > 0;
        if (folder->gives_acl_ && !existed) {
            static_cast<void>(::fremovexattr(fd.get(), kDefaultAcl));
            static_cast<void>(::fremovexattr(fd.get(), kAccessAcl));
            folder->gives_acl_ = false;
        }
    }
    keep(*folder, std::move(fd));
    return folder;
}

void Target::keep(Folder& folder, UniqueFd fd) {
    const std::lock_guard lock(mutex_);
    if (folder.fd_) return;  // another thread was faster
    folder.fd_ = std::move(fd);
    open_.push_front(&folder);
    folder.recent_ = open_.begin();
    for (auto last = open_.end(); open_.size() > most_open_ && last != open_.begin();) {
        --last;
        Folder& oldest = **last;
        if (oldest.pins_ > 0 || &oldest == &folder) continue;
        oldest.fd_ = UniqueFd();
        last = open_.erase(last);
    }
}

FolderPin Target::pin(const FolderHandle& folder) {
    FolderPin pin;
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (folder->fd_) {
                ++folder->pins_;
                open_.splice(open_.begin(), open_, folder->recent_);
                pin.target_ = this;
                pin.folder_ = folder;
                pin.fd_ = folder->fd_.get();
                return pin;
            }
        }
        const std::string path = folder->path();
        const FolderPin above = this->pin(folder->parent_);
        UniqueFd fd = open_component(above.fd(), folder->name_, path);
        if (!(NodeId::of(status_of(fd.get(), path)) == folder->id_)) {
            throw Error(ErrorCode::refused,
                        path + ": another folder has come to its place while it was being restored");
        }
        keep(*folder, std::move(fd));
    }
}

void Target::unpin(Folder& folder) noexcept {
    const std::lock_guard lock(mutex_);
    --folder.pins_;
}

void Target::close(Folder& folder) noexcept {
    const std::lock_guard lock(mutex_);
    if (!folder.fd_ || folder.pins_ > 0) return;
    open_.erase(folder.recent_);
    folder.fd_ = UniqueFd();
}

void Target::forget(Folder& folder) noexcept {
    const std::lock_guard lock(mutex_);
    if (folder.fd_) open_.erase(folder.recent_);
}

UniqueFd Target::open_component(int parent_fd, const std::string& name, const std::string& path) {
    UniqueFd fd = open_beneath(parent_fd, name, kOpenFolder);
    if (!fd) throw Error::from_errno("open", path, errno);
    return fd;
}

FolderHandle Target::make_folder(const FolderHandle& parent, const std::string& name, InTheWay in_the_way) {
    invariant(format::is_entry_name(name), "one component of a path");
    const std::string path = parent->path_of(name);
    const FolderPin above = pin(parent);
    bool existed = false;
    if (::mkdirat(above.fd(), name.c_str(), kNewFolderMode) != 0) {
        if (errno != EEXIST) throw Error::from_errno("make folder", path, errno);
        struct stat status {};
        if (::fstatat(above.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            throw Error::from_errno("look at", path, errno);
        }
        existed = S_ISDIR(status.st_mode);
        if (!existed) {
            if (in_the_way == InTheWay::refuse) {
                throw Error(ErrorCode::refused, path + ": something that is not a folder is in its place");
            }
            if (::unlinkat(above.fd(), name.c_str(), 0) != 0) throw Error::from_errno("replace", path, errno);
            if (::mkdirat(above.fd(), name.c_str(), kNewFolderMode) != 0)
                throw Error::from_errno("make folder", path, errno);
        }
    }
    UniqueFd fd = open_beneath(above.fd(), name, kOpenFolder);
    const bool mine = existed && in_the_way == InTheWay::replace;
    if (!fd && errno == EACCES && mine) {
        // One's own folder without permission to read it: its mode is set anew in the end anyway.
        if (::fchmodat(above.fd(), name.c_str(), kNewFolderMode, AT_SYMLINK_NOFOLLOW) == 0) {
            fd = open_beneath(above.fd(), name, kOpenFolder);
        }
    }
    if (!fd) throw Error::from_errno("open", path, errno);
    if (!existed) static_cast<void>(require_just_made(above.fd(), fd.get(), S_IFDIR, path));
    if (mine) {
        const struct stat status = status_of(fd.get(), path);
        if ((status.st_mode & S_IRWXU) != S_IRWXU && status.st_uid == ::geteuid()) {
            static_cast<void>(::fchmod(fd.get(), (status.st_mode & 07777) | S_IRWXU));
        }
    }
    return adopt(parent, name, std::move(fd), existed);
}

FolderHandle Target::find_folder(const FolderHandle& parent, const std::string& name) {
    const FolderPin above = pin(parent);
    UniqueFd fd = open_beneath(above.fd(), name, kOpenFolder);
    if (!fd) {
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return nullptr;
        throw Error::from_errno("open", parent->path_of(name), errno);
    }
    return adopt(parent, name, std::move(fd), true);
}

std::vector<Target::Listed> Target::list(const FolderHandle& folder) {
    const FolderPin here = pin(folder);
    std::vector<Listed> all = read_folder(here.fd(), folder->path());
    std::sort(all.begin(), all.end(), [](const Listed& left, const Listed& right) { return left.name < right.name; });
    return all;
}

void Target::remove(const FolderHandle& folder, const std::string& name) {
    const FolderPin here = pin(folder);
    if (::unlinkat(here.fd(), name.c_str(), 0) == 0) return;
    const std::string path = folder->path_of(name);
    if (errno != EISDIR && errno != EPERM) throw Error::from_errno("delete", path, errno);
    const int why = errno;
    struct stat status {};
    if (::fstatat(here.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode)) {
        throw Error::from_errno("delete", path, why);
    }
    TreeRemover(here.fd(), name, path).run();
}

}  // namespace signet::restore
