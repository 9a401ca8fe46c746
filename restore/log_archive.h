// The logs of a repository as everybody can see them: which count, under which names, and what is missing.
#pragma once

#include "restore/catalogue.h"
#include "storage/logs.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace signet::restore {

/// A log that counts.
struct Log {
    const LogEpoch* epoch = nullptr;  ///< owned by the catalogue
    std::uint64_t number = 0;         ///< in its epoch
    format::SignedLog log;

    [[nodiscard]] const format::LogTrailer& trailer() const { return log.trailer; }
    [[nodiscard]] const std::string& name() const { return log.trailer.name; }
    /// Of the object in the repository.
    [[nodiscard]] std::string object() const;
};

/// Something that was stored and is not there as it was, or logs that do not count.
struct LogProblem {
    const LogEpoch* epoch = nullptr;
    Error error;
};

/// A stretch that was never stored, or is lost.
struct LogGap {
    std::string first;  ///< names
    std::string last;
    std::uint64_t count = 0;
    std::uint32_t timeline = 0;       ///< of PostgreSQL's
    std::optional<TimePoint> before;  ///< of the log before and after it
    std::optional<TimePoint> after;
};

/// The logs of one series.
struct LogSeries {
    SeriesId id;
    IdentityId line;   ///< of its writers, as Catalogue::line_of() names it
    std::string name;  ///< or its id in hexadecimal
    format::LogSource source;
    std::vector<Log> logs;  ///< in the order of the record
    std::vector<LogProblem> problems;
    bool has_released = false;  ///< an officer has let older ones go

    /// The first of that name that counts; nullptr: none.
    [[nodiscard]] const Log* find(std::string_view wanted) const;
    /// What is missing between two logs that are there; also from where a timeline began, unless older logs of the
    /// series were let go.
    [[nodiscard]] std::vector<LogGap> gaps() const;
    /// The histories, by timeline.
    [[nodiscard]] std::map<std::uint32_t, const Log*> histories() const;
    /// Whether a log of that name is missing from a stretch that others prove to have been there: not before the first
    /// segment of its timeline (by the timeline's history, where it is there) nor after the last. Generic ones by
    /// number. In a series with released logs, before the first one that is there too.
    [[nodiscard]] bool is_in_gap(std::string_view wanted) const;
};

/// Reads the ends of all logs that a word names, or of all series. series  as in BackupFilter
/// throws  Error{damaged}: an officer's journal is broken; Error{io}
[[nodiscard]] std::vector<LogSeries> load_logs(const storage::Repository& repository, const Catalogue& catalogue,
                                               const std::optional<std::string>& series);

}  // namespace signet::restore
