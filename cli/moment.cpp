#include "cli/moment.h"

#include "cli/log_series.h"
#include "restore/latest.h"

#include <algorithm>

namespace signet::cli {
namespace {

/// As the options say.
MomentChoice choice_of(const Context& context, const std::string& reference) {
    MomentChoice choice{reference, selection(context), std::nullopt};
    choice.filter.as_of =
        context.command().find_option("as-of") == nullptr ? std::nullopt : time_option(context, "as-of");
    if (const auto timeline = context.options().integer("timeline", 1, UINT32_MAX))
        choice.timeline = static_cast<std::uint32_t>(*timeline);
    return choice;
}

/// The backups that were meant: all of the chosen series, whatever the time.
std::vector<const restore::Backup*> candidates(const restore::Catalogue& catalogue, const MomentChoice& choice) {
    if (choice.reference != "latest") return {&catalogue.find(choice.reference)};
    restore::BackupFilter filter = choice.filter;
    filter.at.reset();
    return catalogue.select(filter);
}

restore::LogSeries logs_of(Context& context, const restore::Catalogue& catalogue, const restore::Backup& base) {
    const restore::SeriesKey wanted = catalogue.series_of(base);
    auto found = restore::load_logs(context.repository(), catalogue, base.fields->series.hex());
    // Others may claim the same series.
    std::erase_if(found, [&](const restore::LogSeries& one) { return restore::SeriesKey{one.id, one.line} != wanted; });
    if (found.empty() || found.front().logs.empty()) {
        throw Error(ErrorCode::usage,
                    "series " + base.series() +
                        " has no logs, and its bases cannot be used without those that were "
                        "written while they were made",
                    "signet log push --series " + base.series() + " is what archive_command has to run");
    }
    return std::move(found.front());
}

/// Up to when the keys at hand open base and logs without a break; nothing: not even the base comes back.
std::optional<TimePoint> reachable(restore::Planner& planner, const restore::LogPath& path) {
    const auto opens = [&](const restore::Log* log) {
        return planner.can_open(planner.key(*log->epoch->entry, log->epoch->fields));
    };
    const auto base = planner.keys_of(*path.base);
    if (!std::all_of(base.begin(), base.end(), [&](const restore::RunKey* key) { return planner.can_open(*key); }) ||
        !std::all_of(path.histories.begin(), path.histories.end(), opens))
        return std::nullopt;
    const auto end = std::find_if_not(path.segments.begin(), path.segments.end(), opens);
    return path.reached_by(static_cast<std::size_t>(end - path.segments.begin()));
}

}  // namespace

OptionSpec timeline_option() {
    return {.name = "timeline",
            .takes = Takes::one,
            .value_name = "N",
            .help = "of a series with logs: this timeline instead of the newest one"};
}

bool is_of_logs(const Context& context, const restore::Catalogue& catalogue, const std::string& reference) {
    auto wanted = candidates(catalogue, choice_of(context, reference));
    std::erase_if(wanted, [](const restore::Backup* backup) { return !backup->trusted; });
    // Where several series were meant, whoever chooses one of them says so.
    const bool is_one = std::all_of(wanted.begin(), wanted.end(), [&](const restore::Backup* backup) {
        return catalogue.series_of(*backup) == catalogue.series_of(*wanted.front());
    });
    return is_one && std::any_of(wanted.begin(), wanted.end(),
                                 [](const restore::Backup* backup) { return backup->fields->base.has_value(); });
}

Moment find_moment(Context& context, const restore::Catalogue& catalogue, const MomentChoice& choice) {
    catalogue.require_no_doubt();
    std::vector<const restore::Backup*> bases = candidates(catalogue, choice);
    std::erase_if(bases, [](const restore::Backup* backup) { return !backup->trusted || !backup->fields->base; });
    catalogue.require_one_series(bases);
    restore::MomentRequest request;
    request.at = choice.filter.at;
    request.timeline = choice.timeline;
    if (choice.reference != "latest") {
        request.base = bases.front();
    } else {
        restore::BackupFilter filter = choice.filter;
        filter.as_of.reset();
        // A newer base is damaged, or by somebody who is not trusted.
        if (const auto refusal = refusal_of_latest(catalogue, filter)) throw *refusal;
    }
    Moment moment{logs_of(context, catalogue, *bases.front()), {}};
    moment.path = path_to(moment.logs, bases_of(catalogue, catalogue.series_of(*bases.front())), request);
    return moment;
}

Moment find_moment(Context& context, const restore::Catalogue& catalogue, const std::string& reference) {
    return find_moment(context, catalogue, choice_of(context, reference));
}

restore::FindLogs find_logs(Context& context, const restore::Catalogue& catalogue) {
    return [&](const std::vector<const restore::Backup*>& wanted, const restore::Moments& stretch) {
        std::vector<const restore::Backup*> bases = wanted;
        std::erase_if(bases, [](const restore::Backup* backup) { return !backup->fields->base; });
        const restore::LogSeries logs = logs_of(context, catalogue, *bases.front());
        TimePoint last{INT64_MIN};
        for (const restore::Log& log : logs.logs) last = std::max(last, log.trailer().modified);
        const auto all = bases_of(catalogue, catalogue.series_of(*bases.front()));
        for (;; bases.erase(bases.begin())) {
            restore::MomentRequest request;
            request.base = bases.front();
            // What lies beyond the stretch is not asked for, nor is what no log leads to.
            if (stretch.to < last) request.at = std::max(stretch.to, bases.front()->time());
            try {
                return restore::logs_of_stretch(path_to(logs, all, request), bases, stretch);
            } catch (const Error& error) {
                // A base of a timeline that was left: the ones after it tell.
                if (error.code() != ErrorCode::usage || bases.size() == 1) throw;
            }
        }
    };
}

restore::Plan plan_moment(restore::Planner& planner, const Moment& moment) {
    const restore::LogPath& path = moment.path;
    restore::Plan plan = planner.plan(*path.base, path.needed(), moment.at());
    if (!plan.restorable) plan.reachable = reachable(planner, path);
    return plan;
}

}  // namespace signet::cli
