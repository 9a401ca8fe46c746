#include "restore/file_maker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/crypto/random.h"
#include "core/error.h"

namespace signet::restore {
namespace {

constexpr std::size_t kBlock = 4096;

bool is_zero(ByteView octets) {
    return octets.empty() || (octets[0] == 0 && std::memcmp(octets.data(), octets.data() + 1, octets.size() - 1) == 0);
}

}  // namespace

Found look(int folder_fd, const std::string& name, const format::Entry& entry, const MakingRules& rules) {
    struct stat status {};
    if (::fstatat(folder_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return Found::nothing;
        throw Error::from_errno("look at", name, errno);
    }
    if (rules.overwrite == Overwrite::never) return Found::kept;
    if (rules.overwrite == Overwrite::if_changed && is_unchanged(status, folder_fd, entry, rules))
        return Found::unchanged;
    return Found::replaceable;
}

bool is_unchanged(const struct stat& status, int folder_fd, const format::Entry& entry, const MakingRules& rules) {
    if (entry.type != format::EntryType::file || !S_ISREG(status.st_mode)) return false;
    const timespec modified = to_timespec(entry.modified);
    return static_cast<std::uint64_t>(status.st_size) == entry.logical_size() &&
           status.st_mtim.tv_sec == modified.tv_sec && status.st_mtim.tv_nsec == modified.tv_nsec &&
           (status.st_nlink == 1 || entry.link) && rules.metadata.has_owner(status, entry, folder_fd);
}

NewName::NewName(NewName&& other) noexcept
    : folder_fd_(other.folder_fd_),
      name_(std::move(other.name_)),
      temporary_(std::move(other.temporary_)),
      found_(other.found_),
      made_(std::exchange(other.made_, false)) {}

std::string NewName::temporary_name() { return ".signet-" + crypto::random_id<Id<struct TemporaryNameTag, 8>>().hex(); }

/// A file takes the place of whatever is not a folder by itself.
void NewName::clear_way(const FolderHandle& folder, Target& target, const MakingRules& rules) const {
    struct stat status {};
    if (::fstatat(folder_fd_, name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode)) return;
    if (rules.delete_extra) {
        target.remove(folder, name_);
    } else if (::unlinkat(folder_fd_, name_.c_str(), AT_REMOVEDIR) != 0) {
        throw Error(ErrorCode::refused, folder->path_of(name_) + ": a folder that is not empty is in its place",
                    "--delete removes it");
    }
}

void NewName::finish() {
    if (!temporary_.empty() && ::renameat(folder_fd_, temporary_.c_str(), folder_fd_, name_.c_str()) != 0) {
        const int why = errno;
        abandon();
        throw Error::from_errno("replace", name_, why);
    }
    made_ = false;
}

void NewName::abandon() noexcept {
    if (made_) static_cast<void>(::unlinkat(folder_fd_, name().c_str(), 0));
    made_ = false;
}

HoleMap::HoleMap(const format::Entry& entry) {
    stretches_.reserve(entry.extents.size());
    std::uint64_t content = 0;
    std::uint64_t file = 0;
    for (const format::Extent& extent : entry.extents) {
        file += extent.hole;
        stretches_.push_back({content, file, extent.data});
        content += extent.data;
        file += extent.data;
    }
}

std::size_t HoleMap::stretch_at(std::uint64_t content_offset) const {
    const auto after =
        std::upper_bound(stretches_.begin(), stretches_.end(), content_offset,
                         [](std::uint64_t offset, const Stretch& stretch) { return offset < stretch.content; });
    return static_cast<std::size_t>(after - stretches_.begin()) - 1;
}

std::uint64_t write_octets(int fd, ByteView octets, std::uint64_t offset, bool sparse, std::string_view object) {
    if (!sparse) {
        pwrite_full(fd, octets, offset, object);
        return octets.size();
    }
    std::uint64_t written = 0;
    while (!octets.empty()) {
        // Blocks of the file, so that what is left out really is a hole.
        const auto to_block = [&](std::uint64_t at) { return static_cast<std::size_t>(kBlock - at % kBlock); };
        std::size_t data = 0;
        std::size_t next = std::min(to_block(offset), octets.size());
        while (data < octets.size() && !is_zero(octets.subspan(data, next))) {
            data += next;
            next = std::min(to_block(offset + data), octets.size() - data);
        }
        if (data > 0) pwrite_full(fd, octets.first(data), offset, object);
        written += data;
        const std::size_t step = data < octets.size() ? data + next : data;
        octets = octets.subspan(step);
        offset += step;
    }
    return written;
}

}  // namespace signet::restore
