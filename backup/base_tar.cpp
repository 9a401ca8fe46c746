#include "backup/base_tar.h"

#include "format/log_name.h"
#include "format/tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <vector>

namespace signet::backup {
namespace {

constexpr std::size_t kBlock = std::size_t{1024} * 1024;
constexpr std::size_t kLabelLimit = std::size_t{64} * 1024;
constexpr std::size_t kManifestEnd = std::size_t{64} * 1024;
constexpr std::size_t kControl = 8;
constexpr std::string_view kLabel = "backup_label";
constexpr std::string_view kManifest = "backup_manifest";
constexpr std::string_view kControlFile = "global/pg_control";

Error damaged(const std::string& why) {
    return {ErrorCode::damaged, "the base backup that was read " + why,
            "it has to be the output of pg_basebackup -D - -Ft -X none, or of samples/postgres/base"};
}

/// "./base/1/" is "base/1". throws  where it leads out
std::string clean_path(const char* given) {
    if (given == nullptr) throw damaged("has a name that is not text");
    std::string path;
    std::string_view rest(given);
    while (!rest.empty()) {
        const std::string_view name = rest.substr(0, rest.find('/'));
        rest.remove_prefix(std::min(rest.size(), name.size() + 1));
        if (name.empty() || name == ".") continue;
        if (!format::is_entry_name(name)) throw damaged("has a name that leads out of it: " + std::string(given));
        path += (path.empty() ? "" : "/") + std::string(name);
    }
    return path;
}

/// What stands between `start` and the first of `ends` after it.
std::optional<std::string> between(std::string_view text, std::string_view start, std::string_view ends) {
    const std::size_t at = text.find(start);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(at + start.size());
    return std::string(rest.substr(0, rest.find_first_of(ends)));
}

/// The segment size with which that position lies in a segment of that name.
std::optional<std::uint32_t> segment_size_of(std::uint64_t position, const std::string& name) {
    for (std::uint32_t size = 1U << 20U; size <= 1U << 30U; size *= 2) {
        const auto segment = format::parse_postgres_name(name, size);
        if (segment && segment->position == position / size * size) return size;
    }
    return std::nullopt;
}

}  // namespace

struct TarReader::State {
    explicit State(int from) : fd(from), tar(archive_read_new()) {
        if (tar == nullptr) throw Error(ErrorCode::failed, "not enough memory");
    }
    ~State() { archive_read_free(tar); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    [[nodiscard]] Error failure() const {
        const char* why = archive_error_string(tar);
        return damaged("cannot be read as a tar: " + std::string(why == nullptr ? "unknown" : why));
    }

    int fd;
    archive* tar;
};

TarReader::TarReader(int fd) : state_(std::make_unique<State>(fd)) {
    archive_read_support_format_tar(state_->tar);
    // Several tars, one after the other, are one: what describes a base is known when all else has been written.
    if (archive_read_set_format_option(state_->tar, "tar", "read_concatenated_archives", "1") != ARCHIVE_OK)
        throw state_->failure();
    if (archive_read_open_fd(state_->tar, fd, kBlock) != ARCHIVE_OK) throw state_->failure();
}

TarReader::~TarReader() = default;

std::optional<TarReader::Entry> TarReader::next() {
    archive_entry* header = nullptr;
    const int result = archive_read_next_header(state_->tar, &header);
    if (result == ARCHIVE_EOF) return std::nullopt;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) throw state_->failure();
    Entry entry;
    entry.path = clean_path(archive_entry_pathname(header));
    entry.stat.mode = archive_entry_mode(header);
    entry.stat.uid = static_cast<std::uint32_t>(archive_entry_uid(header));
    entry.stat.gid = static_cast<std::uint32_t>(archive_entry_gid(header));
    entry.stat.modified = {archive_entry_mtime(header), static_cast<std::uint32_t>(archive_entry_mtime_nsec(header))};
    entry.stat.links = 1;
    if (S_ISREG(entry.stat.mode)) {
        const la_int64_t size = archive_entry_size(header);
        if (size < 0) throw damaged("has a file without a size: " + entry.path);
        entry.stat.size = static_cast<std::uint64_t>(size);
    } else if (S_ISLNK(entry.stat.mode)) {
        const char* target = archive_entry_symlink(header);
        if (target == nullptr) throw damaged("has a link without a target: " + entry.path);
        entry.target = target;
    } else if (!S_ISDIR(entry.stat.mode)) {
        throw damaged("has something that is neither file, folder nor link: " + entry.path);
    }
    if (archive_entry_hardlink(header) != nullptr) throw damaged("has a hard link: " + entry.path);
    return entry;
}

std::size_t TarReader::read(MutableByteView out) {
    std::size_t filled = 0;
    while (filled < out.size()) {
        const la_ssize_t got = archive_read_data(state_->tar, out.data() + filled, out.size() - filled);
        if (got < 0) throw state_->failure();
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    return filled;
}

void TarReader::drain() {
    std::vector<char> block(kBlock);
    for (;;) {
        const ssize_t got = ::read(state_->fd, block.data(), block.size());
        if (got > 0 || (got < 0 && errno == EINTR)) continue;
        if (got < 0) throw Error::from_errno("read", "the base backup", errno);
        return;
    }
}

bool BaseDescription::wants(const std::string& path) {
    return path == kLabel || path == kManifest || path == kControlFile;
}

void BaseDescription::take(const std::string& path, ByteView octets) {
    if (path == kLabel) {
        label_ += as_text(octets.first(std::min(octets.size(), kLabelLimit - std::min(kLabelLimit, label_.size()))));
    } else if (path == kControlFile) {
        const std::size_t count = std::min(octets.size(), kControl - control_.size());
        control_.insert(control_.end(), octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(count));
    } else if (path == kManifest) {
        manifest_end_ += as_text(octets);
        if (manifest_end_.size() > kManifestEnd) manifest_end_.erase(0, manifest_end_.size() - kManifestEnd);
    }
}

format::BasePlace BaseDescription::place() const {
    if (label_.empty()) throw damaged("has no backup_label");
    if (control_.size() < kControl) throw damaged("has no global/pg_control: it was cut off");
    if (manifest_end_.empty())
        throw damaged("has no backup_manifest at its end: it was cut off, or made with --no-manifest");
    format::BasePlace place;
    for (std::size_t i = 0; i < kControl; ++i) place.system |= std::uint64_t{control_[i]} << (8 * i);
    const auto start = between(label_, "START WAL LOCATION: ", " \n");
    const auto segment = between(label_, "(file ", ")\n");
    const auto timeline = between(label_, "START TIMELINE: ", " \r\n");
    const auto position = start ? format::parse_position(*start) : std::nullopt;
    const auto size = position && segment ? segment_size_of(*position, *segment) : std::nullopt;
    if (!position || !size || !timeline) throw damaged("has a backup_label that does not say where it starts");
    const auto end = std::from_chars(timeline->data(), timeline->data() + timeline->size(), place.timeline);
    if (end.ec != std::errc() || place.timeline == 0) throw damaged("has a backup_label without its timeline");
    place.start = *position;
    place.segment_size = *size;
    // The last range is that of the timeline on which it ended.
    const std::size_t ranges = manifest_end_.rfind("\"WAL-Ranges\"");
    const std::size_t last = manifest_end_.rfind("\"End-LSN\": \"");
    const auto stop = ranges != std::string::npos && last != std::string::npos && last > ranges
                          ? between(std::string_view(manifest_end_).substr(last), "\"End-LSN\": \"", "\"")
                          : std::nullopt;
    const auto stopped = stop ? format::parse_position(*stop) : std::nullopt;
    if (!stopped || *stopped < place.start) throw damaged("has a backup_manifest that does not say where it ends");
    place.stop = *stopped;
    return place;
}

}  // namespace signet::backup
