#include "core/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <thread>

#include "core/crypto/random.h"
#include "core/error.h"

namespace signet {
namespace {

/// One system call moves at most this much (Linux stops at 0x7ffff000 octets anyway).
constexpr std::size_t kLargestTransfer = std::size_t{1} << 30U;

off_t to_offset(std::uint64_t offset, std::string_view object) {
    if (offset > INT64_MAX) throw Error::from_errno("read", object, EOVERFLOW);
    return static_cast<off_t>(offset);
}

template <class Transfer>
std::size_t read_repeatedly(MutableByteView out, std::string_view object, const Transfer& transfer) {
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t count = transfer(out.data() + done, std::min(out.size() - done, kLargestTransfer), done);
        if (count == 0) break;
        if (count < 0) {
            if (errno == EINTR) continue;
            throw Error::from_errno("read", object, errno);
        }
        done += static_cast<std::size_t>(count);
    }
    return done;
}

template <class Transfer>
void write_repeatedly(ByteView bytes, std::string_view object, const Transfer& transfer) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = transfer(bytes.data() + done, std::min(bytes.size() - done, kLargestTransfer), done);
        if (count < 0) {
            if (errno == EINTR) continue;
            throw Error::from_errno("write", object, errno);
        }
        // A device that takes nothing and reports nothing would otherwise be asked for ever.
        if (count == 0) throw Error::from_errno("write", object, EIO);
        done += static_cast<std::size_t>(count);
    }
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

[[noreturn]] void fail_too_large(const std::string& path, std::size_t limit) {
    throw Error(ErrorCode::damaged, path + ": larger than its limit of " + std::to_string(limit) + " octets");
}

/// Reads to the end of a file whose size may be unknown (a pipe) or may change.
Bytes read_open_file(int fd, const std::string& path, std::size_t limit) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw Error::from_errno("read", path, errno);
    if (S_ISDIR(status.st_mode)) throw Error::from_errno("read", path, EISDIR);
    const auto announced = static_cast<std::uint64_t>(status.st_size);
    if (S_ISREG(status.st_mode) && announced > limit) fail_too_large(path, limit);

    constexpr std::size_t kSmallest = 4096;
    Bytes bytes;
    std::size_t done = 0;
    for (std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(announced, limit)) + 1;;
         size = std::max(kSmallest, size * 2)) {
        size = std::min(size, limit + 1);
        bytes.resize(size);
        done += read_full(fd, MutableByteView(bytes).subspan(done), path);
        if (done < size) break;
        if (done > limit) {
            wipe(bytes);
            fail_too_large(path, limit);
        }
        // Growth moves the octets; what they leave behind may be a secret.
        Bytes larger(std::min(std::max(kSmallest, size * 2), limit + 1));
        std::copy(bytes.begin(), bytes.end(), larger.begin());
        wipe(bytes);
        bytes.swap(larger);
    }
    bytes.resize(done);
    return bytes;
}

/// The file that replace_file writes; unlinked unless it was renamed.
class TemporaryFile {
public:
    TemporaryFile(const std::string& target, mode_t mode)
        : path_(folder_of(target) + "/.signet-" + crypto::random_id<Id<struct TemporaryTag, 12>>().hex()),
          fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)) {
        if (!fd_) throw Error::from_errno("create", path_, errno);
        // The mode is the caller's, whatever the umask.
        if (::fchmod(fd_.get(), mode) != 0) {
            const int why = errno;
            ::unlink(path_.c_str());
            throw Error::from_errno("set the mode of", path_, why);
        }
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (!renamed_) ::unlink(path_.c_str());
    }

    void write(ByteView content) { write_full(fd_.get(), content, path_); }
    void rename_over(const std::string& target) {
        if (::fsync(fd_.get()) != 0) throw Error::from_errno("sync", path_, errno);
        fd_.close(path_);
        if (::rename(path_.c_str(), target.c_str()) != 0) throw Error::from_errno("replace", target, errno);
        renamed_ = true;
    }

private:
    std::string path_;
    UniqueFd fd_;
    bool renamed_ = false;
};

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = other.release();
    }
    return *this;
}

UniqueFd::~UniqueFd() {
    if (fd_ >= 0) ::close(fd_);
}

void UniqueFd::close(std::string_view object) {
    if (fd_ < 0) return;
    // Linux has closed the descriptor even where it reports EINTR: never a second close.
    if (::close(release()) != 0 && errno != EINTR) throw Error::from_errno("close", object, errno);
}

std::size_t read_full(int fd, MutableByteView out, std::string_view object) {
    return read_repeatedly(out, object,
                           [fd](std::uint8_t* to, std::size_t count, std::size_t) { return ::read(fd, to, count); });
}

std::size_t pread_full(int fd, MutableByteView out, std::uint64_t offset, std::string_view object) {
    const off_t start = to_offset(offset, object);
    return read_repeatedly(out, object, [fd, start](std::uint8_t* to, std::size_t count, std::size_t done) {
        return ::pread(fd, to, count, start + static_cast<off_t>(done));
    });
}

void write_full(int fd, ByteView bytes, std::string_view object) {
    write_repeatedly(bytes, object, [fd](const std::uint8_t* from, std::size_t count, std::size_t) {
        return ::write(fd, from, count);
    });
}

void pwrite_full(int fd, ByteView bytes, std::uint64_t offset, std::string_view object) {
    const off_t start = to_offset(offset, object);
    write_repeatedly(bytes, object, [fd, start](const std::uint8_t* from, std::size_t count, std::size_t done) {
        return ::pwrite(fd, from, count, start + static_cast<off_t>(done));
    });
}

Bytes read_file(const std::string& path, std::size_t limit) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) throw Error::from_errno("read", path, errno);
    return read_open_file(fd.get(), path, limit);
}

bool read_file_if_present(const std::string& path, std::size_t limit, Bytes& out) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) {
        if (errno == ENOENT) return false;
        throw Error::from_errno("read", path, errno);
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) throw Error::from_errno("read", path, errno);
    if (S_ISFIFO(status.st_mode)) throw Error(ErrorCode::io, "cannot read " + path + ": it is a FIFO");
    out = read_open_file(fd.get(), path, limit);
    return true;
}

void replace_file(const std::string& path, ByteView content, mode_t mode) {
    TemporaryFile file(path, mode);
    file.write(content);
    file.rename_over(path);
    sync_folder(folder_of(path));
}

void sync_folder(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) throw Error::from_errno("open", path, errno);
    if (::fsync(fd.get()) != 0) throw Error::from_errno("sync", path, errno);
}

namespace {

/// One may make entries in a folder without being allowed to open it; its sync is then the system's business.
void sync_if_readable(const std::string& path) {
    try {
        sync_folder(path);
    } catch (const Error& error) {
        if (error.system_error() != EACCES) throw;
    }
}

}  // namespace

void make_folders(const std::string& path, mode_t mode) {
    for (std::size_t end = 0; end < path.size();) {
        end = std::min(path.find('/', end + 1), path.size());
        const std::string folder = path.substr(0, end);
        if (folder.empty() || folder.back() == '/') continue;
        if (::mkdir(folder.c_str(), mode) == 0) {
            sync_if_readable(folder_of(folder));
            continue;
        }
        const int why = errno;
        struct stat status {};
        // EEXIST, but also EROFS and EACCES, are answered for folders that are there already.
        if (::stat(folder.c_str(), &status) != 0) throw Error::from_errno("make folder", folder, why);
        if (!S_ISDIR(status.st_mode)) throw Error::from_errno("make folder", folder, ENOTDIR);
    }
}

FileLock::FileLock(const std::string& path, double wait_seconds, std::string_view what_is_busy)
    : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (!fd_) throw Error::from_errno("open", path, errno);
    using std::chrono::steady_clock;
    const auto start = steady_clock::now();
    auto pause = std::chrono::milliseconds(10);
    while (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) throw Error::from_errno("lock", path, errno);
        const std::chrono::duration<double> waited = steady_clock::now() - start;
        if (wait_seconds >= 0 && waited.count() >= wait_seconds) {
            throw Error(ErrorCode::busy, "another process is at work on " + std::string(what_is_busy),
                        "wait for it to end, or use --lock-wait");
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::milliseconds(250));
    }
}

}  // namespace signet
