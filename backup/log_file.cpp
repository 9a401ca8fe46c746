#include "backup/log_file.h"

#include "core/crypto/digest.h"
#include "format/limits.h"
#include "format/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <memory>

namespace signet::backup {
namespace {

constexpr std::size_t kFirstOctets = 40;
constexpr std::uint16_t kLongHeader = 0x0002;
constexpr std::size_t kBlock = std::size_t{1024} * 1024;
constexpr std::size_t kLargestHistory = std::size_t{1024} * 1024;

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

std::optional<SegmentHeader> header_of(const LogFile& file) {
    Bytes start(kFirstOctets);
    start.resize(file.read(0, start));
    return parse_segment_header(start);
}

/// Of the first segment in a folder that is one.
std::optional<SegmentHeader> header_in(const std::string& folder) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), ::closedir);
    if (!listing) return std::nullopt;
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string name = entry->d_name;
        const auto parsed = format::parse_postgres_name(name, static_cast<std::uint32_t>(format::kMiB));
        if (!parsed || parsed->kind != format::LogKind::segment) continue;
        try {
            std::string path = folder;
            path += '/';
            path += name;
            if (const auto header = header_of(LogFile(path))) return header;
        } catch (const Error&) {
            continue;  // removed or replaced since it was listed
        }
    }
    return std::nullopt;
}

/// Segments and partial ones say whose they are.
bool has_header(std::string_view name) { return !name.ends_with(".history") && !name.ends_with(".backup"); }

std::string cluster_text(std::uint64_t system) { return "cluster " + std::to_string(system); }

format::LogSource postgres_source(const LogFile& file, const std::string& name,
                                  const std::optional<format::LogSource>& known) {
    if (!format::looks_like_postgres(name)) {
        throw Error(ErrorCode::refused,
                    "\"" + name +
                        "\" is no name that PostgreSQL archives under, and this series holds "
                        "its logs",
                    "push it to another series");
    }
    std::optional<SegmentHeader> header;
    if (has_header(name)) {
        header = header_of(file);
        if (!header) throw Error(ErrorCode::damaged, file.path() + ": not a segment of a write-ahead log");
    } else if (!known) {
        header = header_in(folder_of(file.path()));
        if (!header) {
            throw Error(ErrorCode::failed,
                        file.path() + ": nothing tells of which cluster it is: there is no segment beside it",
                        "push a segment first, or run this in pg_wal");
        }
    }
    if (!header) return *known;
    format::LogSource source;
    source.family = format::LogFamily::postgres;
    source.system = header->system;
    source.segment_size = header->segment_size;
    if (known && known->system != source.system) {
        throw Error(ErrorCode::refused,
                    file.path() + " is of " + cluster_text(source.system) +
                        ", and this series holds the "
                        "logs of " +
                        cluster_text(known->system),
                    "two clusters archive to one series: give this one another --series");
    }
    if (known && known->segment_size != source.segment_size)
        throw Error(ErrorCode::refused, file.path() + ": has another segment size than the logs of this series");
    return source;
}

void describe_history(const LogFile& file, format::LogTrailer& trailer) {
    if (file.size() > kLargestHistory) throw Error(ErrorCode::damaged, file.path() + ": too large for a history");
    Bytes content(static_cast<std::size_t>(file.size()));
    content.resize(file.read(0, content));
    trailer.switches = format::parse_history(as_text(content), file.path());
    if (trailer.switches.empty())
        throw Error(ErrorCode::damaged, file.path() + ": a history of a timeline that names none before it",
                    "PostgreSQL writes no such file: look at it before you push it");
    if (trailer.switches.back().timeline >= trailer.timeline)
        throw Error(ErrorCode::damaged, file.path() + ": names timelines that do not come before its own");
}

void describe_segment(const LogFile& file, const format::LogTrailer& trailer, std::uint32_t segment_size) {
    if (file.size() != segment_size) {
        throw Error(ErrorCode::damaged, file.path() + ": has " + std::to_string(file.size()) +
                                            " octets, and segments of this cluster have " +
                                            std::to_string(segment_size));
    }
    const auto header = header_of(file);
    if (!header || header->position != trailer.position)
        throw Error(ErrorCode::damaged, file.path() + ": its first page is not that of " + trailer.name);
}

}  // namespace

std::optional<SegmentHeader> parse_segment_header(ByteView start) {
    if (start.size() < kFirstOctets) return std::nullopt;
    ByteReader reader(start, "a segment");
    const unsigned magic = reader.u16() >> 8U;
    if (magic != 0xD0 && magic != 0xD1) return std::nullopt;  // XLOG_PAGE_MAGIC of every version since 9.3
    if ((reader.u16() & kLongHeader) == 0) return std::nullopt;
    (void)reader.u32();  // the timeline of its first page may be an older one than that of its name
    SegmentHeader header;
    header.position = reader.u64();
    (void)reader.u64();
    header.system = reader.u64();
    header.segment_size = reader.u32();
    if (!format::is_segment_size(header.segment_size)) return std::nullopt;
    return header;
}

LogFile::LogFile(const std::string& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (!fd_) throw Error::from_errno("open", path_, errno);
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) throw Error::from_errno("look at", path_, errno);
    if (!S_ISREG(status.st_mode)) throw Error(ErrorCode::usage, path_ + " is not a regular file");
    size_ = static_cast<std::uint64_t>(status.st_size);
    modified_.ns = status.st_mtim.tv_sec * kNsPerSecond + status.st_mtim.tv_nsec;
    if (size_ > format::kMaxLogSize) throw Error(ErrorCode::refused, path_ + " is larger than a log can be: 64 GiB");
}

std::size_t LogFile::read(std::uint64_t offset, MutableByteView out) const {
    return pread_full(fd_.get(), out, offset, path_);
}

Digest LogFile::digest() const {
    crypto::Sha256 hash;
    Bytes block(kBlock);
    for (std::uint64_t at = 0; at < size_; at += kBlock) {
        const std::size_t got = read(at, block);
        hash.update(ByteView(block).first(got));
        if (got < block.size()) break;
    }
    return hash.finish();
}

void LogFile::require_unchanged() const {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) throw Error::from_errno("look at", path_, errno);
    const bool is_same = static_cast<std::uint64_t>(status.st_size) == size_ &&
                         status.st_mtim.tv_sec * kNsPerSecond + status.st_mtim.tv_nsec == modified_.ns;
    if (is_same) return;
    throw Error(ErrorCode::refused, path_ + " changed while it was pushed",
                "push a log when nobody writes to it any more");
}

format::LogSource source_of(const LogFile& file, const std::string& name, format::LogFamily family,
                            const std::string& sequence, const std::optional<format::LogSource>& known) {
    if (known && known->family != family) {
        throw Error(ErrorCode::refused,
                    known->family == format::LogFamily::postgres
                        ? "this series holds the logs of a PostgreSQL cluster, and " + name + " is none"
                        : "this series holds other logs than a PostgreSQL cluster's, and " + name + " looks like one",
                    "push it to another series");
    }
    if (family == format::LogFamily::postgres) return postgres_source(file, name, known);
    format::LogSource source;
    source.sequence = sequence;
    if (known && sequence.empty()) source.sequence = known->sequence;
    return source;
}

format::LogTrailer describe(const LogFile& file, const std::string& name, const format::LogSource& source) {
    if (!format::is_entry_name(name))
        throw Error(ErrorCode::usage, "a log cannot be called \"" + name + "\"",
                    "a name is 1 to 255 octets without /, and not . or ..");
    format::LogTrailer trailer;
    trailer.name = name;
    trailer.modified = file.modified();
    trailer.size = file.size();
    if (source.family == format::LogFamily::generic) {
        if (source.sequence.empty()) return trailer;
        trailer.number = format::LogSequence::parse(source.sequence).number_of(name);
        if (!trailer.number)
            throw Error(ErrorCode::usage, "\"" + name + "\" is no name of the sequence " + source.sequence);
        return trailer;
    }
    const auto parsed = format::parse_postgres_name(name, source.segment_size);
    if (!parsed) throw Error(ErrorCode::damaged, "\"" + name + "\" is no name of this cluster's logs");
    trailer.kind = parsed->kind;
    trailer.timeline = parsed->timeline;
    trailer.position = parsed->position;
    if (parsed->kind == format::LogKind::history) describe_history(file, trailer);
    if (parsed->kind == format::LogKind::segment || parsed->kind == format::LogKind::partial)
        describe_segment(file, trailer, source.segment_size);
    return trailer;
}

}  // namespace signet::backup
