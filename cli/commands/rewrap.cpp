#include "restore/rewrap.h"
#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/selection.h"
#include "cli/signals.h"
#include "cli/table.h"

#include <algorithm>
#include <chrono>

namespace signet::cli {
namespace {

std::function<bool()> stop_after(const std::optional<std::string>& span) {
    if (!span) return [] { return interrupted().load(); };
    const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(parse_span(*span));
    return [end] { return interrupted().load() || std::chrono::steady_clock::now() >= end; };
}

/// Those of the chosen series: a rule that only backups have leaves logs out.
std::vector<const restore::LogEpoch*> chosen_logs(Context& context) {
    std::vector<const restore::LogEpoch*> logs;
    for (const char* name : {"host", "path", "tag", "from", "to"}) {
        if (context.options().given(name)) return logs;
    }
    if (!chooses_by_rule(context)) return logs;
    const auto series = context.options().text("series");
    for (const restore::LogEpoch& epoch : context.catalogue().log_epochs()) {
        if (!epoch.trusted || epoch.is_released()) continue;
        if (!series || restore::Catalogue::names_series(*series, epoch.labels, epoch.fields.series))
            logs.push_back(&epoch);
    }
    return logs;
}

void print(Context& context, const restore::RewrapReport& report) {
    Terminal& terminal = context.terminal();
    if (terminal.json()) {
        Json protectors = Json::array();
        for (const format::Thumbprint& one : report.protectors) protectors.push_back(one.text());
        terminal.object(Json{{"message_type", "summary"},
                             {"backups", report.backups},
                             {"log_epochs", report.log_epochs},
                             {"deks", report.deks},
                             {"rewrapped", report.rewrapped},
                             {"already", report.already},
                             {"slots_added", report.slots_added},
                             {"failed", report.failures.size()},
                             {"broken_backups", report.broken.size()},
                             {"remaining", report.remaining},
                             {"protectors", std::move(protectors)},
                             {"dry_run", context.dry_run()}});
        return;
    }
    std::vector<std::string> names;
    for (const format::Thumbprint& one : report.protectors)
        names.push_back(context.resolver().status(one).name + " (" + one.short_text() + ")");
    terminal.result(counted(report.deks, "data key") + " of " + counted(report.backups, "backup") +
                    (report.log_epochs == 0 ? std::string() : " and " + counted(report.log_epochs, "log epoch")) +
                    ", to be opened by " + printable(join(names, " and by ")));
    terminal.result(std::string(context.dry_run() ? "  would be wrapped  " : "  wrapped anew      ") +
                    std::to_string(report.rewrapped));
    terminal.result("  already were      " + std::to_string(report.already));
    if (!report.failures.empty()) terminal.result("  failed            " + std::to_string(report.failures.size()));
    if (report.remaining > 0)
        terminal.result("  left for later    " + std::to_string(report.remaining) + ": run this again");
}

ExitCode run(Context& context) {
    context.keyring().require_not_paused();
    require_revalidated(look_at_access(context));
    restore::RewrapOptions options;
    options.dry_run = context.dry_run();
    options.stop = stop_after(context.options().text("max-duration"));
    const std::vector<const restore::Backup*> backups = trusted_choice(context);
    options.logs = chosen_logs(context);
    options.protectors = require_wrapping(context);
    keyring::ProvenSlots proven = context.proven_slots(context.repository().config().repository);
    options.proven = &proven;
    const restore::RewrapReport report =
        restore::rewrap(context.repository(), context.planner(), context.resolver(), backups, options);
    print(context, report);
    stop_if_interrupted();
    for (const Error& error : report.broken) context.terminal().warning(error.what());
    if (report.failures.empty() && report.broken.empty()) return ExitCode::done;
    if (report.failures.empty()) {
        throw Error(ErrorCode::damaged,
                    counted(report.broken.size(), "backup") + " of " + std::to_string(report.backups) +
                        " could not be treated, as said above; the others are done",
                    "bring back what is missing; signet check names all of it");
    }
    for (const auto& [dek, error] : report.failures) context.terminal().warning(error.what());
    const bool is_missing = std::any_of(report.failures.begin(), report.failures.end(), [](const auto& failure) {
        return failure.second.code() == ErrorCode::key_unavailable;
    });
    throw Error(is_missing ? ErrorCode::key_unavailable : ErrorCode::damaged,
                counted(report.failures.size(), "data key") + " of " + std::to_string(report.deks) +
                    " could not be treated, as said above; the others are done",
                report.failures.front().second.hint());
}

}  // namespace

Command rewrap_command() {
    Command command;
    command.name = "rewrap";
    command.synopsis = "--all | --series S | --from T --to T | BACKUP… [--max-duration D]";
    command.summary = "wrap the data keys of older backups under today's protectors";
    command.description =
        "After a rotation older backups still need the older protector. This opens their data keys with it and adds "
        "slots under the default protector and every recovery protector of the repository, never under one that its "
        "policy says is to go. Nothing else is written: "
        "no data is read, and no pack, index or entry changes. What has such a slot already is left alone, once its "
        "protector has opened it; so the command may be stopped at any moment, by --max-duration too, and be run "
        "again. Backups may run meanwhile.\n\n"
        "Logs are treated with their series (--all, --series), whole epochs at a time.\n\n"
        "In a replica the default is that of the replica's region.\n\n"
        "The older protector's slots stay. Before it is destroyed, signet key delete says whether anything still "
        "needs it.\n\n"
        "Exit code 13 when some data keys could not be opened, 14 when a backup refers to an entry that is not there; "
        "the others are done.";
    command.options = with_rules({
        {.name = "max-duration",
         .takes = Takes::one,
         .value_name = "D",
         .help = "begin no other data key after this long: 90s, 30m, 2h"},
    });
    command.arguments = {"backup", 0, Arguments::kAnyNumber};
    command.examples = {
        {"signet rewrap --all", "Everything needs only today's protectors afterwards"},
        {"signet rewrap --series prod-db --max-duration 30m", "As much of a series as half an hour allows"},
        {"signet rewrap --all --dry-run", "How many there are to do"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
