#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/log_release.h"
#include "cli/officer.h"
#include "cli/retention.h"
#include "cli/selection.h"
#include "cli/shredder.h"
#include "cli/table.h"
#include "cli/tombstones.h"

#include <algorithm>

namespace signet::cli {
namespace {

/// What the words name. With --shred also what was forgotten before.
std::vector<const restore::Backup*> named(Context& context, bool forgotten_too) {
    const restore::Catalogue& catalogue = context.catalogue();
    // Which statements stand is not known otherwise.
    catalogue.require_no_doubt();
    std::vector<const restore::Backup*> backups;
    for (const std::string& reference : context.arguments()) {
        const restore::Backup& backup = catalogue.find(reference, forgotten_too);
        if (std::find(backups.begin(), backups.end(), &backup) == backups.end()) backups.push_back(&backup);
    }
    return backups;
}

void say(Context& context, const std::vector<const restore::Backup*>& backups) {
    for (const restore::Backup* backup : backups) {
        context.terminal().result((context.dry_run() ? "would be forgotten  " : "forgotten  ") +
                                  printable(backup->describe()));
    }
}

/// Those that are to be forgotten: what is so already needs no further statement.
std::vector<const restore::Backup*> counting(Context& context, std::vector<const restore::Backup*> backups) {
    std::erase_if(backups, [&](const restore::Backup* backup) {
        const restore::LastWord* word = context.catalogue().tombstone(backup->id);
        return word != nullptr && word->forgotten;
    });
    return backups;
}

/// A person may decide otherwise than the policy, and is told that it does.
void warn_of_policy(Context& context, const std::vector<const restore::Backup*>& backups) {
    const auto keep_within = policy_in_force(context).keep_within_ns;
    if (!keep_within) return;
    for (const restore::Backup* backup : backups) {
        if (after(backup->committed, *keep_within) <= context.clock().now()) continue;
        context.terminal().warning("backup " + backup->describe() +
                                   " is younger than the policy keep-within of this repository, which holds for rules "
                                   "and not for ids");
    }
}

/// Signs that they are forgotten. throws  Error{refused}: that would not count
void sign_forgotten(Context& context, const std::vector<const restore::Backup*>& backups) {
    if (!context.dry_run()) append_tombstones(context, backups, format::TombstoneAction::forgotten);
}

ExitCode print_summary(Context& context, const std::vector<const restore::Backup*>& backups) {
    Terminal& terminal = context.terminal();
    Json ids = Json::array();
    for (const restore::Backup* backup : backups) ids.push_back(backup->id.hex());
    if (terminal.json())
        terminal.object(
            Json{{"message_type", "summary"}, {"forgotten", std::move(ids)}, {"dry_run", context.dry_run()}});
    else if (!context.dry_run() && !backups.empty())
        terminal.message("their packs are still there: signet undelete takes this back");
    return ExitCode::done;
}

ExitCode shred(Context& context) {
    const std::vector<const restore::Backup*> backups = named(context, true);
    std::set<EntryId> ids;
    for (const restore::Backup* backup : backups) ids.insert(backup->id);
    ShredReceipt receipt;
    receipt.shredding = restore::foresee_shredding(context.catalogue(), context.repository(), ids);
    print_shared(context, receipt.shredding);
    if (context.dry_run()) {
        say(context, backups);
        for (const EntryId& id : ids) receipt.backups.push_back(id.hex());
        receipt.unproven = what_is_unproven(context, receipt.shredding);
        receipt.dry_run = true;
        print_receipt(context, receipt);
        return ExitCode::done;
    }
    append_tombstones(context, counting(context, backups), format::TombstoneAction::forgotten);
    say(context, backups);
    receipt = shred_forgotten(context, ids);
    print_receipt(context, receipt);
    if (!receipt.broken.empty()) {
        const std::vector<std::string> broken(receipt.broken.begin(), receipt.broken.end());
        throw Error(ErrorCode::damaged, "backups were made meanwhile that need what was deleted: " + join(broken, ", "),
                    "forget them, and make them again: what they lack is stored anew");
    }
    return receipt.deletion.stay.empty() ? ExitCode::done : ExitCode::incomplete;
}

ExitCode forget_by_rule(Context& context) {
    if (!context.arguments().empty() || context.options().flag("shred")) {
        throw Error(ErrorCode::usage, "rules choose what is forgotten, or ids do: not both, and --shred needs ids",
                    "signet forget --keep-daily 7 …, or signet forget BACKUP… [--shred]");
    }
    const std::vector<RetentionGroup> groups = apply_retention_rules(context);
    std::vector<const restore::Backup*> backups;
    for (const RetentionGroup& group : groups) {
        for (std::size_t i = 0; i < group.backups.size(); ++i) {
            if (group.reasons[i].empty()) backups.push_back(group.backups[i]);
        }
    }
    sign_forgotten(context, backups);
    print_retention(context, groups);
    return print_summary(context, backups);
}

ExitCode run(Context& context) {
    if (context.options().flag("logs")) return give_up_logs(context);
    if (has_retention_rules(context)) return forget_by_rule(context);
    if (context.arguments().empty() || chooses_by_rule(context)) {
        throw Error(ErrorCode::usage, "forget needs ids of backups, or a rule about what to keep",
                    "signet forget BACKUP…, or signet forget --keep-daily 7 --keep-within 14d");
    }
    if (context.options().flag("shred")) return shred(context);
    const std::vector<const restore::Backup*> backups = named(context, false);
    warn_of_policy(context, backups);
    sign_forgotten(context, backups);
    say(context, backups);
    return print_summary(context, backups);
}

}  // namespace

Command forget_command() {
    Command command;
    command.name = "forget";
    command.synopsis = "BACKUP… [--shred] | --keep-… [--group-by WHAT] [--series NAME] | --logs --series NAME";
    command.summary = "let backups count no more, or delete what only they need";
    command.description =
        "An officer signs a tombstone: these backups are not listed, planned or restored any more, and no coverage "
        "rests on them. Nothing is deleted: their packs stay, other backups that share them are not touched, and "
        "signet undelete takes it back. Backups are named by their ids, or the --keep rules choose: what no rule keeps "
        "is forgotten, in each series of each writer by itself, so that no host pushes another one's backups out. They "
        "count by when a backup was made (--by-backup-time: by what it claims), --keep-within from the newest one, and "
        "what is younger than the policy keep-within stays in any case.\n\n"
        "With --shred, what only these backups need is deleted then, for good: packs, index segments, and last the "
        "slots of data keys that nothing needs any more. First it says what stays because other backups need it, and "
        "at the end comes a receipt, which also says what cannot be proven from here: copies and versions of the "
        "storage, and the wrapped data keys in signed entries. It can be run again when it was stopped, and for "
        "backups that were forgotten before: then nothing is signed, no officer is needed, and it may be done in a "
        "replica too. Nothing is deleted while a journal that counts is not whole (14), or when something else that an "
        "officer said counts instead (17).\n\n"
        "Better make no backups of these writers meanwhile: a run that began before could refer to what is deleted. "
        "It says so itself, or this command does (14); the next run then stores it anew.\n\n"
        "With --logs, all logs of a series that has no backup left are let go, which prune does not do by itself: "
        "a first backup may be on its way. A later prune deletes them; the last log of an epoch that is open and "
        "histories of timelines stay.\n\n"
        "Exit code 3 when something could not be deleted.";
    command.options = {{.name = "shred", .help = "delete what only these backups need"},
                       {.name = "logs", .help = "let go the logs of a series that has no backup left"}};
    for (OptionSpec& option : with_selection(retention_options())) command.options.push_back(std::move(option));
    command.arguments = {"backup", 0, Arguments::kAnyNumber};
    command.examples = {{"signet forget 1a2b3c4d", "Forget a backup"},
                        {"signet forget -d 14 -w 8 -m 12 --keep-within 3d -n", "What these rules would keep, and why"},
                        {"signet forget 1a2b3c4d --shred -n", "What would go, and what would stay"},
                        {"signet forget 1a2b3c4d --shred --json > receipt.json", "Delete it, and keep the receipt"},
                        {"signet forget --logs --series old-shop", "Give up the logs of a database that is no more"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
