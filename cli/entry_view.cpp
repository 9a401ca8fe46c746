#include "cli/entry_view.h"

namespace signet::cli {
namespace {

using format::EntryType;

std::string time_text(const format::FileTime& time) {
    // Beyond what nanoseconds since 1970 can say.
    constexpr std::int64_t kLimit = INT64_MAX / kNsPerSecond - 1;
    if (time.seconds > kLimit || time.seconds < -kLimit) return "@" + std::to_string(time.seconds);
    return to_rfc3339({time.seconds * kNsPerSecond + time.nanoseconds});
}

std::string padded_left(const std::string& text, std::size_t width) {
    return text.size() >= width ? text : std::string(width - text.size(), ' ') + text;
}

}  // namespace

std::string_view type_text(EntryType type) {
    switch (type) {
        case EntryType::file:
            return "file";
        case EntryType::directory:
            return "dir";
        case EntryType::symlink:
            return "symlink";
        case EntryType::fifo:
            return "fifo";
        case EntryType::socket:
            return "socket";
        case EntryType::character:
            return "chardev";
        case EntryType::block:
            return "dev";
    }
    return "unknown";
}

std::string permissions(const format::Entry& entry) {
    static constexpr std::string_view kTypes = "?-dlpscb";
    std::string text(1, kTypes[static_cast<std::size_t>(entry.type)]);
    for (int shift = 6; shift >= 0; shift -= 3) {
        const std::uint32_t bits = entry.mode >> shift;
        text += (bits & 4) != 0 ? 'r' : '-';
        text += (bits & 2) != 0 ? 'w' : '-';
        text += (bits & 1) != 0 ? 'x' : '-';
    }
    const auto special = [&](std::uint32_t bit, std::size_t at, char letter) {
        if ((entry.mode & bit) == 0) return;
        text[at] = text[at] == 'x' ? letter : static_cast<char>(letter - 'a' + 'A');
    };
    special(04000, 3, 's');
    special(02000, 6, 's');
    special(01000, 9, 't');
    return text;
}

Owners::Owners(const format::BackupBody& body)
    : users_(body.owners.begin(), body.owners.end()), groups_(body.groups.begin(), body.groups.end()) {}

std::string Owners::user(std::uint32_t uid) const {
    const auto found = users_.find(uid);
    return found == users_.end() ? "" : found->second;
}

std::string Owners::group(std::uint32_t gid) const {
    const auto found = groups_.find(gid);
    return found == groups_.end() ? "" : found->second;
}

Json entry_json(const restore::ListedItem& item, const Owners& owners) {
    const format::Entry& entry = item.entry;
    Json row = {{"message_type", "node"}};
    set_text(row, "name", entry.name);
    row["type"] = type_text(entry.type);
    set_text(row, "path", item.path);
    row["uid"] = entry.uid;
    row["gid"] = entry.gid;
    row["user"] = owners.user(entry.uid);
    row["group"] = owners.group(entry.gid);
    if (entry.type == EntryType::file) row["size"] = entry.logical_size();
    row["mode"] = entry.mode;
    row["permissions"] = permissions(entry);
    row["mtime"] = time_text(entry.modified);
    if (entry.type == EntryType::symlink) set_text(row, "linktarget", entry.target);
    if (entry.type == EntryType::character || entry.type == EntryType::block) {
        row["major"] = entry.major;
        row["minor"] = entry.minor;
    }
    if (entry.link) row["inode"] = entry.link->inode;
    if (entry.changed_while_read) row["changed_while_read"] = true;
    return row;
}

std::string long_line(const restore::ListedItem& item, const Owners& owners) {
    const format::Entry& entry = item.entry;
    const std::string user = owners.user(entry.uid);
    const std::string group = owners.group(entry.gid);
    std::string line = permissions(entry) + " " +
                       padded_left(user.empty() ? std::to_string(entry.uid) : printable(user), 8) + " " +
                       padded_left(group.empty() ? std::to_string(entry.gid) : printable(group), 8) + " ";
    const bool is_device = entry.type == EntryType::character || entry.type == EntryType::block;
    const std::string size = is_device ? std::to_string(entry.major) + "," + std::to_string(entry.minor)
                                       : std::to_string(entry.logical_size());
    line += padded_left(size, 12) + " " + time_text({entry.modified.seconds, 0}) + " " + printable(item.path);
    if (entry.type == EntryType::symlink) line += " -> " + printable(entry.target);
    return line;
}

}  // namespace signet::cli
