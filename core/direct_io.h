// Past the page cache: for octets that are read or written once. It saves a copy and fresh pages, and leaves the host's
// cache to what the host works on. docs/decisions/0011.
#pragma once

#include "core/aligned_buffer.h"
#include "core/bytes.h"
#include "core/file.h"

#include <sys/types.h>
#include <atomic>
#include <cstdint>

namespace signet {

/// The file of an open descriptor once more. access  O_RDONLY or O_WRONLY
/// returns  none where the file system has no such way, or is not known to be faster that way (ext4 and XFS are)
[[nodiscard]] UniqueFd open_directly(int fd, int access);

/// returns  whether all was written; otherwise an ordinary write tells why not
[[nodiscard]] bool try_pwrite_directly(int direct_fd, ByteView bytes, std::uint64_t offset) noexcept;

/// Reads a large file: through the page cache where that holds it already, else past it. For any number of threads at
/// once.
class UncachedReader {
public:
    /// fd  open for reading; kept by the caller for as long as this lives. size  of the file, in octets
    UncachedReader(int fd, std::uint64_t size);
    ~UncachedReader();
    UncachedReader(const UncachedReader&) = delete;
    UncachedReader& operator=(const UncachedReader&) = delete;

    /// Whether reads can go past the cache at all.
    [[nodiscard]] bool can_bypass() const { return static_cast<bool>(direct_); }
    /// Reads up to `wanted` octets from offset `at` into `room`; fewer only at the end of the file.
    /// room  at least `wanted`; what lies beyond may be overwritten
    /// returns  octets read, or -1 with errno set
    [[nodiscard]] ssize_t read(MutableByteView room, std::size_t wanted, std::uint64_t at) const;

private:
    [[nodiscard]] bool is_cached(std::uint64_t at, std::size_t length) const;
    [[nodiscard]] std::size_t read_directly(MutableByteView room, std::size_t wanted, std::uint64_t at) const;
    int fd_;
    UniqueFd direct_;
    void* mapping_ = nullptr;  ///< never read: it only lets the kernel say what is cached
    std::uint64_t size_ = 0;
    mutable std::atomic<bool> refused_{false};
};

}  // namespace signet
