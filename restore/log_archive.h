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
    /// Another object has its name as well, and was looked at for that: the octets of this one are not those that were
    /// signed. It comes after whole ones.
    std::optional<Error> damage = {};

    [[nodiscard]] const format::LogTrailer& trailer() const { return log.trailer; }
    [[nodiscard]] const std::string& name() const { return log.trailer.name; }
    /// Of the object in the repository.
    [[nodiscard]] std::string object() const;
};

/// The order of the record, within a series. Names break ties, then whole ones come first, so that it is the same every
/// time.
[[nodiscard]] bool comes_before(const Log& left, const Log& right);

/// Something that was stored and is not there as it was, or logs that do not count.
struct LogProblem {
    const LogEpoch* epoch = nullptr;
    Error error;
    std::uint64_t number = 0;  ///< of the log in its epoch; 0: it is about all of the epoch
    std::string name = {};     ///< of the log, where its end tells
};

/// A log that is gone or not whole, and is there again: no damage any more.
struct LogStoredAgain {
    const LogEpoch* epoch = nullptr;
    std::uint64_t number = 0;
    std::string name;      ///< of the log, as far as can be told
    std::string sentence;  ///< what happened, with both objects
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
    bool has_released = false;                 ///< an officer has let older ones go
    std::vector<LogStoredAgain> stored_again;  ///< what would be a problem, were it not there again

    /// The first of that name that counts and is whole, or where none is the first; nullptr: none.
    [[nodiscard]] const Log* find(std::string_view wanted) const;
    /// All of that name, in the order in which they are taken.
    [[nodiscard]] std::vector<const Log*> copies(std::string_view wanted) const;
    /// What is missing between two logs that are there; also from where a timeline began. Where older logs of the
    /// series were let go, from the log on that was stored first of those that are there.
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
