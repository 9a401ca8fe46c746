#include "cli/commands/commands.h"
#include "cli/log_series.h"
#include "cli/table.h"

namespace signet::cli {
namespace {

using restore::Log;
using restore::LogGap;
using restore::LogSeries;

Json to_json(const LogSeries& series, const Log& log) {
    const format::LogTrailer& trailer = log.trailer();
    Json row = Json::object();
    set_text(row, "name", log.name());
    set_text(row, "series", series.name);
    row["series_id"] = series.id.hex();
    row["kind"] = text(trailer.kind);
    row["epoch"] = log.epoch->fields.dek.hex();
    row["seq"] = log.number;
    row["timeline"] = trailer.timeline == 0 ? Json(nullptr) : Json(trailer.timeline);
    const bool has_position = trailer.kind != format::LogKind::generic && trailer.kind != format::LogKind::history;
    row["position"] = has_position ? Json(format::position_text(trailer.position)) : Json(nullptr);
    row["time"] = to_rfc3339(trailer.modified);
    row["stored"] = to_rfc3339(trailer.stored);
    row["size"] = trailer.size;
    row["stored_size"] = log.log.object_size;
    row["dek_id"] = log.epoch->fields.dek.hex();
    row["thumbprints"] = Json::array();
    for (const format::Slot& slot : log.epoch->fields.slots) row["thumbprints"].push_back(slot.thumbprint.text());
    row["writer"] = log.epoch->entry->identity.hex();
    row["object"] = log.object();
    row["damaged"] = log.damage.has_value();
    return row;
}

Json to_json(const LogSeries& series, const LogGap& gap) {
    Json row = Json::object();
    set_text(row, "series", series.name);
    set_text(row, "first", gap.first);
    set_text(row, "last", gap.last);
    row["count"] = gap.count;
    row["timeline"] = gap.timeline == 0 ? Json(nullptr) : Json(gap.timeline);
    row["from"] = time_json(gap.before);
    row["to"] = time_json(gap.after);
    return row;
}

std::string protectors_of(const restore::LogEpoch& epoch) {
    std::vector<std::string> names;
    for (const format::Slot& slot : epoch.fields.slots) names.push_back(slot.thumbprint.short_text());
    return join(names, ", ");
}

/// Logs that follow each other in one timeline and one epoch are one line.
struct Stretch {
    const Log* first = nullptr;
    const Log* last = nullptr;
    std::uint64_t count = 0;
    std::uint64_t size = 0;
    std::uint64_t stored = 0;
};

std::vector<Stretch> stretches_of(const LogSeries& series, const std::vector<LogGap>& gaps) {
    std::vector<Stretch> stretches;
    for (const Log& log : series.logs) {
        if (log.damage) continue;
        const bool follows =
            !stretches.empty() && stretches.back().last->epoch == log.epoch &&
            stretches.back().last->trailer().timeline == log.trailer().timeline &&
            stretches.back().last->trailer().kind == log.trailer().kind &&
            std::none_of(gaps.begin(), gaps.end(), [&](const LogGap& gap) {
                return gap.before == stretches.back().last->trailer().modified && gap.after == log.trailer().modified;
            });
        if (!follows) stretches.push_back({&log, &log, 0, 0, 0});
        Stretch& current = stretches.back();
        current.last = &log;
        ++current.count;
        current.size += log.trailer().size;
        current.stored += log.log.object_size;
    }
    return stretches;
}

void print_logs(Context& context, const std::vector<LogSeries>& all) {
    Table table({"SERIES", "FIRST", "LAST", "LOGS", "FROM", "TO", "SIZE", "STORED", "PROTECTOR"});
    for (const LogSeries& series : all) {
        for (const Stretch& one : stretches_of(series, series.gaps())) {
            table.add({printable(series.name), printable(one.first->name()), printable(one.last->name()),
                       std::to_string(one.count), to_table_time(one.first->trailer().modified),
                       to_table_time(one.last->trailer().modified), human_size(one.size), human_size(one.stored),
                       protectors_of(*one.first->epoch)});
        }
    }
    if (table.empty())
        context.terminal().message("no logs");
    else
        table.print(context.terminal());
}

void print_gaps(Context& context, const std::vector<LogSeries>& all) {
    Table table({"SERIES", "FIRST MISSING", "LAST MISSING", "LOGS", "FROM", "TO"});
    for (const LogSeries& series : all) {
        for (const LogGap& gap : series.gaps()) {
            table.add({printable(series.name), printable(gap.first), printable(gap.last), std::to_string(gap.count),
                       gap.before ? to_table_time(*gap.before) : "-", gap.after ? to_table_time(*gap.after) : "-"});
        }
    }
    if (table.empty())
        context.terminal().message("no gaps");
    else
        table.print(context.terminal());
}

bool has_gaps(const std::vector<LogSeries>& all) {
    return std::any_of(all.begin(), all.end(), [](const LogSeries& one) { return !one.gaps().empty(); });
}

ExitCode run(Context& context) {
    const bool gaps_alone = context.options().flag("gaps");
    const std::vector<LogSeries> all =
        restore::load_logs(context.repository(), context.headers(), context.options().text("series"));
    if (context.terminal().json()) {
        Json rows = Json::array();
        for (const LogSeries& series : all) {
            if (gaps_alone) {
                for (const LogGap& gap : series.gaps()) rows.push_back(to_json(series, gap));
            } else {
                for (const Log& log : series.logs) rows.push_back(to_json(series, log));
            }
        }
        context.terminal().object(rows);
    } else if (gaps_alone) {
        print_gaps(context, all);
    } else {
        print_logs(context, all);
    }
    bool is_damaged = gaps_alone && has_gaps(all);
    for (const LogSeries& series : all) {
        tell_stored_again(context, series);
        for (const restore::LogProblem& problem : series.problems) {
            context.terminal().warning(problem.error.what());
            is_damaged = is_damaged || problem.error.code() == ErrorCode::damaged;
        }
    }
    return is_damaged ? ExitCode::damaged : ExitCode::done;
}

}  // namespace

Command log_list_command() {
    Command command;
    command.name = "log list";
    command.synopsis = "[--series S] [--gaps]";
    command.summary = "list the logs of a repository, and what is missing of them";
    command.description =
        "Lists logs by what they follow: PostgreSQL's by timeline and position, numbered ones by number, others by the "
        "time when they were stored. Needs no key: the ends of the objects are read, and the signatures that stand for "
        "them. With --json one row for each log, else one line for those that follow each other under one data key.\n\n"
        "--gaps shows what is missing between logs that are there. Exit code 14 when there is a gap (with --gaps), or "
        "a log "
        "that was stored is gone or altered, and is not there again.";
    command.options = {
        {.name = "series", .takes = Takes::one, .value_name = "NAME", .help = "logs of this series alone"},
        {.name = "gaps", .help = "what is missing instead of what is there"},
    };
    command.examples = {{"signet log list --series pay-prod", "What there is"},
                        {"signet log list --gaps", "Whether anything is missing"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
