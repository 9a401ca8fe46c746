#include "cli/drill/scratch.h"

#include "cli/context.h"
#include "cli/places.h"
#include "core/file.h"
#include "restore/log_keys.h"
#include "restore/target.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace signet::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMarker = ".signet-drill";
constexpr std::string_view kMark = "scratch of a signet drill: it can be removed when none is running\n";
constexpr mode_t kOwnerOnly = 0700;

/// As root a server that is started in it runs as somebody else, who must get through: what is restored is in a folder
/// of its own, which lets nobody in but its owner.
mode_t scratch_mode() { return ::geteuid() == 0 ? 0711 : kOwnerOnly; }

bool is_within(const std::string& path, const std::string& folder) {
    if (folder == "/") return true;
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

[[noreturn]] void refuse(const std::string& folder, const std::string& why) {
    throw Error(ErrorCode::refused, "a drill does not restore into " + folder + ": " + why + "; nothing was written",
                "name an empty folder that nothing else uses, or none");
}

/// What hinders removal, taken away: modes of folders that shut their owner out, flags that forbid changes.
void loosen(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (fd) (void)::fchmod(fd.get(), kOwnerOnly);
    if (!fd && ::chmod(path.c_str(), kOwnerOnly) != 0) return;
    std::error_code failed;
    for (fs::directory_iterator entries(path, failed), end; !failed && entries != end; entries.increment(failed)) {
        const fs::file_status status = entries->symlink_status(failed);
        const std::string below = entries->path().string();
        if (::geteuid() == 0 && (fs::is_regular_file(status) || fs::is_directory(status))) {
            const UniqueFd one(::open(below.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
            int flags = 0;
            constexpr int kHindering = FS_IMMUTABLE_FL | FS_APPEND_FL;
            if (one && ::ioctl(one.get(), FS_IOC_GETFLAGS, &flags) == 0 && (flags & kHindering) != 0) {
                flags &= ~kHindering;
                (void)::ioctl(one.get(), FS_IOC_SETFLAGS, &flags);
            }
        }
        if (fs::is_directory(status)) loosen(below);
    }
}

void remove_from(const std::string& folder, const std::string& name) {
    restore::Target target(folder, false);
    if (!target.root()) return;
    try {
        target.remove(target.root(), name);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::io) throw;
        struct stat status {};
        const std::string path = folder + "/" + name;
        if (::lstat(path.c_str(), &status) != 0) return;
        if (S_ISDIR(status.st_mode)) loosen(path);
        target.remove(target.root(), name);
    }
}

bool is_there(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
}

bool is_own(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid();
}

/// Only what a restore calls so, and only where nobody else can have named it.
void remove_keys_file(const std::string& folder) {
    const std::string link = folder + "/" + DrillScratch::kKeysFile;
    if (!is_own(folder) || !is_own(link)) return;
    std::error_code failed;
    const fs::path file = fs::read_symlink(link, failed);
    if (failed || !restore::is_log_keys_name(file.filename().string())) return;
    (void)::unlink(file.c_str());
}

/// What drills make, and nothing else: who put something beside it keeps it.
void remove_all_in(const std::string& folder) {
    remove_keys_file(folder);
    // The marker last: what is left until then is still known as a drill's.
    for (const char* name : {DrillScratch::kRestored, DrillScratch::kKeys, DrillScratch::kKeysFile, kMarker}) {
        if (is_there(folder + "/" + name)) remove_from(folder, name);
    }
}

/// Whether there is nothing in a folder but what drills make.
bool is_all_ours(const std::string& folder) {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name != DrillScratch::kRestored && name != DrillScratch::kKeys && name != DrillScratch::kKeysFile &&
            name != kMarker)
            return false;
    }
    return true;
}

/// The marker of a folder, locked. throws  Error{busy}
int lock_marker(const std::string& folder, int flags) {
    const std::string path = folder + "/" + kMarker;
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600));
    if (!fd) throw Error::from_errno("make", path, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        throw Error(ErrorCode::busy, "another drill works in " + folder, "wait for it, or name another folder");
    return fd.release();
}

bool is_marked(const std::string& folder) {
    Bytes content;
    try {
        return read_file_if_present(folder + "/" + kMarker, 4096, content) && as_text(content) == kMark;
    } catch (const Error&) {
        return false;
    }
}

std::string new_folder() {
    std::string base = variable("TMPDIR");
    if (base.empty() || base.front() != '/') base = "/var/tmp";
    std::string path = base + "/signet-drill-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw Error::from_errno("make a folder in", base, errno);
    if (::chmod(path.c_str(), scratch_mode()) != 0) throw Error::from_errno("set the mode of", path, errno);
    return canonical_place(path);
}

}  // namespace

void require_not_live(const std::string& folder, const LivePlaces& live) {
    const std::string place = canonical_place(folder);
    for (const std::string& source : live.sources) {
        const std::string path = canonical_place(source);
        if (is_within(path, place))
            refuse(folder,
                   path == place ? "backups are made of it" : "backups are made of " + path + ", which lies in it");
    }
    for (const std::string& store : live.stores) {
        const std::string path = canonical_place(store);
        if (is_within(path, place) || is_within(place, path)) refuse(folder, path + " is in use by Signet itself");
    }
}

DrillScratch DrillScratch::make(const std::optional<std::string>& wanted, const LivePlaces& live) {
    if (!wanted) {
        const std::string folder = new_folder();
        DrillScratch scratch(folder, true, lock_marker(folder, O_CREAT | O_EXCL));
        write_full(scratch.lock_, as_bytes(kMark), folder);
        require_not_live(folder, live);
        return scratch;
    }
    const std::string folder = canonical_place(*wanted);
    require_not_live(folder, live);
    const bool made = !is_there(folder);
    if (made) {
        make_folders(folder, scratch_mode());
    } else {
        std::error_code failed;
        if (!fs::is_directory(folder, failed)) refuse(folder, "it is no folder");
        if (is_marked(folder) && is_all_ours(folder)) {
            const UniqueFd earlier(lock_marker(folder, 0));
            remove_all_in(folder);
        } else if (!fs::is_empty(folder, failed) || failed) {
            refuse(folder, "it is not empty, and no drill has made what is in it");
        }
    }
    DrillScratch scratch(folder, made, lock_marker(folder, O_CREAT | O_EXCL));
    write_full(scratch.lock_, as_bytes(kMark), folder);
    return scratch;
}

DrillScratch::DrillScratch(std::string folder, bool made, int lock)
    : folder_(std::move(folder)), made_(made), lock_(lock) {}

DrillScratch::DrillScratch(DrillScratch&& other) noexcept
    : folder_(std::move(other.folder_)), made_(other.made_), lock_(other.lock_) {
    other.folder_.clear();
    other.lock_ = -1;
}

DrillScratch::~DrillScratch() {
    try {
        clean();
    } catch (const std::exception&) {
        // Who wanted to know has called clean().
    }
    if (lock_ >= 0) ::close(lock_);
}

void DrillScratch::note_keys_file(const std::string& path) const {
    const std::string link = folder_ + "/" + kKeysFile;
    (void)::unlink(link.c_str());
    if (::symlink(path.c_str(), link.c_str()) != 0) throw Error::from_errno("make", link, errno);
}

void DrillScratch::remove_restored() {
    if (is_there(restored())) remove_from(folder_, kRestored);
}

void DrillScratch::clean() {
    if (folder_.empty()) return;
    remove_all_in(folder_);
    if (made_ && ::rmdir(folder_.c_str()) != 0) throw Error::from_errno("delete", folder_, errno);
    folder_.clear();
}

}  // namespace signet::cli
