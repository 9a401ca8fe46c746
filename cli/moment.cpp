#include "cli/moment.h"

#include "cli/log_series.h"
#include "restore/latest.h"

#include <algorithm>

namespace signet::cli {
namespace {

/// The backups that were meant: all of the chosen series, whatever the time.
std::vector<const restore::Backup*> candidates(const Context& context, const restore::Catalogue& catalogue,
                                               const std::string& reference) {
    if (reference != "latest") return {&catalogue.find(reference)};
    restore::BackupFilter filter = selection(context);
    filter.at.reset();
    filter.as_of = context.command().find_option("as-of") == nullptr ? std::nullopt : time_option(context, "as-of");
    return catalogue.select(filter);
}

restore::LogSeries logs_of(Context& context, const restore::Catalogue& catalogue, const restore::Backup& base) {
    auto found = restore::load_logs(context.repository(), catalogue, base.fields->series.hex());
    if (found.empty() || found.front().logs.empty()) {
        throw Error(ErrorCode::usage,
                    "series " + base.series() +
                        " has no logs, and its bases cannot be used without those that were "
                        "written while they were made",
                    "signet log push --series " + base.series() + " is what archive_command has to run");
    }
    return std::move(found.front());
}

}  // namespace

OptionSpec timeline_option() {
    return {.name = "timeline",
            .takes = Takes::one,
            .value_name = "N",
            .help = "of a series with logs: this timeline instead of the newest one"};
}

bool is_of_logs(const Context& context, const restore::Catalogue& catalogue, const std::string& reference) {
    auto wanted = candidates(context, catalogue, reference);
    std::erase_if(wanted, [](const restore::Backup* backup) { return !backup->trusted; });
    // Where several series were meant, whoever chooses one of them says so.
    const bool is_one = std::all_of(wanted.begin(), wanted.end(), [&](const restore::Backup* backup) {
        return backup->fields->series == wanted.front()->fields->series;
    });
    return is_one && std::any_of(wanted.begin(), wanted.end(),
                                 [](const restore::Backup* backup) { return backup->fields->base.has_value(); });
}

Moment find_moment(Context& context, const restore::Catalogue& catalogue, const std::string& reference) {
    catalogue.require_no_doubt();
    std::vector<const restore::Backup*> bases = candidates(context, catalogue, reference);
    std::erase_if(bases, [](const restore::Backup* backup) { return !backup->trusted || !backup->fields->base; });
    restore::require_one_series(bases);
    restore::MomentRequest request;
    request.at = context.command().find_option("at") == nullptr ? std::nullopt : time_option(context, "at");
    if (const auto timeline = context.options().integer("timeline", 1, UINT32_MAX))
        request.timeline = static_cast<std::uint32_t>(*timeline);
    if (reference != "latest") {
        request.base = bases.front();
    } else if (const auto refusal = refusal_of_latest(catalogue, selection(context))) {
        throw *refusal;  // a newer base is damaged, or by somebody who is not trusted
    }
    Moment moment{logs_of(context, catalogue, *bases.front()), {}};
    moment.path = path_to(moment.logs, bases_of(catalogue, bases.front()->fields->series), request);
    return moment;
}

restore::Plan plan_moment(restore::Planner& planner, const Moment& moment) {
    return planner.plan(*moment.path.base, moment.path.needed(), moment.at());
}

}  // namespace signet::cli
