#include "core/direct_io.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

namespace signet {

UniqueFd open_directly(int fd, int access) {
    struct statfs system {};
    if (::fstatfs(fd, &system) != 0) return {};
    const auto kind = static_cast<unsigned long>(system.f_type);
    if (kind != EXT4_SUPER_MAGIC && kind != XFS_SUPER_MAGIC) return {};
    // Through the descriptor's own path: surely the same file, whoever renames meanwhile.
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const int flags = access | O_DIRECT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    UniqueFd direct(::open(path.c_str(), flags | O_NOATIME));
    if (!direct && errno == EPERM) direct = UniqueFd(::open(path.c_str(), flags));
    return direct;
}

bool try_pwrite_directly(int direct_fd, ByteView bytes, std::uint64_t offset) noexcept {
    while (!bytes.empty()) {
        const ssize_t count = ::pwrite(direct_fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0 || static_cast<std::size_t>(count) % kDirectAlignment != 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        offset += static_cast<std::uint64_t>(count);
    }
    return true;
}

UncachedReader::UncachedReader(int fd, std::uint64_t size)
    : fd_(fd), direct_(open_directly(fd, O_RDONLY)), size_(size) {
    if (!direct_) return;
    void* mapping = ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED) {
        direct_ = UniqueFd();
    } else {
        mapping_ = mapping;
    }
}

UncachedReader::~UncachedReader() {
    if (mapping_ != nullptr) ::munmap(mapping_, static_cast<std::size_t>(size_));
}

bool UncachedReader::is_cached(std::uint64_t at, std::size_t length) const {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    if (at >= size_ || at % page != 0) return true;
    length = static_cast<std::size_t>(std::min<std::uint64_t>(length, size_ - at));
    std::vector<unsigned char> pages((length + page - 1) / page);
    if (::mincore(static_cast<std::uint8_t*>(mapping_) + at, length, pages.data()) != 0) return true;
    return std::any_of(pages.begin(), pages.end(), [](unsigned char state) { return (state & 1) != 0; });
}

std::size_t UncachedReader::read_directly(MutableByteView room, std::size_t wanted, std::uint64_t at) const {
    ssize_t got = -1;
    do {
        got = ::pread(direct_.get(), room.data(), align_up(wanted), static_cast<off_t>(at));
    } while (got < 0 && errno == EINTR);
    if (got < 0) {  // refused after all, or a bad spot: the ordinary read tells
        refused_ = true;
        return 0;
    }
    return std::min(static_cast<std::size_t>(got), wanted);
}

ssize_t UncachedReader::read(MutableByteView room, std::size_t wanted, std::uint64_t at) const {
    const bool aligned = reinterpret_cast<std::uintptr_t>(room.data()) % kDirectAlignment == 0 &&
                         at % kDirectAlignment == 0 && align_up(wanted) <= room.size();
    std::size_t filled = 0;
    if (direct_ && aligned && !refused_ && !is_cached(at, wanted)) filled = read_directly(room, wanted, at);
    while (filled < wanted) {
        const ssize_t got = ::pread(fd_, room.data() + filled, wanted - filled, static_cast<off_t>(at + filled));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(filled);
}

}  // namespace signet
