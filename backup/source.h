// What the file system says of files and folders, read without following symbolic links.
#pragma once

#include "backup/exclude.h"
#include "core/file.h"
#include "format/tree.h"

#include <optional>
#include <string>
#include <vector>

namespace signet::backup {

/// statx(2), as far as a backup cares.
struct SourceStat {
    std::uint32_t mode = 0;  ///< type and permissions
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t links = 0;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::uint64_t blocks = 0;  ///< of 512 octets
    format::FileTime modified;
    format::FileTime changed;
    std::optional<format::FileTime> born;
    std::uint32_t major = 0;  ///< of a device
    std::uint32_t minor = 0;
    bool automount = false;  ///< opening it mounts another file system in its place

    [[nodiscard]] bool is_same_inode(const SourceStat& other) const {
        return device == other.device && inode == other.inode;
    }
    [[nodiscard]] bool is_directory() const { return S_ISDIR(mode); }
    [[nodiscard]] bool is_file() const { return S_ISREG(mode); }
    /// Whether the file has fewer blocks than its size needs.
    [[nodiscard]] bool may_have_holes() const { return size > 4096 && blocks * 512 < size; }
    /// Same object with the same content, as far as its times and size tell.
    [[nodiscard]] bool same_state(const SourceStat& other) const {
        return device == other.device && inode == other.inode && size == other.size && modified == other.modified &&
               changed == other.changed;
    }
};

struct ScannedEntry {
    std::string name;
    SourceStat stat;
};

/// What else an inode has besides its content.
struct Attributes {
    std::vector<format::Xattr> xattrs;
    std::optional<std::uint32_t> flags;
    // Of the first one that is left out, if any.
    std::string problem;  ///< "cannot read attribute user.x"
    int error_number = 0;
};

struct SourceProblem {
    std::string path;
    int error_number = 0;
    std::string what;
};

/// A folder, its entries in ascending order of their names' octets.
struct Listing {
    SourceStat stat;
    Attributes attributes;
    std::vector<ScannedEntry> entries;
    std::vector<SourceProblem> problems;
};

/// returns  0, or the errno of statx(2)
[[nodiscard]] int stat_at(int folder_fd, const char* name, bool follow, SourceStat& result);
/// Opens read-only without following a symbolic link at the end, without touching its access time where allowed.
/// Works for paths longer than PATH_MAX. returns  an empty handle with errno set on failure
[[nodiscard]] UniqueFd open_source(const std::string& path, int extra_flags);
/// statx of a path of any length.
[[nodiscard]] int stat_path(const std::string& path, bool follow, SourceStat& result);

/// Whether the path leads to this inode through folders alone, without any symbolic link.
[[nodiscard]] bool is_reached_without_links(const std::string& path, const SourceStat& stat);

/// Extended attributes and file flags of an open file or folder. What cannot be read or kept is named in `problem`.
[[nodiscard]] Attributes attributes_of(int fd, bool with_flags);
/// The same of something that is not opened (a link, a FIFO, a device).
[[nodiscard]] Attributes attributes_of_path(const std::string& path);
/// Target of a symbolic link. returns  false with errno set on failure
[[nodiscard]] bool read_link(const std::string& path, std::string& target);

/// Lists a folder. Entries that vanish meanwhile are problems; excluded ones are left out.
[[nodiscard]] Listing list_folder(const std::string& path, const ExcludeRules& rules);

/// The tree entry of a scanned thing, without content.
[[nodiscard]] format::Entry entry_of(const std::string& name, const SourceStat& stat);

}  // namespace signet::backup
