// A file that is pushed as a log: what it is, and its content block by block.
#pragma once

#include "core/clock.h"
#include "core/file.h"
#include "format/log_epoch.h"

#include <optional>
#include <string>

namespace signet::backup {

/// What a segment's first page says.
struct SegmentHeader {
    std::uint64_t position = 0;
    std::uint64_t system = 0;
    std::uint32_t segment_size = 0;
};
/// Nothing where these octets do not start a segment of a write-ahead log.
[[nodiscard]] std::optional<SegmentHeader> parse_segment_header(ByteView start);

/// An open regular file.
class LogFile {
public:
    /// throws  Error{usage}: not a regular file; Error{io}
    explicit LogFile(const std::string& path);
    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] TimePoint modified() const { return modified_; }
    [[nodiscard]] const std::string& path() const { return path_; }
    /// Reads from an offset to the end of `out` or of the file. returns  octets read
    [[nodiscard]] std::size_t read(std::uint64_t offset, MutableByteView out) const;
    /// SHA-256 of all of it.
    [[nodiscard]] Digest digest() const;
    /// throws  Error{refused}: it changed since it was opened
    void require_unchanged() const;

private:
    std::string path_;
    UniqueFd fd_;
    std::uint64_t size_ = 0;
    TimePoint modified_;
};

/// Says of what record the file is a piece: from its name and its first octets; of a history or a backup history file,
/// from segments beside it.
/// known  what the series' logs are, where some were pushed before
/// throws  Error{refused}: it is of another cluster, or of another kind than the series; Error{damaged}: a segment that
///         is none; Error{failed}: nothing tells of which cluster it is
[[nodiscard]] format::LogSource source_of(const LogFile& file, const std::string& name, format::LogFamily family,
                                          const std::string& sequence, const std::optional<format::LogSource>& known);

/// Fills in what the trailer says of the file: kind, positions, numbers, times, size.
/// throws  Error{damaged}: a history that is none, a segment that its name or its size belies; Error{usage}: a name
[[nodiscard]] format::LogTrailer describe(const LogFile& file, const std::string& name,
                                          const format::LogSource& source);

}  // namespace signet::backup
