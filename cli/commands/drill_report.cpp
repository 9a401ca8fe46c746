#include "cli/context.h"
#include "cli/drill/commands.h"
#include "cli/drill/report_files.h"
#include "cli/drill/summary.h"
#include "core/file.h"

#include <algorithm>

namespace signet::cli {
namespace {

constexpr mode_t kReportMode = 0644;

const DrillEvidence& chosen(const DrillEvidences& all, const std::vector<std::string>& words) {
    if (all.drills.empty()) throw Error(ErrorCode::usage, "no drill is on record", "signet drill run makes one");
    if (words.empty() || words.front() == "latest") return all.drills.back();
    const auto found = std::find_if(all.drills.begin(), all.drills.end(), [&](const DrillEvidence& one) {
        return std::to_string(one.entry.number) == words.front();
    });
    if (found == all.drills.end())
        throw Error(ErrorCode::usage, "there is no drill " + printable(words.front()), "see: signet drill history");
    return *found;
}

ExitCode run(Context& context) {
    const Options& options = context.options();
    const std::string format = options.text_or("format", options.flag("json") ? "json" : "text");
    const DrillEvidences all = load_drills(context.keyring());
    const DrillEvidence& one = chosen(all, context.arguments());
    const auto file = options.text("output");
    if (format == "text") {
        if (file) throw Error(ErrorCode::usage, "-o needs a --format: json, junit, prometheus or html");
        print_drill(context.terminal(), one);
    } else {
        const std::string text = drill_report(format, all, one);
        if (file)
            replace_file(*file, as_bytes(text), kReportMode);
        else
            context.terminal().raw(as_bytes(text));
    }
    if (all.intact()) return ExitCode::done;
    throw Error(ErrorCode::damaged, "the history of drills was edited: " + all.problems.front(),
                "see: signet drill history");
}

}  // namespace

Command drill_report_command() {
    Command command;
    command.name = "drill report";
    command.synopsis = "[NUMBER|latest] [--format json|junit|prometheus|html] [-o FILE]";
    command.summary = "show the evidence of a drill, or write it for others";
    command.description =
        "Of the latest drill, or of the one with that number. The page of HTML needs nothing else: what was restored, "
        "which protectors were proven and when, how long it took, the objectives, and the trend over past drills. JSON "
        "holds the signed record itself. Where the history was edited, the report says so and the exit code is 14.";
    command.options = {{.name = "format",
                        .takes = Takes::one,
                        .value_name = "FORMAT",
                        .help = "json, junit, prometheus or html; text when nothing is said"},
                       {.name = "output",
                        .letter = 'o',
                        .takes = Takes::one,
                        .value_name = "FILE",
                        .help = "replace this file at once instead of printing"}};
    command.arguments = {"drill", 0, 1};
    command.examples = {
        {"signet drill report", "The latest, in a few lines"},
        {"signet drill report --format html -o drill.html", "For the auditor"},
        {"signet drill report --format prometheus -o /var/lib/prometheus/node-exporter/drill.prom", "From cron"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
