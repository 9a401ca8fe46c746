#include "cli/drill/source_comparison.h"

#include "core/error.h"
#include "core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace signet::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBuffer = std::size_t{256} * 1024;

enum class Verdict { same, changed, different };

bool has_same_octets(int left, int right, const std::string& path) {
    Bytes one(kBuffer);
    Bytes other(kBuffer);
    for (;;) {
        const std::size_t count = read_full(left, one, path);
        if (read_full(right, other, path) != count) return false;
        if (!std::equal(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(count), other.begin())) return false;
        if (count < kBuffer) return true;
    }
}

bool has_other_stamp(const struct stat& left, const struct stat& right) {
    return left.st_size != right.st_size || left.st_mtim.tv_sec != right.st_mtim.tv_sec ||
           left.st_mtim.tv_nsec != right.st_mtim.tv_nsec;
}

Verdict compare(const std::string& restored, const std::string& source) {
    constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    const UniqueFd ours(::open(restored.c_str(), kFlags));
    if (!ours) throw Error::from_errno("open", restored, errno);
    const UniqueFd theirs(::open(source.c_str(), kFlags));
    struct stat our_status {};
    struct stat before {};
    if (::fstat(ours.get(), &our_status) != 0) throw Error::from_errno("look at", restored, errno);
    if (!theirs || ::fstat(theirs.get(), &before) != 0 || !S_ISREG(before.st_mode)) return Verdict::changed;
    if (has_other_stamp(before, our_status)) return Verdict::changed;
    if (has_same_octets(ours.get(), theirs.get(), source)) return Verdict::same;
    // It may have changed while it was read.
    struct stat afterwards {};
    return ::fstat(theirs.get(), &afterwards) != 0 || has_other_stamp(afterwards, our_status) ? Verdict::changed
                                                                                              : Verdict::different;
}

}  // namespace

SourceComparison compare_with_source(const std::string& restored, const std::atomic<bool>& interrupted,
                                     const std::function<void(const std::string&)>& on_difference) {
    SourceComparison result;
    std::error_code failed;
    fs::recursive_directory_iterator entries(restored, failed);
    for (const fs::recursive_directory_iterator end; !failed && entries != end; entries.increment(failed)) {
        if (interrupted.load()) throw Error(ErrorCode::interrupted, "interrupted");
        if (!fs::is_regular_file(entries->symlink_status(failed))) continue;
        const std::string path = entries->path().string();
        const std::string source = path.substr(restored.size());
        switch (compare(path, source)) {
            case Verdict::same:
                ++result.same;
                break;
            case Verdict::changed:
                ++result.changed;
                break;
            case Verdict::different:
                ++result.different;
                on_difference(source);
                break;
        }
    }
    if (failed) throw Error(ErrorCode::io, "cannot read " + restored + ": " + failed.message());
    return result;
}

}  // namespace signet::cli
