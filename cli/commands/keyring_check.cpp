#include "cli/commands/commands.h"
#include "cli/officer.h"
#include "cli/proof.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "keyring/policy.h"

#include <algorithm>
#include <set>

namespace signet::cli {
namespace {

/// Protectors that wrap here and that no backup needs yet are tested, as keyring test does. returns  those that unwrap
std::vector<format::Thumbprint> test_unused(Context& context, const ProtectorNeeds& needs) {
    std::vector<format::Thumbprint> proven;
    const std::vector<keyring::Link> links = context.keyring().links();
    for (const keyring::Link& link : links) {
        const bool is_needed =
            std::any_of(needs.protectors.begin(), needs.protectors.end(),
                        [&](const ProtectorNeed& need) { return need.report.thumbprint == link.thumbprint; });
        if (!link.wraps() || is_needed || link.wrap_only()) continue;
        const keyring::LinkTest test = context.keyring().test(link.thumbprint, context.vaults());
        const auto unwraps = [](const keyring::LinkTest::Result& result) { return result.proven; };
        if (test.ok() && std::any_of(test.results.begin(), test.results.end(), unwraps)) {
            proven.push_back(link.thumbprint);
        }
    }
    return proven;
}

/// Signs when these were proven, for hosts that cannot unwrap. Proofs of protectors that no longer matter are dropped.
void publish(Context& context, const ProtectorNeeds& needs, const std::vector<format::Thumbprint>& proven) {
    const SaidPolicy said = change_policy(context, [&](keyring::Policy& policy) {
        std::map<format::Thumbprint, TimePoint> proofs;
        for (const ProtectorNeed& need : needs.protectors) {
            if (const auto before = policy.proven(need.report.thumbprint)) proofs[need.report.thumbprint] = *before;
        }
        for (const format::Thumbprint& thumbprint : proven) proofs[thumbprint] = context.clock().now();
        policy.forget_proofs();
        for (const auto& [thumbprint, when] : proofs) policy.set_proven(thumbprint, when);
    });
    context.terminal().message("policy " + std::to_string(said.policy.number) + " says that " +
                               counted(proven.size(), "protector was", "protectors were") + " proven now");
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    Table table({"THUMBPRINT", "NAME", "BACKUPS", "PROVEN", "WHAT"});
    Json rows = Json::array();
    std::uint64_t lacking = 0;
    std::vector<format::Thumbprint> proven;
    const ProtectorNeeds needs = protector_needs(context);
    const std::set<std::string> lost = unopenable(context, needs);
    for (const ProtectorNeed& need : needs.protectors) {
        stop_if_interrupted();
        const Proof checked = prove(context, need);
        lacking += checked.is_lacking ? 1 : 0;
        if (checked.is_proven) proven.push_back(need.report.thumbprint);
        const bool is_stood_in_for = !need.report.can_unwrap && lost.empty();
        table.add({need.report.thumbprint.short_text(), printable(title_of(need.report)), std::to_string(need.backups),
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
    if (context.options().flag("publish")) {
        for (const format::Thumbprint& thumbprint : test_unused(context, needs)) proven.push_back(thumbprint);
        if (!proven.empty()) publish(context, needs, proven);
    }
    if (terminal.json()) {
        terminal.object(Json{{"message_type", "summary"},
                             {"protectors", std::move(rows)},
                             {"lacking", lacking},
                             {"broken_backups", needs.broken.size()},
                             {"unopenable_backups", std::vector<std::string>(lost.begin(), lost.end())}});
    } else if (table.empty() && needs.unknown.empty()) {
        terminal.message("there is no backup in this repository that needs a protector");
    } else {
        table.print(terminal);
    }
    for (const Error& error : needs.broken) terminal.warning(error.what());
    if (!lost.empty()) {
        throw Error(ErrorCode::key_unavailable,
                    counted(lost.size(), "backup") + " cannot be opened by any protector at hand",
                    "signet plan says which keys they need, and what would help");
    }
    if (lacking > 0) {
        throw Error(ErrorCode::key_unavailable, counted(lacking, "protector") + " did not open what it wraps",
                    "signet keyring test says what its vault answers");
    }
    needs.require_whole();
    return ExitCode::done;
}

}  // namespace

Command keyring_check_command() {
    Command command;
    command.name = "keyring check";
    command.synopsis = "[--publish]";
    command.summary = "prove that the protectors of this repository's backups still open them";
    command.description =
        "Opens one data key with every protector that backups of the repository need, and remembers the date: one "
        "call for each protector, however many backups there are. For a nightly run. Exit code 13 when backups need a "
        "protector that does not open them; one that is not at hand, such as an offline recovery key, is no failure "
        "while others open all that it wraps. 14 when a backup refers to an entry that is not there: it is left out, "
        "and the others are looked at first.\n\n"
        "With --publish the officer signs the date of each proof into the policy, where every host reads it: a "
        "write-only host shows it, and policy require-proof counts it. A default or recovery protector that no backup "
        "needs yet is tested instead.\n\n"
        "keyring test tests links, without a repository; check --read-data reads the backups themselves.";
    command.options = {
        {.name = "publish", .help = "the officer signs when each protector was proven, for hosts that cannot unwrap"}};
    command.examples = {{"signet keyring check", "Every night"},
                        {"signet keyring check --publish", "On the officer's machine, for policy require-proof"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
