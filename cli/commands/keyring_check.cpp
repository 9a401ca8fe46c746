#include "cli/commands/commands.h"
#include "cli/protector_needs.h"
#include "cli/signals.h"
#include "cli/table.h"

#include <set>

namespace signet::cli {
namespace {

struct Checked {
    bool is_proven = false;
    bool is_lacking = false;  ///< a slot that its writer signed does not open
    std::string what;
};

/// Opens the newest data key that the protector wraps, by nothing but this protector.
Checked prove(Context& context, const ProtectorNeed& need) {
    if (!need.report.can_unwrap) {
        return {false, false,
                need.report.detail.empty() ? std::string(keyring::text(need.report.status)) : need.report.detail};
    }
    const restore::RunKey& key = need.newest != nullptr ? *need.newest : *need.newest_claim;
    try {
        (void)restore::unwrap_key_by(context.repository(), context.planner(), context.resolver(), key,
                                     need.report.thumbprint);
    } catch (const Error& error) {
        if (!restore::is_about_slots(error)) throw;
        // Anybody may have stored a slot that nobody signed.
        return {false, need.newest != nullptr, error.what()};
    }
    context.keyring().note_proven(need.report.thumbprint, context.clock().now());
    return {true, false, "opened data key " + key.dek.short_hex()};
}

/// Where a usable protector is named by unsigned slots alone, only opening tells. returns  the backups that nothing
/// opens
std::set<std::string> unopenable(Context& context, const ProtectorNeeds& needs) {
    std::set<std::string> backups;
    for (const auto& [key, users] : needs.unproven) {
        stop_if_interrupted();
        try {
            (void)restore::unwrap_key(context.repository(), context.planner(), context.resolver(), *key);
        } catch (const Error& error) {
            if (!restore::is_about_slots(error)) throw;
            for (const restore::Backup* backup : users) backups.insert(backup->short_id());
        }
    }
    return backups;
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    Table table({"THUMBPRINT", "NAME", "BACKUPS", "PROVEN", "WHAT"});
    Json rows = Json::array();
    std::uint64_t lacking = 0;
    const ProtectorNeeds needs = protector_needs(context);
    const std::set<std::string> lost = unopenable(context, needs);
    for (const ProtectorNeed& need : needs.protectors) {
        stop_if_interrupted();
        const Checked checked = prove(context, need);
        lacking += checked.is_lacking ? 1 : 0;
        const bool is_stood_in_for = !need.report.can_unwrap && lost.empty();
        table.add({need.report.thumbprint.short_text(), printable(need.report.name), std::to_string(need.backups),
                   checked.is_proven ? "yes" : "no",
                   printable(checked.what) + (is_stood_in_for ? "; others open everything it wraps" : "")});
        rows.push_back({{"thumbprint", need.report.thumbprint.text()},
                        {"name", need.report.name},
                        {"status", keyring::text(need.report.status)},
                        {"backups", need.backups},
                        {"deks", need.deks},
                        {"sole_backups", need.sole_backups},
                        {"claimed_backups", need.claimed_backups},
                        {"proven", checked.is_proven},
                        {"detail", checked.what}});
    }
    if (terminal.json()) {
        terminal.object(Json{{"message_type", "summary"},
                             {"protectors", std::move(rows)},
                             {"lacking", lacking},
                             {"unopenable_backups", std::vector<std::string>(lost.begin(), lost.end())}});
    } else if (table.empty()) {
        terminal.message("there is no backup in this repository that needs a protector");
    } else {
        table.print(terminal);
    }
    if (!lost.empty()) {
        throw Error(ErrorCode::key_unavailable,
                    counted(lost.size(), "backup") + " cannot be opened by any protector at hand",
                    "signet plan says which keys they need, and what would help");
    }
    if (lacking == 0) return ExitCode::done;
    throw Error(ErrorCode::key_unavailable, counted(lacking, "protector") + " did not open what it wraps",
                "signet keyring test says what its vault answers");
}

}  // namespace

Command keyring_check_command() {
    Command command;
    command.name = "keyring check";
    command.summary = "prove that the protectors of this repository's backups still open them";
    command.description =
        "Opens one data key with every protector that backups of the repository need, and remembers the date: one "
        "call for each protector, however many backups there are. For a nightly run. Exit code 13 when backups need a "
        "protector that does not open them; one that is not at hand, such as an offline recovery key, is no failure "
        "while others open all that it wraps.\n\n"
        "keyring test tests links, without a repository; check --read-data reads the backups themselves.";
    command.examples = {{"signet keyring check", "Every night"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
