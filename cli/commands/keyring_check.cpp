#include "cli/commands/commands.h"
#include "cli/protector_needs.h"
#include "cli/signals.h"
#include "cli/table.h"

namespace signet::cli {
namespace {

struct Checked {
    bool is_proven = false;
    bool is_lacking = false;  ///< some backup can be restored by nothing else
    std::string what;
};

/// Opens the newest data key that the protector wraps, by nothing but this protector.
Checked prove(Context& context, const ProtectorNeed& need) {
    if (!need.report.can_unwrap) {
        const std::string why =
            need.report.detail.empty() ? std::string(keyring::text(need.report.status)) : need.report.detail;
        return {false, need.sole_backups > 0, why + (need.sole_backups > 0 ? "" : "; others open everything it wraps")};
    }
    restore::RunKey alone = *need.newest;
    std::erase_if(alone.openers, [&](const restore::Opener& one) { return one.thumbprint != need.report.thumbprint; });
    try {
        (void)restore::unwrap_key(context.repository(), context.planner(), context.resolver(), alone);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::key_unavailable && error.code() != ErrorCode::damaged) throw;
        return {false, true, error.what()};
    }
    context.keyring().note_proven(need.report.thumbprint, context.clock().now());
    return {true, false, "opened data key " + alone.dek.short_hex()};
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    Table table({"THUMBPRINT", "NAME", "BACKUPS", "PROVEN", "WHAT"});
    Json rows = Json::array();
    std::uint64_t lacking = 0;
    for (const ProtectorNeed& need : protector_needs(context)) {
        stop_if_interrupted();
        const Checked checked = prove(context, need);
        lacking += checked.is_lacking ? 1 : 0;
        table.add({need.report.thumbprint.short_text(), printable(need.report.name), std::to_string(need.backups),
                   checked.is_proven ? "yes" : "no", printable(checked.what)});
        rows.push_back({{"thumbprint", need.report.thumbprint.text()},
                        {"name", need.report.name},
                        {"status", keyring::text(need.report.status)},
                        {"backups", need.backups},
                        {"deks", need.deks},
                        {"sole_backups", need.sole_backups},
                        {"proven", checked.is_proven},
                        {"detail", checked.what}});
    }
    if (terminal.json())
        terminal.object(Json{{"message_type", "summary"}, {"protectors", std::move(rows)}, {"lacking", lacking}});
    else if (table.empty())
        terminal.message("there is no backup in this repository that needs a protector");
    else
        table.print(terminal);
    if (lacking == 0) return ExitCode::done;
    throw Error(ErrorCode::key_unavailable, counted(lacking, "protector") + " that backups need cannot be used",
                "signet plan says for which time, and what would help");
}

}  // namespace

Command keyring_check_command() {
    Command command;
    command.name = "keyring check";
    command.summary = "prove that the protectors of this repository's backups still open them";
    command.description =
        "Opens one data key with every protector that backups of the repository need, and remembers the date: one call "
        "for each "
        "protector, however many backups there are. For a nightly run. Exit code 13 when backups need a protector that "
        "does not "
        "open them; one that is not at hand, such as an offline recovery key, is no failure while others open all that "
        "it wraps.\n\n"
        "keyring test tests links, without a repository; check --read-data reads the backups themselves.";
    command.examples = {{"signet keyring check", "Every night"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
