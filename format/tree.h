// Directories and their entries (docs/format.md section 11).
#pragma once

#include "format/content.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace signet::format {

enum class EntryType : std::uint8_t {
    file = 1,
    directory = 2,
    symlink = 3,
    fifo = 4,
    socket = 5,
    character = 6,
    block = 7
};

struct FileTime {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;
    friend auto operator<=>(const FileTime&, const FileTime&) = default;
};

struct LinkIdentity {
    std::uint64_t file_system = 0;
    std::uint64_t inode = 0;
    friend auto operator<=>(const LinkIdentity&, const LinkIdentity&) = default;
};

struct Extent {
    std::uint64_t hole = 0;
    std::uint64_t data = 0;
    friend bool operator==(const Extent&, const Extent&) = default;
};

struct Xattr {
    std::string name;
    std::string value;
    friend bool operator==(const Xattr&, const Xattr&) = default;
};

/// One thing in a directory.
struct Entry {
    std::string name;
    EntryType type = EntryType::file;
    std::uint32_t mode = 0;  ///< permission bits, at most 07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    FileTime modified;
    Content content;          ///< files and directories
    std::string target;       ///< symbolic links
    std::uint32_t major = 0;  ///< devices
    std::uint32_t minor = 0;
    std::optional<std::int64_t> birth_delta_ns;
    std::optional<LinkIdentity> link;
    std::vector<Extent> extents;  ///< empty: no holes
    std::vector<Xattr> xattrs;    ///< ascending by name
    std::optional<std::uint32_t> flags;
    bool changed_while_read = false;

    /// The file's size with its holes.
    [[nodiscard]] std::uint64_t logical_size() const;
    void encode(ByteWriter& writer) const;
    /// is_root  the entry of a body, whose name is empty. throws  Error{damaged}
    [[nodiscard]] static Entry decode(ByteReader& reader, bool is_root = false);
};

/// Whether octets are a name that a directory may hold: 1 to 255, no '/', no zero, not "." or "..".
[[nodiscard]] bool is_entry_name(std::string_view name);

/// Decodes a directory's whole content; checks order. throws  Error{damaged}
[[nodiscard]] std::vector<Entry> decode_directory(ByteView content, std::string_view what);

}  // namespace signet::format
