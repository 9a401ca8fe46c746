#include "cli/commands/commands.h"
#include "cli/moment.h"
#include "cli/selection.h"
#include "cli/timeline_page.h"
#include "cli/timeline_view.h"
#include "restore/latest.h"

#include <algorithm>

namespace signet::cli {
namespace {

constexpr std::size_t kWidth = 120;

/// How a restore names the series of a lane: by its name, or where several have that by its id.
std::string name_of_lane(const restore::Plan& lane, const std::vector<restore::Plan>& lanes) {
    const bool is_shared = std::count_if(lanes.begin(), lanes.end(),
                                         [&](const restore::Plan& other) { return other.series == lane.series; }) > 1;
    return is_shared ? lane.series_id.hex() : lane.series;
}

/// Why restores to the end of what is drawn are refused, of all lanes together and of each: each reason once. Lanes of
/// which that is so, and their moments of which that is so, are not called restorable.
std::vector<std::string> refusals(const restore::Catalogue& catalogue, restore::BackupFilter filter,
                                  std::vector<restore::Plan>& lanes) {
    std::vector<std::string> found;
    const auto ask = [&]() -> std::optional<std::string> {
        const auto refusal = refusal_of_latest(catalogue, filter);
        if (!refusal) return std::nullopt;
        std::string text = refusal_text(*refusal, filter.at);
        if (std::find(found.begin(), found.end(), text) == found.end()) found.push_back(text);
        return text;
    };
    filter.from.reset();
    (void)ask();
    for (restore::Plan& lane : lanes) {
        filter.series = name_of_lane(lane, lanes);
        filter.line = lane.line;
        std::vector<std::string> reasons = restore::exclude_refused(lane, catalogue, filter);
        if (const auto refusal = ask()) reasons.insert(reasons.begin(), *refusal);
        lane.restorable = lane.restorable && reasons.empty();
        lane.warnings.insert(lane.warnings.begin(), reasons.begin(), reasons.end());
    }
    return found;
}

ExitCode run(Context& context) {
    restore::BackupFilter filter = selection(context);
    filter.from = time_option(context, "from");
    filter.at = time_option(context, "to");
    if (filter.from && filter.at && *filter.at < *filter.from) throw Error(ErrorCode::usage, "--to is before --from");
    restore::PlanOptions options;
    options.without_keys = context.options().list("without-key");
    restore::Planner planner(context.headers(), context.repository(), context.resolver(), options);
    std::vector<restore::Plan> lanes = planner.timeline(filter, find_logs(context, planner.catalogue()));
    const std::vector<std::string> refused = refusals(planner.catalogue(), filter, lanes);
    context.options().refuse_together({"html", "svg"});
    const bool is_text =
        !context.terminal().json() && !context.options().flag("html") && !context.options().flag("svg");
    for (const std::string& sentence : refused) {
        if (is_text)
            context.terminal().result(printable(sentence));
        else
            context.terminal().warning(sentence);
    }
    if (context.options().flag("html"))
        context.terminal().raw(as_bytes(timeline_html(lanes, context.clock().now())));
    else if (context.options().flag("svg"))
        context.terminal().raw(as_bytes(timeline_svg(lanes)));
    else if (context.terminal().json())
        context.terminal().object(timeline_json(lanes));
    else
        print_timeline(context.terminal(), lanes,
                       context.terminal().output_is_terminal() ? context.terminal().columns() : kWidth);
    return ExitCode::done;
}

}  // namespace

Command timeline_command() {
    Command command;
    command.name = "timeline";
    command.synopsis = "[--series S] [--from T --to T] [--without-key T]… [--html | --svg]";
    command.summary = "draw which moments can be restored, and with which keys";
    command.description =
        "One lane for each series: the moments that can be restored now, the protectors that they need, and the gaps, "
        "with what blocks them. Computed from public headers alone, as signet plan is. Where a restore to the end of "
        "the stretch is refused whatever keys there are, because an entry is damaged or a newer backup is by a writer "
        "who is not trusted, the first lines say so.\n\n"
        "--html prints a page that needs no other file: the chart, with details under the mouse, and tables of gaps "
        "and protectors. --svg prints the chart alone.";
    command.options = with_selection({
        {.name = "from", .takes = Takes::one, .value_name = "T", .help = "from this time"},
        {.name = "to", .takes = Takes::one, .value_name = "T", .help = "to this time"},
        {.name = "without-key",
         .takes = Takes::many,
         .value_name = "T",
         .help = "as if this protector were lost; may be repeated"},
        {.name = "html", .help = "print a page of HTML"},
        {.name = "svg", .help = "print an SVG picture"},
    });
    command.examples = {{"signet timeline --series prod-db", "One series"},
                        {"signet timeline --without-key prod-2025", "What the loss of a key would cost"},
                        {"signet timeline --html > coverage.html", "A page for the audit"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
