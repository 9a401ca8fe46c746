#include "cli/log_health.h"

#include "cli/moment.h"
#include "restore/log_archive.h"

#include <algorithm>

namespace signet::cli {
namespace {

bool has_logs(const restore::Catalogue& catalogue, const restore::SeriesKey& series) {
    const auto& epochs = catalogue.log_epochs();
    return std::any_of(epochs.begin(), epochs.end(), [&](const restore::LogEpoch& epoch) {
        return epoch.trusted && catalogue.series_of(epoch) == series;
    });
}

std::string span_of(const restore::LogGap& gap) {
    return gap.first == gap.last ? gap.first + " is" : gap.first + " to " + gap.last + " are";
}

void count(const restore::LogSeries& series, const restore::Backup& newest, LogHealth& health) {
    health.logs += series.logs.size();
    for (const restore::Log& log : series.logs)
        health.newest = std::max(health.newest.value_or(log.trailer().modified), log.trailer().modified);
    const auto gaps = series.gaps();
    health.gaps += gaps.size();
    if (!gaps.empty()) {
        health.problem = Error(ErrorCode::damaged,
                               span_of(gaps.front()) + " missing from the logs of " + newest.series() +
                                   ": moments after that cannot be restored",
                               "a new base makes later ones reachable; signet log list --gaps");
    }
    for (const restore::LogStoredAgain& one : series.stored_again) health.stored_again.push_back(one.sentence);
    for (const restore::LogProblem& one : series.problems) {
        if (one.error.code() == ErrorCode::damaged) health.problem = one.error;
    }
}

void count_all(Context& context, const restore::Backup& newest, LogHealth& health) {
    const restore::SeriesKey wanted = context.catalogue().series_of(newest);
    for (const restore::LogSeries& series :
         restore::load_logs(context.repository(), context.catalogue(), newest.fields->series.hex())) {
        if (restore::SeriesKey{series.id, series.line} == wanted) count(series, newest, health);
    }
}

/// Whether base and logs lead to the last moment. Counts what it has read for that.
void look_at_moment(Context& context, const restore::Backup& newest, LogHealth& health) {
    MomentChoice choice;
    choice.filter.series = newest.fields->series.hex();
    choice.filter.line = context.catalogue().line_of(newest.writer);
    try {
        const Moment moment = find_moment(context, context.catalogue(), choice);
        count(moment.logs, newest, health);
        health.restorable = plan_moment(context.planner(), moment).restorable;
    } catch (const Error& error) {
        if (error.code() == ErrorCode::io) throw;
        count_all(context, newest, health);
        health.restorable = false;
        // What cannot be reached is damage to whoever relies on it.
        const ErrorCode code = error.code() == ErrorCode::usage ? ErrorCode::damaged : error.code();
        health.problem = Error(code, error.what(), error.hint());
    }
}

}  // namespace

std::optional<LogHealth> log_health(Context& context, const restore::Backup& newest) {
    const bool is_base = newest.fields->base.has_value();
    if (!is_base && !has_logs(context.catalogue(), context.catalogue().series_of(newest))) return std::nullopt;
    if (context.catalogue().doubt()) return std::nullopt;
    LogHealth health;
    if (is_base)
        look_at_moment(context, newest, health);
    else
        count_all(context, newest, health);
    return health;
}

}  // namespace signet::cli
