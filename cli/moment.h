// A moment of a series with logs: the base and the logs that lead to it.
#pragma once

#include "cli/context.h"
#include "cli/selection.h"
#include "restore/log_plan.h"

#include <optional>
#include <string>

namespace signet::cli {

struct Moment {
    restore::LogSeries logs;
    restore::LogPath path;  ///< points into `logs`

    /// What is restored: the moment that was asked for, or the last one that can be reached.
    [[nodiscard]] TimePoint at() const { return path.target.value_or(path.end); }
};

/// --timeline.
[[nodiscard]] OptionSpec timeline_option();

/// Which moment.
struct MomentChoice {
    std::string reference = "latest";       ///< or the id of a base
    restore::BackupFilter filter;           ///< chooses the bases; `at` is the moment, and nothing the last one
    std::optional<std::uint32_t> timeline;  ///< nothing: the newest one
};

/// Whether the chosen series has bases that logs are replayed over: then its moments are not those of its backups
/// alone. reference  "latest", or an id
[[nodiscard]] bool is_of_logs(const Context& context, const restore::Catalogue& catalogue,
                              const std::string& reference);

/// Finds base and logs. throws  Error{usage}: no such moment, and which is the last one; Error{damaged}: a gap;
/// Error{refused}: not trusted
[[nodiscard]] Moment find_moment(Context& context, const restore::Catalogue& catalogue, const std::string& reference);

/// The same, chosen by hand.
[[nodiscard]] Moment find_moment(Context& context, const restore::Catalogue& catalogue, const MomentChoice& choice);

/// Finds the logs of a stretch of time of a series with bases. Both outlive it.
[[nodiscard]] restore::FindLogs find_logs(Context& context, const restore::Catalogue& catalogue);

/// What its base and logs need.
[[nodiscard]] restore::Plan plan_moment(restore::Planner& planner, const Moment& moment);

}  // namespace signet::cli
