#include "tests/proofs/power/recorder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdarg>
#include <map>
#include <mutex>
#include <optional>

// The linker names these: --wrap=f turns f into __wrap_f, and __real_f into f.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
int __real_open64(const char*, int, ...);
int __real_openat64(int, const char*, int, ...);
ssize_t __real_write(int, const void*, size_t);
ssize_t __real_pwrite64(int, const void*, size_t, off_t);
int __real_ftruncate64(int, off_t);
int __real_fsync(int);
int __real_fdatasync(int);
int __real_rename(const char*, const char*);
int __real_renameat2(int, const char*, int, const char*, unsigned);
int __real_linkat(int, const char*, int, const char*, int);
int __real_unlink(const char*);
int __real_unlinkat(int, const char*, int);
int __real_mkdir(const char*, mode_t);
int __real_mkdirat(int, const char*, mode_t);
}

namespace signet::proof {
namespace {

class Recorder {
public:
    void start(const std::string& folder) {
        const std::lock_guard lock(mutex_);
        top_ = folder + "/";
        operations_.clear();
        files_.clear();
        is_recording_ = true;
    }
    std::vector<Operation> stop() {
        const std::lock_guard lock(mutex_);
        is_recording_ = false;
        return std::move(operations_);
    }
    void mark(const std::string& label) {
        Operation operation;
        operation.label = label;
        note(std::move(operation));
    }

    /// The call itself and its note are one step: another thread's cannot come between.
    template <class Call, class Note>
    auto step(const Call& call, const Note& note) {
        const std::lock_guard lock(mutex_);
        const auto result = call();
        if (is_recording_) {
            const int kept = errno;
            note(result);
            errno = kept;
        }
        return result;
    }

    // With the lock held.
    void note_locked(Operation operation) { operations_.push_back(std::move(operation)); }
    /// A path below the folder; nothing for any other.
    [[nodiscard]] std::optional<std::string> below(int folder, const char* path) const {
        std::string whole = path;
        if (whole.empty() || whole.front() != '/') {
            const auto above = folder == AT_FDCWD ? std::optional<std::string>{} : path_of(folder);
            if (!above) return {};
            whole = *above + "/" + whole;
        }
        while (whole.size() > 1 && (whole.back() == '/' || whole.ends_with("/."))) whole.pop_back();
        if (whole + "/" == top_) return "";
        if (!whole.starts_with(top_)) return {};
        return whole.substr(top_.size());
    }
    [[nodiscard]] static std::optional<std::string> path_of(int fd) {
        std::string path(4096, '\0');
        const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path.data(), path.size());
        if (length < 0) return {};
        path.resize(static_cast<std::size_t>(length));
        return path;
    }
    /// The number of an open file that was made while recording.
    [[nodiscard]] std::optional<std::uint64_t> file_of(int fd) const {
        struct stat status {};
        if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return {};
        const auto found = files_.find({status.st_dev, status.st_ino});
        if (found == files_.end()) return {};
        return found->second;
    }
    std::uint64_t number_file(int fd) {
        struct stat status {};
        static_cast<void>(::fstat(fd, &status));
        return files_[{status.st_dev, status.st_ino}] = ++last_file_;
    }

private:
    void note(Operation operation) {
        const std::lock_guard lock(mutex_);
        if (is_recording_) operations_.push_back(std::move(operation));
    }
    std::mutex mutex_;
    bool is_recording_ = false;
    std::string top_;
    std::vector<Operation> operations_;
    std::map<std::pair<dev_t, ino_t>, std::uint64_t> files_;
    std::uint64_t last_file_ = 0;
};

Recorder& recorder() {
    static Recorder instance;
    return instance;
}

Operation on_file(Operation::Kind kind, std::uint64_t file) {
    Operation operation;
    operation.kind = kind;
    operation.file = file;
    return operation;
}

Operation on_path(Operation::Kind kind, std::string path, std::string to = {}) {
    Operation operation;
    operation.kind = kind;
    operation.path = std::move(path);
    operation.to = std::move(to);
    return operation;
}

/// Opens; what is made or emptied by it is noted.
template <class Open>
int open_noted(int folder, const char* path, int flags, const Open& open) {
    if ((flags & (O_CREAT | O_TRUNC)) == 0) return open();
    const auto where = recorder().below(folder, path);
    if (!where) return open();
    struct stat before {};
    return recorder().step(
        [&] {
            if (::fstatat(folder, path, &before, AT_SYMLINK_NOFOLLOW) != 0) before.st_nlink = 0;
            return open();
        },
        [&](int fd) {
            if (fd < 0) return;
            if (before.st_nlink == 0) {
                Operation made = on_file(Operation::Kind::make_file, recorder().number_file(fd));
                made.path = *where;
                recorder().note_locked(std::move(made));
            } else if ((flags & O_TRUNC) != 0) {
                if (const auto file = recorder().file_of(fd))
                    recorder().note_locked(on_file(Operation::Kind::truncate, *file));
            }
        });
}

void note_write(int fd, const void* octets, ssize_t count, off_t offset) {
    if (count <= 0) return;
    const auto file = recorder().file_of(fd);
    if (!file) return;
    Operation written = on_file(Operation::Kind::write, *file);
    written.offset = static_cast<std::uint64_t>(offset);
    const auto* const from = static_cast<const std::uint8_t*>(octets);
    written.octets.assign(from, from + count);
    recorder().note_locked(std::move(written));
}

void note_sync(int fd) {
    if (const auto file = recorder().file_of(fd)) {
        recorder().note_locked(on_file(Operation::Kind::sync_file, *file));
        return;
    }
    struct stat status {};
    const auto path = Recorder::path_of(fd);
    if (!path || ::fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode)) return;
    if (const auto where = recorder().below(AT_FDCWD, path->c_str()))
        recorder().note_locked(on_path(Operation::Kind::sync_folder, *where));
}

/// A call on one name.
template <class Call>
int named(Operation::Kind kind, int folder, const char* path, const Call& call) {
    const auto where = recorder().below(folder, path);
    if (!where) return call();
    return recorder().step(call, [&](int result) {
        if (result == 0) recorder().note_locked(on_path(kind, *where));
    });
}

/// A call on two names.
template <class Call>
int named(Operation::Kind kind, int from_folder, const char* from, int to_folder, const char* to, const Call& call) {
    const auto where = recorder().below(from_folder, from);
    const auto where_to = recorder().below(to_folder, to);
    if (!where || !where_to) return call();
    return recorder().step(call, [&](int result) {
        if (result == 0) recorder().note_locked(on_path(kind, *where, *where_to));
    });
}

}  // namespace

void start_recording(const std::string& folder) { recorder().start(folder); }
void record_mark(const std::string& label) { recorder().mark(label); }
std::vector<Operation> stop_recording() { return recorder().stop(); }

}  // namespace signet::proof

using signet::proof::named;
using signet::proof::note_sync;
using signet::proof::note_write;
using signet::proof::open_noted;
using signet::proof::Operation;
using signet::proof::recorder;

extern "C" {

int __wrap_open64(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_noted(AT_FDCWD, path, flags, [&] { return __real_open64(path, flags, mode); });
}

int __wrap_openat64(int folder, const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_noted(folder, path, flags, [&] { return __real_openat64(folder, path, flags, mode); });
}

ssize_t __wrap_write(int fd, const void* octets, size_t count) {
    off_t offset = 0;
    return recorder().step(
        [&] {
            const bool appends = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;
            offset = ::lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
            return __real_write(fd, octets, count);
        },
        [&](ssize_t done) { note_write(fd, octets, done, offset); });
}

ssize_t __wrap_pwrite64(int fd, const void* octets, size_t count, off_t offset) {
    return recorder().step([&] { return __real_pwrite64(fd, octets, count, offset); },
                           [&](ssize_t done) { note_write(fd, octets, done, offset); });
}

int __wrap_ftruncate64(int fd, off_t size) {
    return recorder().step([&] { return __real_ftruncate64(fd, size); },
                           [&](int result) {
                               const auto file = recorder().file_of(fd);
                               if (result != 0 || !file) return;
                               Operation cut = signet::proof::on_file(Operation::Kind::truncate, *file);
                               cut.offset = static_cast<std::uint64_t>(size);
                               recorder().note_locked(std::move(cut));
                           });
}

int __wrap_fsync(int fd) {
    return recorder().step([&] { return __real_fsync(fd); },
                           [&](int result) {
                               if (result == 0) note_sync(fd);
                           });
}

int __wrap_fdatasync(int fd) {
    return recorder().step([&] { return __real_fdatasync(fd); },
                           [&](int result) {
                               if (result == 0) note_sync(fd);
                           });
}

int __wrap_rename(const char* from, const char* to) {
    return named(Operation::Kind::rename, AT_FDCWD, from, AT_FDCWD, to, [&] { return __real_rename(from, to); });
}

int __wrap_renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
    return named(Operation::Kind::rename, from_folder, from, to_folder, to,
                 [&] { return __real_renameat2(from_folder, from, to_folder, to, flags); });
}

int __wrap_linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) {
    return named(Operation::Kind::link, from_folder, from, to_folder, to,
                 [&] { return __real_linkat(from_folder, from, to_folder, to, flags); });
}

int __wrap_unlink(const char* path) {
    return named(Operation::Kind::unlink, AT_FDCWD, path, [&] { return __real_unlink(path); });
}

int __wrap_unlinkat(int folder, const char* path, int flags) {
    return named(Operation::Kind::unlink, folder, path, [&] { return __real_unlinkat(folder, path, flags); });
}

int __wrap_mkdir(const char* path, mode_t mode) {
    return named(Operation::Kind::make_folder, AT_FDCWD, path, [&] { return __real_mkdir(path, mode); });
}

int __wrap_mkdirat(int folder, const char* path, mode_t mode) {
    return named(Operation::Kind::make_folder, folder, path, [&] { return __real_mkdirat(folder, path, mode); });
}
}
// NOLINTEND(bugprone-reserved-identifier)
