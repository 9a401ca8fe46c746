// How a thing in a backup is shown: by ls, find and dry runs.
#pragma once

#include "cli/context.h"
#include "restore/list.h"

#include <string>

namespace signet::cli {

/// "file", "dir", "symlink", "fifo", "socket", "chardev", "dev".
[[nodiscard]] std::string_view type_text(format::EntryType type);
/// "-rw-r--r--", as ls prints it.
[[nodiscard]] std::string permissions(const format::Entry& entry);

/// Names of owners, as a backup recorded them.
class Owners {
public:
    explicit Owners(const format::BackupBody& body);
    [[nodiscard]] std::string user(std::uint32_t uid) const;
    [[nodiscard]] std::string group(std::uint32_t gid) const;

private:
    std::map<std::uint32_t, std::string> users_;
    std::map<std::uint32_t, std::string> groups_;
};

/// name, type, path, uid, gid, user, group, size, mode, permissions, mtime, …
[[nodiscard]] Json entry_json(const restore::ListedItem& item, const Owners& owners);
/// A line as `ls -l` prints it.
[[nodiscard]] std::string long_line(const restore::ListedItem& item, const Owners& owners);

}  // namespace signet::cli
