#include "backup/reading.h"

#include "core/direct_io.h"
#include "core/error.h"
#include "core/file.h"
#include "format/limits.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace signet::backup {
namespace {

/// Opens a source, by another of its names where the first is gone. Whether it is what the walk saw is checked after
/// reading.
UniqueFd open_regular(FileJob& file) {
    UniqueFd fd = open_source(file.path, O_NONBLOCK);
    while (!fd && errno == ENOENT && file.take_other_name()) fd = open_source(file.path, O_NONBLOCK);
    if (!fd) {
        file.failed = true;
        file.error_number = errno;
        file.what = errno == ENOENT ? "vanished" : "cannot open";
    }
    return fd;
}

/// Compares with what the walk saw, after reading.
void check_unchanged(FileJob& file, int fd) {
    SourceStat now;
    if (stat_at(fd, "", false, now) == 0 && now.same_state(file.stat)) return;
    if (!S_ISREG(now.mode) || (!now.is_same_inode(file.stat) && !is_reached_without_links(file.path, now))) {
        // A new file in the place of the old one is only a change. But somebody may have put a link in the place of a
        // folder above, and then this file is not part of the source.
        file.failed = true;
        file.what = "was replaced while the backup ran";
        return;
    }
    // Owner, mode and times are those of what was read, not of what stood there when its folder was listed.
    file.replaced = !now.is_same_inode(file.stat);
    file.stat = now;
    file.changed_while_read = true;
    file.what = "changed while it was read";
}

void fail_read(FileJob& file, int error) {
    file.failed = true;
    file.error_number = error;
    file.what = "cannot read";
}

/// read(2) to the end of `out` or of the file. returns  -1 with errno set on failure
ssize_t read_up_to(int fd, MutableByteView out) {
    std::size_t filled = 0;
    while (filled < out.size()) {
        const ssize_t got = ::read(fd, out.data() + filled, out.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(filled);
}

/// The stretches of data of a file with holes; whole file when the file system cannot tell.
std::vector<format::Extent> find_extents(int fd, std::uint64_t size) {
    std::vector<format::Extent> result;
    std::uint64_t at = 0;
    while (at < size) {
        const auto data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
        if (data < 0) {
            if (errno != ENXIO) return {};
            result.push_back({size - at, 0});
            return result;
        }
        const auto end = ::lseek(fd, data, SEEK_HOLE);
        if (end < 0) return {};
        // The file may change meanwhile: what was data may be a hole by now, and what was a hole data.
        const auto from = std::max(static_cast<std::uint64_t>(data), at);
        const auto to = std::min(std::max(static_cast<std::uint64_t>(end), from + 1), size);
        if (from >= size) {
            result.push_back({size - at, 0});
            return result;
        }
        if (from == at && !result.empty()) {
            result.back().data += to - from;
        } else {
            result.push_back({from - at, to - from});
        }
        at = to;
    }
    // Only what the format can hold: the smallest holes of a very ragged file are read as zeros.
    while (result.size() > format::kMaxExtents) {
        std::vector<std::uint64_t> holes;
        holes.reserve(result.size());
        for (const auto& extent : result) holes.push_back(extent.hole);
        std::nth_element(holes.begin(), holes.begin() + static_cast<std::ptrdiff_t>(holes.size() / 2), holes.end());
        const auto threshold = holes[holes.size() / 2];
        std::vector<format::Extent> fewer;
        for (const auto& extent : result) {
            if (!fewer.empty() && extent.hole <= threshold && extent.data > 0) {
                fewer.back().data += extent.hole + extent.data;
            } else {
                fewer.push_back(extent);
            }
        }
        result.swap(fewer);
    }
    if (result.size() == 1 && result[0].hole == 0) result.clear();
    return result;
}

}  // namespace

/// Collects the octets of one content in buffers, cuts them, and hands full buffers on.
class Reader::Stream {
public:
    Stream(Reader& reader, const std::shared_ptr<FileJob>& file) : reader_(reader), file_(file) {}

    /// Room to read into; empty when the run was abandoned.
    MutableByteView room() {
        if (!item_.buffer) {
            item_.buffer = reader_.buffers_.take();
            if (!item_.buffer) return {};
            // Octets that were read and belong to no piece yet move to the front, so that the next ones come to a
            // page's start.
            end_ = align_up(carry_.size());
            start_ = end_ - carry_.size();
            if (!carry_.empty()) std::memcpy(item_.buffer.data() + start_, carry_.data(), carry_.size());
            carry_.clear();
        }
        return {item_.buffer.data() + end_, kGroupSize - end_};
    }
    /// `count` octets were read into room().
    void filled(std::size_t count) { end_ += count; }
    [[nodiscard]] ByteView pending() const { return {item_.buffer.data() + start_, end_ - start_}; }

    /// Cuts what can be cut. last  nothing follows in this stretch.
    void cut(const CutRule& rule, bool last) {
        for (;;) {
            const auto length = reader_.cutter_.next(rule, pending(), position_, last);
            if (length == 0) break;
            const auto size = static_cast<std::uint32_t>(length);
            item_.pieces.push_back({file_, file_->add_piece(size), static_cast<std::uint32_t>(start_), size});
            start_ += length;
            position_ += length;
        }
    }
    /// Hands the buffer on when it has no useful room left, or because the content ends.
    bool pass_on(bool must) {
        if (!item_.buffer || (!must && end_ < kGroupSize)) return true;
        const auto rest = pending();
        carry_.assign(rest.begin(), rest.end());
        if (item_.pieces.empty()) {
            if (!must) throw Error(ErrorCode::failed, "a buffer is smaller than a piece");
            item_ = WorkItem{};
            return true;
        }
        const bool pushed = reader_.output_.push(std::exchange(item_, WorkItem{}));
        return pushed;
    }
    /// Where the next stretch of data begins in the file, so that blocks stay aligned.
    void seek(std::uint64_t position) { position_ = position; }

private:
    Reader& reader_;
    const std::shared_ptr<FileJob>& file_;
    WorkItem item_;
    Bytes carry_;
    std::size_t start_ = 0;
    std::size_t end_ = 0;
    std::uint64_t position_ = 0;
};

void Reader::read(const ReadJob& job) {
    if (job.stream_fd >= 0) {
        read_stream(job.files.front(), job.stream_fd);
    } else if (job.large) {
        for (const auto& file : job.files) read_large(file);
    } else {
        read_group(job);
    }
}

std::size_t Reader::read_small(FileJob& file, MutableByteView out) {
    const UniqueFd fd = open_regular(file);
    if (!fd) return 0;
    // Files of /proc and their like say that they are empty.
    const auto wanted =
        file.stat.size > 0 ? static_cast<std::size_t>(file.stat.size) : std::min(out.size(), kUnsizedFile);
    const auto got = read_up_to(fd.get(), out.first(wanted));
    if (got < 0) {
        fail_read(file, errno);
        return 0;
    }
    if (file.stat.size == 0 && got > 0) {
        file.is_unsized = true;
        SourceStat now;
        if (static_cast<std::size_t>(got) == kUnsizedFile && stat_at(fd.get(), "", false, now) == 0 && now.size == 0) {
            file.failed = true;
            file.what = "says that it is empty, and is not: pass its content to --stdin";
            return 0;
        }
    }
    file.attributes = attributes_of(fd.get(), true);
    check_unchanged(file, fd.get());
    return file.failed ? 0 : static_cast<std::size_t>(got);
}

void Reader::read_group(const ReadJob& job) {
    WorkItem item;
    item.buffer = buffers_.take();
    if (!item.buffer) return;
    std::size_t used = 0;
    item.pieces.reserve(job.files.size());
    if (hooks_.starting) hooks_.starting(job.files.front()->path);
    for (const auto& file : job.files) {
        const MutableByteView room(item.buffer.data() + used, kGroupSize - used);
        const auto size = abandoned_ ? 0 : read_small(*file, room);
        file->content_size = size;
        const auto content = ByteView(room).first(size);
        const auto rule = rule_for_file(file->name, size, content.first(std::min<std::size_t>(size, 16384)));
        for (std::size_t at = 0; at < size;) {
            const auto length = cutter_.next(rule, content.subspan(at), at, true);
            const auto piece = static_cast<std::uint32_t>(length);
            item.pieces.push_back({file, file->add_piece(piece), static_cast<std::uint32_t>(used + at), piece});
            at += length;
        }
        used += size;
        file->read_done();
        if (hooks_.read) hooks_.read(size);
    }
    if (!item.pieces.empty()) (void)output_.push(std::move(item));
}

void Reader::read_large(const std::shared_ptr<FileJob>& file) {
    if (hooks_.starting) hooks_.starting(file->path);
    const UniqueFd fd = open_regular(*file);
    if (!fd) {
        file->read_done();
        return;
    }
    const auto size = file->stat.size;
    auto extents = file->stat.may_have_holes() ? find_extents(fd.get(), size) : std::vector<format::Extent>{};
    const bool has_holes = !extents.empty();
    if (!has_holes) extents.push_back({0, size});
    const UncachedReader source(fd.get(), size);
    if (!source.can_bypass()) (void)::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    Stream stream(*this, file);
    std::optional<CutRule> rule;
    std::uint64_t position = 0;
    std::uint64_t total = 0;
    bool short_file = false;
    for (std::size_t i = 0; i < extents.size() && !short_file && !abandoned_; ++i) {
        position += extents[i].hole;
        stream.seek(position);
        for (std::uint64_t left = extents[i].data; left > 0 && !abandoned_;) {
            const auto room = stream.room();
            if (room.empty()) break;
            const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), left));
            const auto got = source.read(room, wanted, position + extents[i].data - left);
            if (got < 0) {
                fail_read(*file, errno);
                break;
            }
            const auto count = static_cast<std::size_t>(got);
            stream.filled(count);
            left -= count;
            total += count;
            short_file = count < wanted;
            if (!rule)
                rule = rule_for_file(file->name, size, stream.pending().first(std::min<std::size_t>(count, 16384)));
            stream.cut(*rule, left == 0 || short_file);
            if (!stream.pass_on(false)) break;
            if (hooks_.read) hooks_.read(count);
            if (short_file) {
                extents[i].data -= left;
                extents.resize(i + 1);
                break;
            }
        }
        if (file->failed) break;
        position += extents[i].data;
    }
    if (abandoned_) file->failed = true;  // read in part only: no entry is made of it
    if (!file->failed) {
        file->attributes = attributes_of(fd.get(), true);
        check_unchanged(*file, fd.get());
    }
    (void)stream.pass_on(true);
    file->content_size = total;
    if (has_holes) file->extents = std::move(extents);
    file->read_done();
}

void Reader::read_pulled(const std::shared_ptr<FileJob>& file, std::uint64_t size,
                         const std::function<std::size_t(MutableByteView)>& pull) {
    if (hooks_.starting) hooks_.starting(file->path);
    Stream stream(*this, file);
    std::optional<CutRule> rule;
    std::uint64_t left = size;
    while (left > 0 && !abandoned_) {
        const auto room = stream.room();
        if (room.empty()) break;
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), left));
        const auto got = pull(room.first(wanted));
        stream.filled(got);
        left -= got;
        if (!rule) rule = rule_for_file(file->name, size, stream.pending().first(std::min<std::size_t>(got, 16384)));
        stream.cut(*rule, left == 0 || got < wanted);
        if (!stream.pass_on(false)) break;
        if (hooks_.read) hooks_.read(got);
        if (got < wanted) break;
    }
    (void)stream.pass_on(true);
    file->content_size = size - left;
    file->failed = abandoned_;
    file->read_done();
}

void Reader::read_stream(const std::shared_ptr<FileJob>& file, int fd) {
    if (hooks_.starting) hooks_.starting(file->path);
    Stream stream(*this, file);
    const auto rule = rule_for_stream();
    std::uint64_t total = 0;
    for (bool end = false; !end && !abandoned_;) {
        const auto room = stream.room();
        if (room.empty()) break;
        const auto got = read_up_to(fd, room);
        if (got < 0) {
            fail_read(*file, errno);
            break;
        }
        stream.filled(static_cast<std::size_t>(got));
        total += static_cast<std::uint64_t>(got);
        end = static_cast<std::size_t>(got) < room.size();
        stream.cut(rule, end);
        if (!stream.pass_on(false)) break;
        if (hooks_.read) hooks_.read(static_cast<std::uint64_t>(got));
    }
    (void)stream.pass_on(true);
    file->content_size = total;
    file->stat.size = total;
    file->read_done();
}

}  // namespace signet::backup
