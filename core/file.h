// Files and descriptors: owned handles, whole reads and writes, durable replacement.
#pragma once

#include "core/bytes.h"

#include <sys/stat.h>
#include <functional>
#include <string>

namespace signet {

/// Owner of a file descriptor.
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept;
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd();

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
    [[nodiscard]] int release() {
        int fd = fd_;
        fd_ = -1;
        return fd;
    }
    /// Closes and reports a failure of close(2). `object` names the file in the error.
    void close(std::string_view object);

private:
    int fd_ = -1;
};

/// Reads up to `out.size()` octets, repeating short reads and EINTR. returns octets read; less only at end of file.
/// throws  Error{io}
[[nodiscard]] std::size_t read_full(int fd, MutableByteView out, std::string_view object);
/// Same at an offset, without moving the file position.
[[nodiscard]] std::size_t pread_full(int fd, MutableByteView out, std::uint64_t offset, std::string_view object);
/// Writes everything, repeating short writes and EINTR. throws  Error{io}
void write_full(int fd, ByteView bytes, std::string_view object);
void pwrite_full(int fd, ByteView bytes, std::uint64_t offset, std::string_view object);

/// The whole file, refused over `limit` octets before allocation. throws  Error{io}, Error{damaged} (too large)
[[nodiscard]] Bytes read_file(const std::string& path, std::size_t limit);
/// Like read_file; empty optional-like `false` only when the file does not exist (ENOENT).
[[nodiscard]] bool read_file_if_present(const std::string& path, std::size_t limit, Bytes& out);

/// Writes beside, syncs, renames over `path`, syncs the folder. On failure the old file is intact and nothing is left
/// over.
void replace_file(const std::string& path, ByteView content, mode_t mode);
/// Syncs a folder's entries. throws  Error{io}
void sync_folder(const std::string& path);
/// mkdir -p with `mode` for each made folder, durable. throws  Error{io}
void make_folders(const std::string& path, mode_t mode);

/// An exclusive advisory lock on a file, released by the destructor or by the death of the process.
class FileLock {
public:
    /// Opens (creating, 0600) and locks. `wait_seconds`: 0 = try once, negative = for ever.
    /// throws  Error{busy}: somebody else holds it
    FileLock(const std::string& path, double wait_seconds, std::string_view what_is_busy);

private:
    UniqueFd fd_;
};

}  // namespace signet
