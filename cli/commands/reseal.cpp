#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/resealing.h"
#include "cli/selection.h"

namespace signet::cli {
namespace {

std::set<format::Thumbprint> protectors_to_leave(Context& context) {
    std::set<format::Thumbprint> found;
    for (const std::string& reference : context.options().list("opened-by"))
        found.merge(context.planner().protectors_named(reference));
    return found;
}

/// A protector that is to be left says enough: every backup that needs one of its data keys.
std::vector<const restore::Backup*> chosen(Context& context) {
    if (!context.options().given("opened-by") || !context.arguments().empty() || chooses_by_rule(context))
        return trusted_choice(context);
    context.catalogue().require_no_doubt();
    std::vector<const restore::Backup*> backups;
    for (const restore::Backup& backup : context.catalogue().backups()) {
        if (backup.trusted)
            backups.push_back(&backup);
        else
            context.terminal().warning("backup " + backup.describe() + " is left out: it " + backup.distrust);
    }
    return backups;
}

ExitCode run(Context& context) {
    context.keyring().require_not_paused();
    require_revalidated(look_at_access(context));
    const LeftKeys left{protectors_to_leave(context), {}};
    return tell_resealing(
        context, reseal_backups(context, chosen(context), left),
        "the old packs are still there, and copies of them that were taken earlier stay readable for who holds an "
        "older protector: what was sealed with it before is not taken back by this");
}

}  // namespace

Command reseal_command() {
    Command command;
    command.name = "reseal";
    command.synopsis = "--opened-by T… | --all | --series S | BACKUP… [--opened-by T…]";
    command.summary = "seal older backups anew, under new data keys";
    command.description =
        "Rewrapping gives a data key another opener; it does not take an older one away. This leaves the data keys "
        "themselves: every pack that the backups need under one of them is copied, frame by frame, under a new data "
        "key, and so are the bodies of the backups. Each chunk is compared with its id, each frame that was sealed is "
        "opened again and compared. The default protector and every recovery protector of the repository wrap the new "
        "data keys; nothing else opens them. An officer signs a repack entry that plans and restores follow from then "
        "on; the backups keep their ids.\n\n"
        "Which data keys are left: those that a protector given with --opened-by opens, as far as any slot says so; "
        "without it, those that any protector but today's wrapping ones opens.\n\n"
        "It may be stopped at any moment and run again: what a repack entry stands for is not done twice. Nothing is "
        "deleted: the old packs stay, and copies of the repository taken earlier stay readable with the older "
        "protector.\n\n"
        "Exit code 13 when some data keys could not be opened, 14 when some packs are damaged; the rest is done.";
    command.options = with_rules({
        {.name = "opened-by",
         .takes = Takes::many,
         .value_name = "T",
         .help = "leave the data keys that this protector opens; may be repeated"},
    });
    command.arguments = {"backup", 0, Arguments::kAnyNumber};
    command.examples = {
        {"signet reseal --opened-by local:prod/1 -n", "How much a protector's loss would cost"},
        {"signet reseal --opened-by local:prod/1", "Nothing needs it afterwards"},
        {"signet reseal --series prod-db", "A series under today's protectors alone"},
    };
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
