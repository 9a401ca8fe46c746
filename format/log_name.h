// Names of logs: PostgreSQL's write-ahead log, and numbered files of any program (docs/format.md section 16).
#pragma once

#include "core/bytes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signet::format {

enum class LogFamily : std::uint8_t { generic = 1, postgres = 2 };

enum class LogKind : std::uint8_t {
    generic = 1,
    segment = 2,
    history = 3,         ///< of a timeline
    backup_history = 4,  ///< "….backup"
    partial = 5,         ///< the last segment of a timeline that was left: "….partial"
};
[[nodiscard]] std::string_view text(LogKind kind);

/// Where a timeline was left for the next one.
struct TimelineSwitch {
    std::uint32_t timeline = 0;
    std::uint64_t position = 0;
    friend bool operator==(const TimelineSwitch&, const TimelineSwitch&) = default;
};

/// What the name of one of PostgreSQL's files says.
struct PostgresName {
    LogKind kind = LogKind::segment;
    std::uint32_t timeline = 0;
    std::uint64_t position = 0;  ///< not of a history
};

/// Whether it is a power of two from 1 MiB to 1 GiB.
[[nodiscard]] bool is_segment_size(std::uint64_t size);
/// Nothing: no name that PostgreSQL archives under, with that segment size.
[[nodiscard]] std::optional<PostgresName> parse_postgres_name(std::string_view name, std::uint32_t segment_size);
/// The same of a history, which has no segment size. returns  its timeline
[[nodiscard]] std::optional<std::uint32_t> parse_history_name(std::string_view name);
/// Whether a name looks like one of PostgreSQL's, whatever the segment size.
[[nodiscard]] bool looks_like_postgres(std::string_view name);
[[nodiscard]] std::string segment_name(std::uint32_t timeline, std::uint64_t position, std::uint32_t segment_size);
[[nodiscard]] std::string history_name(std::uint32_t timeline);

/// "0/2000028", as PostgreSQL writes positions.
[[nodiscard]] std::string position_text(std::uint64_t position);
[[nodiscard]] std::optional<std::uint64_t> parse_position(std::string_view text);

/// The lines of a history file. throws  Error{damaged}: not a history
[[nodiscard]] std::vector<TimelineSwitch> parse_history(std::string_view content, std::string_view what);

/// How the names of a series are numbered: "binlog.%06d".
class LogSequence {
public:
    /// throws  Error{usage}: not a text with one %d or %0Nd
    [[nodiscard]] static LogSequence parse(std::string_view pattern);
    /// The number of a name; nothing where it is none of them.
    [[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view name) const;
    [[nodiscard]] std::string name_of(std::uint64_t number) const;

private:
    std::string before_;
    std::string after_;
    std::size_t digits_ = 0;  ///< at least so many, with zeros in front
};

}  // namespace signet::format
