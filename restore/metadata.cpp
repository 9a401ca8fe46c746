#include "restore/metadata.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>

#include "core/error.h"
#include "core/file.h"

namespace signet::restore {
namespace {

constexpr uid_t kLeaveUid = static_cast<uid_t>(-1);
constexpr gid_t kLeaveGid = static_cast<gid_t>(-1);
constexpr const char* kAccessAcl = "system.posix_acl_access";

/// What chattr(1) may set and a copy may have. Others say how the file system keeps the file.
constexpr std::uint32_t kSettableFlags = FS_SECRM_FL | FS_UNRM_FL | FS_COMPR_FL | FS_SYNC_FL | FS_IMMUTABLE_FL |
                                         FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_NOCOMP_FL | FS_DIRSYNC_FL |
                                         FS_TOPDIR_FL | FS_NOCOW_FL;

/// The process's umask, without changing it for other threads. All bits where it cannot be known.
mode_t read_umask() {
    try {
        const Bytes status = read_file("/proc/self/status", std::size_t{64} * 1024);
        const std::string_view text = as_text(status);
        constexpr std::string_view kName = "\nUmask:\t";
        const std::size_t found = text.find(kName);
        if (found == std::string_view::npos) return 0777;
        mode_t mask = 0;
        for (const char digit : text.substr(found + kName.size(), 4)) {
            if (digit < '0' || digit > '7') return 0777;
            mask = mask * 8 + static_cast<mode_t>(digit - '0');
        }
        return mask;
    } catch (const Error&) {
        return 0777;
    }
}

std::vector<gid_t> read_groups() {
    const int count = ::getgroups(0, nullptr);
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(count, 0)));
    if (count > 0 && ::getgroups(count, groups.data()) != count) groups.clear();
    return groups;
}

bool has_acl(const format::Entry& entry) {
    return std::any_of(entry.xattrs.begin(), entry.xattrs.end(),
                       [](const format::Xattr& xattr) { return xattr.name == kAccessAcl; });
}

/// Whether an error is about the disk or the machine and not about what this user, file or file system may have: then
/// the thing is not restored, and nobody may be told that it is. An attribute may be too large for a file system that
/// has room.
bool is_failure(int why, bool is_attribute) {
    switch (why) {
        case EIO:
        case EROFS:
        case ENOMEM:
        case ESTALE:
        case EINTR:
            return true;
        case ENOSPC:
        case EDQUOT:
            return !is_attribute;
        default:
            return false;
    }
}

/// throws  Error{io}: it was no refusal
void refused(MetadataLosses& losses, const std::string& what, int why, bool is_attribute = false) {
    if (is_failure(why, is_attribute)) throw Error::from_errno("set", what, why);
    losses.refused.emplace_back(Error::from_errno("set", what, why).what());
}

}  // namespace

mode_t type_bits(format::EntryType type) {
    switch (type) {
        case format::EntryType::file:
            return S_IFREG;
        case format::EntryType::directory:
            return S_IFDIR;
        case format::EntryType::symlink:
            return S_IFLNK;
        case format::EntryType::fifo:
            return S_IFIFO;
        case format::EntryType::socket:
            return S_IFSOCK;
        case format::EntryType::character:
            return S_IFCHR;
        case format::EntryType::block:
            return S_IFBLK;
    }
    return S_IFREG;
}

timespec to_timespec(const format::FileTime& time) {
    timespec result{};
    result.tv_sec = static_cast<time_t>(time.seconds);
    result.tv_nsec = static_cast<long>(time.nanoseconds);
    return result;
}

OwnerMap OwnerMap::by_name(const std::vector<std::pair<std::uint32_t, std::string>>& users,
                           const std::vector<std::pair<std::uint32_t, std::string>>& groups) {
    OwnerMap result;
    for (const auto& [number, name] : users) {
        if (const passwd* entry = ::getpwnam(name.c_str())) result.users[number] = entry->pw_uid;
    }
    for (const auto& [number, name] : groups) {
        if (const ::group* entry = ::getgrnam(name.c_str())) result.groups[number] = entry->gr_gid;
    }
    return result;
}

MetadataWriter::MetadataWriter(bool plain, OwnerMap owners)
    : plain_(plain),
      owners_(std::move(owners)),
      is_root_(::geteuid() == 0),
      uid_(::geteuid()),
      gid_(::getegid()),
      umask_(read_umask()),
      groups_(read_groups()) {}

bool MetadataWriter::may_make(const format::Entry& entry) const {
    switch (entry.type) {
        case format::EntryType::character:
        case format::EntryType::block:
            return is_root_ && !plain_;
        case format::EntryType::socket:
            return !plain_;
        default:
            return true;
    }
}

MetadataWriter::Owner MetadataWriter::owner_of(const format::Entry& entry) const {
    if (plain_) return {kLeaveUid, kLeaveGid, true};
    const auto user = owners_.users.find(entry.uid);
    const auto group = owners_.groups.find(entry.gid);
    const uid_t uid = user == owners_.users.end() ? entry.uid : user->second;
    const gid_t gid = group == owners_.groups.end() ? entry.gid : group->second;
    // Nobody can have these two: the system takes them for "as it is".
    const bool exists = uid != kLeaveUid && gid != kLeaveGid;
    if (is_root_) return {uid, gid, exists};
    const bool may_give = gid == gid_ || std::find(groups_.begin(), groups_.end(), gid) != groups_.end();
    return {kLeaveUid, may_give ? gid : kLeaveGid, may_give && uid == uid_};
}

/// setuid and setgid mean something only together with the owner that they stand for.
mode_t MetadataWriter::mode_of(const format::Entry& entry, bool owner_is_right) const {
    const mode_t mode = entry.mode & 07777;
    return plain_ || !owner_is_right ? mode & ~static_cast<mode_t>(S_ISUID | S_ISGID) : mode;
}

MetadataWriter::Creation MetadataWriter::creation(const format::Entry& entry, bool gives_group, bool gives_acl) const {
    const Owner owner = owner_of(entry);
    const bool owner_is_mine = (owner.uid == kLeaveUid || owner.uid == uid_) &&
                               (owner.gid == kLeaveGid || (owner.gid == gid_ && !gives_group));
    const mode_t mode = mode_of(entry, owner.complete);
    const bool as_asked =
        (mode & ~static_cast<mode_t>(0777)) == 0 && (mode & umask_) == 0 && !gives_acl && !has_acl(entry);
    // Attributes of a file that its owner may not write cannot be set any more once it has its mode.
    const bool can_set_attributes = is_root_ || entry.xattrs.empty() || (mode & S_IWUSR) != 0;
    if (owner_is_mine && as_asked && can_set_attributes) return {mode, true};
    return {};
}

bool MetadataWriter::wants_attribute(const std::string& name, MetadataLosses& losses) const {
    if (name.starts_with("user.") || name.starts_with("system.posix_acl_")) return true;
    if (plain_) return false;
    if (is_root_ || !(name.starts_with("security.") || name.starts_with("trusted."))) return true;
    ++losses.attributes;
    return false;
}

/// root can give any owner but those that the system knows nobody by.
void MetadataWriter::note_nobody(const Owner& owner, MetadataLosses& losses) const {
    if (is_root_ && !owner.complete) refused(losses, "owner", EINVAL);
}

void MetadataWriter::apply(int fd, const format::Entry& entry, bool is_final, bool lost_acl,
                           MetadataLosses& losses) const {
    Owner owner = owner_of(entry);
    note_nobody(owner, losses);
    if (!is_final) {
        const bool any = owner.uid != kLeaveUid || owner.gid != kLeaveGid;
        if (any && ::fchown(fd, owner.uid, owner.gid) != 0) {
            refused(losses, "owner", errno);
            owner.complete = false;
        }
    }
    if (!is_root_ && !plain_ && !owner.complete) ++losses.owners;
    if (lost_acl && !has_acl(entry)) static_cast<void>(::fremovexattr(fd, kAccessAcl));
    for (const format::Xattr& xattr : entry.xattrs) {
        if (!wants_attribute(xattr.name, losses)) continue;
        if (::fsetxattr(fd, xattr.name.c_str(), xattr.value.data(), xattr.value.size(), 0) != 0) {
            refused(losses, xattr.name, errno, true);
        }
    }
    // After the owner, whose change takes setuid away, and after the ACL, whose mask the mode's group bits are.
    if (!is_final && ::fchmod(fd, mode_of(entry, owner.complete)) != 0) refused(losses, "mode", errno);
    timespec times[2]{};
    times[0].tv_nsec = UTIME_OMIT;
    times[1] = to_timespec(entry.modified);
    if (::futimens(fd, times) != 0) refused(losses, "time", errno);
}

void MetadataWriter::apply_unopened(int fd, const format::Entry& entry, MetadataLosses& losses) const {
    Owner owner = owner_of(entry);
    note_nobody(owner, losses);
    const bool any = owner.uid != kLeaveUid || owner.gid != kLeaveGid;
    if (any && ::fchownat(fd, "", owner.uid, owner.gid, AT_EMPTY_PATH) != 0) {
        refused(losses, "owner", errno);
        owner.complete = false;
    }
    if (!is_root_ && !plain_ && !owner.complete) ++losses.owners;
    // The other calls take no O_PATH descriptor. This link leads to the inode itself, and goes no further where that is
    // a link.
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    for (const format::Xattr& xattr : entry.xattrs) {
        if (!wants_attribute(xattr.name, losses)) continue;
        if (::setxattr(path.c_str(), xattr.name.c_str(), xattr.value.data(), xattr.value.size(), 0) != 0) {
            refused(losses, xattr.name, errno, true);
        }
    }
    if (entry.type != format::EntryType::symlink && ::chmod(path.c_str(), mode_of(entry, owner.complete)) != 0) {
        refused(losses, "mode", errno);
    }
    timespec times[2]{};
    times[0].tv_nsec = UTIME_OMIT;
    times[1] = to_timespec(entry.modified);
    if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) refused(losses, "time", errno);
}

bool MetadataWriter::has_flags(const format::Entry& entry) const {
    return !plain_ && entry.flags && (*entry.flags & kSettableFlags) != 0;
}

void MetadataWriter::apply_flags(int fd, const format::Entry& entry, MetadataLosses& losses) const {
    if (!has_flags(entry)) return;
    std::uint32_t wanted = *entry.flags & kSettableFlags;
    if (!is_root_ && (wanted & (FS_IMMUTABLE_FL | FS_APPEND_FL)) != 0) {
        ++losses.attributes;
        wanted &= ~static_cast<std::uint32_t>(FS_IMMUTABLE_FL | FS_APPEND_FL);
    }
    int flags = 0;
    if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) {
        refused(losses, "file flags", errno);
        return;
    }
    const int changed = static_cast<int>(static_cast<std::uint32_t>(flags) | wanted);
    if (changed != flags && ::ioctl(fd, FS_IOC_SETFLAGS, &changed) != 0) refused(losses, "file flags", errno);
}

bool MetadataWriter::differs(const struct stat& status, const format::Entry& entry) const {
    const Owner owner = owner_of(entry);
    return (owner.uid != kLeaveUid && status.st_uid != owner.uid) ||
           (owner.gid != kLeaveGid && status.st_gid != owner.gid) ||
           (status.st_mode & 07777) != mode_of(entry, owner.complete) ||
           status.st_mtim.tv_sec != static_cast<time_t>(entry.modified.seconds) ||
           status.st_mtim.tv_nsec != static_cast<long>(entry.modified.nanoseconds);
}

bool MetadataWriter::has_owner(const struct stat& status, const format::Entry& entry, int folder_fd) const {
    const Owner owner = owner_of(entry);
    if (status.st_uid != (owner.uid == kLeaveUid ? uid_ : owner.uid)) return false;
    if (owner.gid != kLeaveGid) return status.st_gid == owner.gid;
    if (status.st_gid == gid_) return true;
    struct stat folder {};
    return ::fstat(folder_fd, &folder) == 0 && (folder.st_mode & S_ISGID) != 0 && status.st_gid == folder.st_gid;
}

}  // namespace signet::restore
