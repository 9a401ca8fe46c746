#include "restore/space_check.h"

#include "restore/restore_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <cerrno>
#include <map>
#include <optional>
#include <set>

namespace signet::restore {
namespace {

constexpr std::uint64_t kStatBlock = 512;  // what st_blocks counts, whatever the file system

/// Octets that this process may still write there. returns  nothing where the file system does not tell
std::optional<std::uint64_t> room_of(const struct statvfs& system) {
    if (system.f_blocks == 0) return {};
    // Root may use what is kept back for it.
    return static_cast<std::uint64_t>(::geteuid() == 0 ? system.f_bfree : system.f_bavail) * system.f_frsize;
}

/// The target, or the nearest folder above it that is there.
std::optional<std::uint64_t> room_at(std::string path, dev_t& device) {
    struct stat status {};
    while (::stat(path.c_str(), &status) != 0) {
        if (errno != ENOENT || path.empty() || path == "/" || path == ".") return {};
        const std::size_t slash = path.find_last_not_of('/') == std::string::npos
                                      ? std::string::npos
                                      : path.rfind('/', path.find_last_not_of('/'));
        path = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    }
    device = status.st_dev;
    struct statvfs system {};
    if (::statvfs(path.c_str(), &system) != 0) return {};
    return room_of(system);
}

/// Counts what each file system of the target would have to take.
class Counter final : public TreeVisitor {
public:
    struct Place {
        std::string path;
        std::optional<std::uint64_t> room;
        std::uint64_t needed = 0;
        std::uint64_t freed = 0;
    };

    Counter(OpenBackup& backup, const RestoreRequest& request, std::optional<std::uint64_t> room, dev_t device)
        : target_(request.target, false),
          metadata_(metadata_writer_for(backup, request)),
          rules_{request.overwrite, request.delete_extra, false, metadata_},
          top_(device) {
        places_[device] = {request.target, room, 0, 0};
    }

    bool enter(std::string_view path, format::Entry& entry, bool) override {
        const bool is_top = levels_.empty();
        Level level{is_top ? target_.root() : FolderHandle{}, is_top ? top_ : levels_.back().device};
        try {
            if (!is_top && levels_.back().folder) level.folder = target_.find_folder(levels_.back().folder, entry.name);
            if (level.folder) level.device = device_of(level.folder, path);
        } catch (const Error&) {
            level.folder = nullptr;  // whoever restores into it says what is wrong
        }
        levels_.push_back(std::move(level));
        return true;
    }
    void leave(std::string_view, bool) override { levels_.pop_back(); }
    void visit(std::string_view, format::Entry& entry) override {
        if (entry.type != format::EntryType::file) return;
        if (entry.link && !links_.insert(*entry.link).second) return;
        const Level& level = levels_.back();
        Place& place = places_[level.device];
        try {
            if (level.folder && stays(level.folder, entry, place)) return;
        } catch (const Error&) {
            // It is counted as if nothing were there.
        }
        place.needed += entry.content.size;
    }
    /// Whoever restores it says what is wrong.
    bool broken(std::string_view, const Error&) override { return true; }

    [[nodiscard]] const std::map<dev_t, Place>& places() const { return places_; }

private:
    struct Level {
        FolderHandle folder;  ///< none: it is not there yet
        dev_t device;
    };

    /// Whether what is there is left as it is. What is replaced gives its room back.
    bool stays(const FolderHandle& folder, const format::Entry& entry, Place& place) {
        const FolderPin pin = target_.pin(folder);
        const Found found = look(pin.fd(), entry.name, entry, rules_);
        struct stat old {};
        const bool gives_room = found == Found::replaceable &&
                                ::fstatat(pin.fd(), entry.name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0 &&
                                S_ISREG(old.st_mode) && old.st_nlink == 1;
        if (gives_room) place.freed += static_cast<std::uint64_t>(old.st_blocks) * kStatBlock;
        return found == Found::kept || found == Found::unchanged;
    }

    /// Something may be mounted below the target.
    dev_t device_of(const FolderHandle& folder, std::string_view path) {
        const FolderPin pin = target_.pin(folder);
        struct stat status {};
        if (::fstat(pin.fd(), &status) != 0) return levels_.empty() ? top_ : levels_.back().device;
        const auto [place, is_new] = places_.try_emplace(status.st_dev);
        struct statvfs system {};
        if (is_new) place->second.path = target_.path() + std::string(path);
        if (is_new && ::fstatvfs(pin.fd(), &system) == 0) place->second.room = room_of(system);
        return status.st_dev;
    }

    Target target_;
    MetadataWriter metadata_;
    MakingRules rules_;
    dev_t top_;
    std::map<dev_t, Place> places_;
    std::set<format::LinkIdentity> links_;
    std::vector<Level> levels_;
};

}  // namespace

void SpaceGuard::announce(std::uint64_t octets) {
    announced_ = octets > UINT64_MAX - announced_ ? UINT64_MAX : announced_ + octets;
    if (announced_ <= room_ || announced_ <= claimed_) return;
    throw Error(ErrorCode::damaged,
                "the backup says that it holds " + std::to_string(claimed_) +
                    " octets, and its files are more than the " + std::to_string(room_) +
                    " that the target has room for",
                "whoever made it did not tell the truth; --no-space-check restores it all the same");
}

SpaceGuard check_space(OpenBackup& backup, const RestoreRequest& request, const format::Entry& root,
                       const PathFilter& filter) {
    if (!request.check_space || request.sparse || request.dry_run) return {};
    dev_t device = 0;
    const std::optional<std::uint64_t> room = room_at(request.target, device);
    if (!room) return {};
    const std::uint64_t claimed = backup.body().statistics.bytes;
    if (claimed <= *room) return {*room, claimed};
    Counter counter(backup, request, room, device);
    ChunkReader chunks = backup.chunk_reader();
    walk_tree(chunks, root, filter, counter, request.interrupted);
    for (const auto& [number, place] : counter.places()) {
        if (!place.room || place.needed <= *place.room || place.needed - *place.room <= place.freed) continue;
        throw Error(ErrorCode::failed,
                    place.path + ": has room for " + std::to_string(*place.room + place.freed) +
                        " octets, and what is to be restored there has " + std::to_string(place.needed),
                    "make room, or restore a part of it; --no-space-check tries all the same (a file system that "
                    "compresses may take it)");
    }
    return {};
}

}  // namespace signet::restore
