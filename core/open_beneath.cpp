#include "core/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>

namespace signet {

UniqueFd open_beneath(int folder_fd, const std::string& name, int flags, mode_t mode) {
    flags |= O_NOFOLLOW | O_CLOEXEC;
    // Both ways agree on one component; on more of them only the first would be safe.
    if (name.find('/') != std::string::npos) {
        errno = EINVAL;
        return {};
    }
    static std::atomic<bool> is_known{true};  // Linux 5.6 has it, and some sandboxes refuse what they do not know
    if (is_known.load(std::memory_order_relaxed)) {
        open_how how{};
        how.flags = static_cast<unsigned>(flags);
        how.mode = mode;
        how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
        const auto fd = static_cast<int>(::syscall(SYS_openat2, folder_fd, name.c_str(), &how, sizeof how));
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return UniqueFd(fd);
        if (errno == ENOSYS) is_known.store(false, std::memory_order_relaxed);
    }
    return UniqueFd(::openat(folder_fd, name.c_str(), flags, mode));
}

}  // namespace signet
