// What the loss of a log means, for people: which one it is, which moments need it, and what helps.
#pragma once

#include "restore/log_archive.h"

#include <string>

namespace signet::restore {

struct LogLoss {
    std::string name;               ///< empty: nothing tells it
    std::string series;             ///< its name, or its id
    std::optional<TimePoint> from;  ///< moments that need it: from the log before it on
    std::optional<TimePoint> to;    ///< to the next base, or to the end of the logs
    std::string sentence;           ///< which log it is, and which moments need it
    std::string remedy;             ///< with the command
};

/// Of a log that counts, as far as its end shows. catalogue  tells which backups later moments start from
[[nodiscard]] LogLoss loss_of(const LogSeries& series, const Catalogue& catalogue, const Log& log);
/// Of one of which no more is known than its place: told by the logs that were stored before and after it.
[[nodiscard]] LogLoss loss_of(const LogSeries& series, const Catalogue& catalogue, const LogEpoch& epoch,
                              std::uint64_t number);

}  // namespace signet::restore
