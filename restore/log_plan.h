// Which base and which logs lead to a moment (docs/format.md section 16). No input or output.
#pragma once

#include "restore/log_archive.h"
#include "restore/plan.h"

#include <optional>
#include <string>
#include <vector>

namespace signet::restore {

/// What a restore to a moment replays.
struct LogPath {
    const Backup* base = nullptr;
    std::uint32_t timeline = 0;         ///< of the path
    std::vector<const Log*> histories;  ///< of the path
    std::vector<const Log*> segments;   ///< in the order of their replay
    /// Those after the segments, without a gap. Recovery ends at the first commit after the target, and looks into
    /// these for one where a long transaction, or nobody, was at work then. No moment needs them.
    std::vector<const Log*> beyond;
    std::optional<TimePoint> target;  ///< nothing: the end of the logs
    TimePoint end;                    ///< the last moment that is known to be reachable with these logs

    /// By data key, in the order of their replay.
    [[nodiscard]] std::vector<NeededLogs> needed() const;
    /// The last moment for which the first `count` segments are enough; nothing: none after the base.
    [[nodiscard]] std::optional<TimePoint> reached_by(std::size_t count) const;
};

/// Which moments need which of a path's logs. bases  ascending by time; the path begins with the first. A log is needed
/// from two logs before it on (section 16) until a base follows that was complete after it.
/// stretch  what lies beyond is left out
[[nodiscard]] LogsOfStretch logs_of_stretch(const LogPath& path, const std::vector<const Backup*>& bases,
                                            const Moments& stretch);

/// What is asked for.
struct MomentRequest {
    std::optional<TimePoint> at;            ///< nothing: as far as the logs lead
    std::optional<std::uint32_t> timeline;  ///< nothing: the newest one
    const Backup* base = nullptr;           ///< the one to start from; nullptr: the newest that will do
};

/// bases  of the series, trusted, oldest first
/// throws  Error{usage}: the moment lies before all bases or after the last log (the message names the last moment that
///         can be reached), or there is no such timeline; Error{damaged}: logs are missing, and which
[[nodiscard]] LogPath path_to(const LogSeries& logs, const std::vector<const Backup*>& bases,
                              const MomentRequest& request);

}  // namespace signet::restore
