#include "backup/source.h"

#include "format/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace signet::backup {
namespace {

constexpr std::size_t kLongPath = 4000;  // PATH_MAX is 4096 with the zero octet
// Flags that a person can set and a restore can set again; the others describe how the file system stores the file.
constexpr std::uint32_t kKeptFlags = FS_SECRM_FL | FS_UNRM_FL | FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL |
                                     FS_NODUMP_FL | FS_NOATIME_FL | FS_COMPR_FL | FS_NOCOMP_FL | FS_JOURNAL_DATA_FL |
                                     FS_NOTAIL_FL | FS_DIRSYNC_FL | FS_TOPDIR_FL | FS_NOCOW_FL;

format::FileTime time_of(const struct statx_timestamp& time) { return {time.tv_sec, time.tv_nsec}; }

/// The folder that holds the last component of a very long path, component by component, and that component.
UniqueFd open_parent(const std::string& path, std::string& last) {
    UniqueFd folder(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    std::size_t at = 1;
    while (folder) {
        const auto slash = path.find('/', at);
        if (slash == std::string::npos) break;
        folder =
            UniqueFd(::openat(folder.get(), path.substr(at, slash - at).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        at = slash + 1;
    }
    last = path.substr(at);
    return folder;
}

int open_without_atime(int folder, const char* name, int flags) {
    const int fd = ::openat(folder, name, flags | O_NOATIME);
    if (fd >= 0 || errno != EPERM) return fd;
    return ::openat(folder, name, flags);
}

void note(Attributes& attributes, int error_number, const std::string& problem) {
    if (!attributes.problem.empty()) return;
    attributes.problem = problem;
    attributes.error_number = error_number;
}

template <class List, class Get>
void read_xattrs(const List& list, const Get& get, Attributes& attributes) {
    auto& result = attributes.xattrs;
    char small[1024];
    std::vector<char> large;
    char* names = small;
    ssize_t size = list(small, sizeof small);
    if (size < 0 && errno == ERANGE) {
        large.resize(std::size_t{64} * 1024);
        names = large.data();
        size = list(names, large.size());
    }
    if (size < 0 && errno != ENOTSUP && errno != ENODATA) note(attributes, errno, "cannot list its attributes");
    std::string value;
    for (ssize_t at = 0; at < size;) {
        const std::string name(names + at);
        at += static_cast<ssize_t>(name.size()) + 1;
        if (name.empty()) continue;
        value.resize(256);
        ssize_t length = get(name.c_str(), value.data(), value.size());
        if (length < 0 && errno == ERANGE) {
            value.resize(format::kMaxXattrValue);
            length = get(name.c_str(), value.data(), value.size());
        }
        if (length < 0) {
            if (errno != ENODATA)
                note(attributes, errno, "cannot read attribute " + name);  // else it is gone meanwhile
            continue;
        }
        result.push_back({name, value.substr(0, static_cast<std::size_t>(length))});
    }
    std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    if (result.size() > format::kMaxXattrs) {
        note(attributes, E2BIG, "cannot keep attribute " + result[format::kMaxXattrs].name);
        result.resize(format::kMaxXattrs);
    }
}

}  // namespace

int stat_at(int folder_fd, const char* name, bool follow, SourceStat& result) {
    struct statx raw {};
    int flags = AT_NO_AUTOMOUNT | (follow ? 0 : AT_SYMLINK_NOFOLLOW);
    if (name[0] == '\0') flags |= AT_EMPTY_PATH;
    if (::statx(folder_fd, name, flags, STATX_BASIC_STATS | STATX_BTIME, &raw) != 0) return errno;
    result.mode = raw.stx_mode;
    result.uid = raw.stx_uid;
    result.gid = raw.stx_gid;
    result.links = raw.stx_nlink;
    result.device = makedev(raw.stx_dev_major, raw.stx_dev_minor);
    result.inode = raw.stx_ino;
    result.size = raw.stx_size;
    result.blocks = raw.stx_blocks;
    result.modified = time_of(raw.stx_mtime);
    result.changed = time_of(raw.stx_ctime);
    if ((raw.stx_mask & STATX_BTIME) != 0) result.born = time_of(raw.stx_btime);
    result.major = raw.stx_rdev_major;
    result.minor = raw.stx_rdev_minor;
    result.automount = (raw.stx_attributes & STATX_ATTR_AUTOMOUNT) != 0;
    return 0;
}

UniqueFd open_source(const std::string& path, int extra_flags) {
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | extra_flags;
    if (path.size() < kLongPath) return UniqueFd(open_without_atime(AT_FDCWD, path.c_str(), flags));
    std::string last;
    const auto parent = open_parent(path, last);
    if (!parent) return {};
    return UniqueFd(open_without_atime(parent.get(), last.c_str(), flags));
}

int stat_path(const std::string& path, bool follow, SourceStat& result) {
    if (path.size() < kLongPath) return stat_at(AT_FDCWD, path.c_str(), follow, result);
    std::string last;
    const auto parent = open_parent(path, last);
    if (!parent) return errno;
    return stat_at(parent.get(), last.c_str(), follow, result);
}

bool is_reached_without_links(const std::string& path, const SourceStat& stat) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
    SourceStat there;
    return fd && stat_at(fd.get(), "", false, there) == 0 && there.is_same_inode(stat);
}

Attributes attributes_of(int fd, bool with_flags) {
    Attributes result;
    read_xattrs([&](char* names, std::size_t size) { return ::flistxattr(fd, names, size); },
                [&](const char* name, char* value, std::size_t size) { return ::fgetxattr(fd, name, value, size); },
                result);
    int flags = 0;
    if (with_flags && ::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        const auto kept = static_cast<std::uint32_t>(flags) & kKeptFlags;
        if (kept != 0) result.flags = kept;
    }
    return result;
}

Attributes attributes_of_path(const std::string& path) {
    Attributes result;
    std::string usable = path;
    UniqueFd parent;
    if (path.size() >= kLongPath) {  // there is no lgetxattrat(2) here: go through the descriptor of the folder
        std::string last;
        parent = open_parent(path, last);
        if (!parent) return result;
        usable = "/proc/self/fd/" + std::to_string(parent.get()) + "/" + last;
    }
    read_xattrs(
        [&](char* names, std::size_t size) { return ::llistxattr(usable.c_str(), names, size); },
        [&](const char* name, char* value, std::size_t size) { return ::lgetxattr(usable.c_str(), name, value, size); },
        result);
    return result;
}

bool read_link(const std::string& path, std::string& target) {
    std::string last = path;
    UniqueFd parent;
    if (path.size() >= kLongPath) {
        parent = open_parent(path, last);
        if (!parent) return false;
    }
    target.resize(format::kMaxTarget + 1);
    const auto size = ::readlinkat(parent ? parent.get() : AT_FDCWD, last.c_str(), target.data(), target.size());
    if (size < 0) return false;
    target.resize(static_cast<std::size_t>(size));
    return true;
}

Listing list_folder(const std::string& path, const ExcludeRules& rules) {
    Listing listing;
    const auto give_up = [&](int error, const char* what) {
        listing.problems.push_back({path, error, what});
        return std::move(listing);
    };
    UniqueFd fd = open_source(path, O_DIRECTORY);
    if (!fd) {
        const int error = errno;
        (void)stat_path(path, false, listing.stat);
        return give_up(error, "cannot open folder");
    }
    const int folder = fd.get();
    if (const int error = stat_at(folder, "", false, listing.stat); error != 0)
        return give_up(error, "cannot read folder");
    listing.attributes = attributes_of(folder, true);
    if (!listing.attributes.problem.empty()) {
        listing.problems.push_back({path, listing.attributes.error_number, listing.attributes.problem});
    }
    std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.release()), ::closedir);
    if (!stream) return give_up(errno, "cannot read folder");
    const auto marker = rules.caches || !rules.if_present.empty() ? rules.marker_in(folder) : std::string();
    std::string full = path == "/" ? path : path + "/";
    const auto base = full.size();
    for (;;) {
        errno = 0;
        const dirent* next = ::readdir(stream.get());
        if (next == nullptr) {
            if (errno != 0) listing.problems.push_back({path, errno, "cannot list folder to its end"});
            break;
        }
        const std::string_view name(next->d_name);
        if (name == "." || name == "..") continue;
        if (!marker.empty() && name != marker) continue;
        full.resize(base);
        full += name;
        if (!rules.patterns.empty() && rules.patterns.matches(full)) continue;
        ScannedEntry entry;
        if (const int error = stat_at(folder, next->d_name, false, entry.stat); error != 0) {
            listing.problems.push_back({full, error, error == ENOENT ? "vanished" : "cannot be examined"});
            continue;
        }
        if (rules.larger_than && entry.stat.is_file() && entry.stat.size > *rules.larger_than) continue;
        entry.name = name;
        listing.entries.push_back(std::move(entry));
    }
    std::sort(listing.entries.begin(), listing.entries.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return listing;
}

format::Entry entry_of(const std::string& name, const SourceStat& stat) {
    format::Entry entry;
    entry.name = name;
    entry.mode = stat.mode & 07777;
    entry.uid = stat.uid;
    entry.gid = stat.gid;
    entry.modified = stat.modified;
    if (S_ISREG(stat.mode)) entry.type = format::EntryType::file;
    if (S_ISDIR(stat.mode)) entry.type = format::EntryType::directory;
    if (S_ISLNK(stat.mode)) entry.type = format::EntryType::symlink;
    if (S_ISFIFO(stat.mode)) entry.type = format::EntryType::fifo;
    if (S_ISSOCK(stat.mode)) entry.type = format::EntryType::socket;
    if (S_ISCHR(stat.mode)) entry.type = format::EntryType::character;
    if (S_ISBLK(stat.mode)) entry.type = format::EntryType::block;
    if (S_ISCHR(stat.mode) || S_ISBLK(stat.mode)) {
        entry.major = stat.major;
        entry.minor = stat.minor;
    }
    if (stat.born) {
        // Birth times that a nanosecond count cannot tell from the modification time (centuries away) are left out.
        const std::int64_t seconds = stat.born->seconds - stat.modified.seconds;
        if (seconds > -4'000'000'000 && seconds < 4'000'000'000) {
            entry.birth_delta_ns = seconds * 1'000'000'000 + (static_cast<std::int64_t>(stat.born->nanoseconds) -
                                                              static_cast<std::int64_t>(stat.modified.nanoseconds));
        }
    }
    return entry;
}

}  // namespace signet::backup
