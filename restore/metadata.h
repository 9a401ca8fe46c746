// Gives restored things their owner, mode, attributes, times and flags, as far as the system and the request allow.
#pragma once

#include "format/tree.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace signet::restore {

/// The bits of st_mode that say what an entry is.
[[nodiscard]] mode_t type_bits(format::EntryType type);

/// What was left out, and why.
struct MetadataLosses {
    std::uint64_t owners = 0;          ///< owner or group not set: not root
    std::uint64_t attributes = 0;      ///< security.*, trusted.*: not root
    std::vector<std::string> refused;  ///< what the system refused: "cannot set user.x: …"
    [[nodiscard]] std::uint64_t count() const { return owners + attributes + refused.size(); }
};

/// Numbers that owners have on this host, by the number that is stored. Empty: the stored numbers hold.
struct OwnerMap {
    std::map<std::uint32_t, uid_t> users;
    std::map<std::uint32_t, gid_t> groups;
    /// By name, for names that this host knows; the others keep their number. users, groups  stored number and name
    [[nodiscard]] static OwnerMap by_name(const std::vector<std::pair<std::uint32_t, std::string>>& users,
                                          const std::vector<std::pair<std::uint32_t, std::string>>& groups);
};

/// Who the process is. Immutable; for any number of threads at once.
class MetadataWriter {
public:
    /// plain  no owners, setuid and setgid bits, security.* and trusted.* attributes, file flags
    explicit MetadataWriter(bool plain, OwnerMap owners = {});

    /// Whether an entry can be restored at all: devices need root; sockets and devices are left out of plain restores.
    [[nodiscard]] bool may_make(const format::Entry& entry) const;

    /// The mode to create a file with. When it is already the final one, and group and owner are the process's, nothing
    /// remains but the time.
    struct Creation {
        mode_t mode = 0600;
        bool is_final = false;
    };
    /// gives_group, gives_acl  of the folder
    [[nodiscard]] Creation creation(const format::Entry& entry, bool gives_group, bool gives_acl) const;

    /// Everything for an open file or folder, times last. Flags that forbid changes come with apply_flags().
    /// is_final  as creation() said. lost_acl  whether the folder may have given it an ACL that has to go
    void apply(int fd, const format::Entry& entry, bool is_final, bool lost_acl, MetadataLosses& losses) const;
    /// The same for what is not opened: links, FIFOs, sockets, devices. Needs /proc; what is refused without is
    /// reported. fd  O_PATH: everything reaches that very inode, whatever its name leads to meanwhile
    void apply_unopened(int fd, const format::Entry& entry, MetadataLosses& losses) const;
    /// File flags (immutable, append-only, no-dump, …): after the last change.
    void apply_flags(int fd, const format::Entry& entry, MetadataLosses& losses) const;
    [[nodiscard]] bool has_flags(const format::Entry& entry) const;

    /// Whether an existing thing's owner, mode or time differ from what apply() would set.
    [[nodiscard]] bool differs(const struct stat& status, const format::Entry& entry) const;
    /// Whether an existing thing has the owner and group that a restored one would have.
    /// folder_fd  where it is: its group may be what new things get
    [[nodiscard]] bool has_owner(const struct stat& status, const format::Entry& entry, int folder_fd) const;

private:
    struct Owner {
        uid_t uid;  ///< -1: leave it
        gid_t gid;
        bool complete;  ///< it becomes the stored one
    };
    [[nodiscard]] Owner owner_of(const format::Entry& entry) const;
    [[nodiscard]] mode_t mode_of(const format::Entry& entry, bool owner_is_right) const;
    void note_nobody(const Owner& owner, MetadataLosses& losses) const;
    [[nodiscard]] bool wants_attribute(const std::string& name, MetadataLosses& losses) const;

    const bool plain_;
    const OwnerMap owners_;
    const bool is_root_;
    const uid_t uid_;
    const gid_t gid_;
    mode_t umask_;
    std::vector<gid_t> groups_;
};

[[nodiscard]] timespec to_timespec(const format::FileTime& time);

}  // namespace signet::restore
