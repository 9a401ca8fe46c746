#include "cli/commands/commands.h"
#include "cli/selection.h"
#include "cli/timeline_view.h"

namespace signet::cli {
namespace {

constexpr std::size_t kWidth = 100;

ExitCode run(Context& context) {
    restore::BackupFilter filter = selection(context);
    filter.from = time_option(context, "from");
    filter.at = time_option(context, "to");
    restore::PlanOptions options;
    options.without_keys = context.options().list("without-key");
    restore::Planner planner(context.catalogue(false), context.repository(), context.resolver(), options);
    const std::vector<restore::Plan> lanes = planner.timeline(filter);
    if (context.terminal().json()) context.terminal().object(timeline_json(lanes));
    else print_timeline(context.terminal(), lanes, context.terminal().output_is_terminal() ? context.terminal().columns() : kWidth);
    return ExitCode::done;
}

}  // namespace

Command timeline_command() {
    Command command;
    command.name = "timeline";
    command.synopsis = "[--series S] [--from T --to T] [--without-key T]…";
    command.summary = "draw which moments can be restored, and with which keys";
    command.description =
        "One lane for each series: the moments that can be restored now, the protectors that they need, and the gaps, with what "
        "blocks them. Computed from public headers alone, as signet plan is.";
    command.options = with_selection({
        {.name = "from", .takes = Takes::one, .value_name = "T", .help = "from this time"},
        {.name = "to", .takes = Takes::one, .value_name = "T", .help = "to this time"},
        {.name = "without-key", .takes = Takes::many, .value_name = "T", .help = "as if this protector were lost; may be repeated"},
    });
    command.examples = {{"signet timeline --series prod-db", "One series"},
                        {"signet timeline --without-key prod-2025", "What the loss of a key would cost"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
