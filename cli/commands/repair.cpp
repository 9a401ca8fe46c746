#include "cli/check_report.h"
#include "cli/commands/commands.h"
#include "cli/repairing.h"

#include <algorithm>

namespace signet::cli {
namespace {

void print_json(Context& context, const RepairReport& report) {
    Json done = Json::array();
    for (const RepairStep& step : report.done)
        done.push_back({{"object", step.object}, {"action", step.action}, {"message", step.message}});
    Json remaining = Json::array();
    for (const restore::Finding& finding : report.remaining) remaining.push_back(finding_json(finding));
    context.terminal().object(Json{{"message_type", "summary"},
                                   {"damaged", report.before.findings.size()},
                                   {"done", std::move(done)},
                                   {"remaining", std::move(remaining)},
                                   {"unreadable", report.unreadable},
                                   {"information", report.information},
                                   {"dry_run", context.dry_run()}});
}

void print(Context& context, const RepairReport& report) {
    Terminal& terminal = context.terminal();
    if (terminal.json()) return print_json(context, report);
    for (const RepairStep& step : report.done) terminal.result(step.object + "\n  " + printable(step.message));
    restore::CheckReport left;
    left.findings = report.remaining;
    left.unreadable = report.unreadable;
    left.information = report.information;
    tell_findings(terminal, left, "repair");
    if (report.before.findings.empty() && report.unreadable.empty() && report.done.empty())
        return terminal.result("nothing is damaged: " + counted(report.before.objects, "object") + " as written");
    const auto touched = std::count_if(report.remaining.begin(), report.remaining.end(),
                                       [](const restore::Finding& one) { return !one.backups.empty(); });
    terminal.result(counted(report.before.findings.size(), "object") + " damaged or lost, " +
                    std::to_string(report.remaining.size()) + " still so" +
                    (touched > 0 ? ", " + std::to_string(touched) + " of them needed by backups" : std::string()) +
                    (context.dry_run() ? " after this; nothing was changed" : ""));
}

ExitCode run(Context& context) {
    context.keyring().require_not_paused();
    RepairOptions options;
    options.without_keys = context.options().flag("no-keys");
    const RepairReport report = repair_repository(context, options);
    print(context, report);
    // What is only foreseen is damage until it is done.
    if (context.dry_run() && !report.done.empty() && report.remaining.empty())
        throw Error(ErrorCode::damaged, "nothing was changed (--dry-run)", "signet repair does it");
    if (!report.remaining.empty()) {
        const ErrorCode code = report.wants_keys ? ErrorCode::key_unavailable : ErrorCode::damaged;
        const bool is_about_logs = restore::are_about_logs(report.remaining);
        throw Error(code, counted(report.remaining.size(), "object") + " could not be mended, as said above",
                    is_about_logs ? "push those logs again that their servers still have: signet log push"
                                  : "the next backup of the same source stores again what packs have lost; then run "
                                    "signet repair again for the older backups. What no source has any more is lost: "
                                    "signet restore --salvage saves the rest, and signet forget of the backups that "
                                    "are named makes an end");
    }
    if (!report.unreadable.empty())
        throw Error(ErrorCode::io, counted(report.unreadable.size(), "object") + " could not be read, and stay");
    return ExitCode::done;
}

}  // namespace

Command repair_command() {
    Command command;
    command.name = "repair";
    command.synopsis = "[--no-keys] [-n]";
    command.summary = "mend a damaged repository, as far as anything is left to mend it with";
    command.description =
        "Checks the repository as signet check does, and then, of what is damaged or lost:\n\n"
        "Objects that are not what their names say are set aside: moved to below quarantine/, never deleted, and what "
        "still opens of them is still read. So their names are free for a good copy (signet copy from another place), "
        "and the next backup of the same source stores again what they held. Slots that signed entries hold are "
        "stored again. This needs no key.\n\n"
        "With the keys, lost index segments are made again from their packs. Packs that are lost are made again when "
        "all of their chunks can be had, out of what is left of them and of whatever their writer has stored since: an "
        "officer signs that the new packs stand for the old ones, and older backups are whole again. A pack of which "
        "a chunk is nowhere else stays as it is, and is named with its backups.\n\n"
        "A config.json that is lost or damaged is made again where a keyring knows the repository. Journal entries "
        "have no second copy in a repository: they are named, and stay. So do logs: their ends tell which they were, "
        "and what is pushed again (signet log push) stands for them.\n\n"
        "Nothing becomes less restorable: whatever opened before opens afterwards. The command may be stopped at any "
        "moment and run again. Exit code 0 when nothing is damaged any more, 14 when something is, 13 when missing "
        "protectors keep something from being mended.";
    command.options = {{.name = "no-keys", .help = "do only what needs no protector: for who stores a repository"}};
    command.examples = {{"signet repair -n", "What could be mended, and how"},
                        {"signet repair", "Mend it; then back up the same source again, and once more repair"},
                        {"signet repair --no-keys", "By the storage host"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
