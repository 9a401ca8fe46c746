#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/resealing.h"
#include "cli/selection.h"
#include "restore/surplus_keys.h"

#include <map>

namespace signet::cli {
namespace {

constexpr std::uint64_t kDefaultMost = 8;

/// The newest trusted backup of each series: what comes after it finds its chunks there.
std::vector<const restore::Backup*> latest_of_each_series(Context& context) {
    context.catalogue().require_no_doubt();
    std::map<restore::SeriesKey, const restore::Backup*> latest;
    for (const restore::Backup& backup : context.catalogue().backups()) {
        if (backup.trusted) latest[context.catalogue().series_of(backup)] = &backup;
    }
    std::vector<const restore::Backup*> backups;
    backups.reserve(latest.size());
    for (const auto& [series, backup] : latest) backups.push_back(backup);
    return backups;
}

ExitCode run(Context& context) {
    context.keyring().require_not_paused();
    require_revalidated(look_at_access(context));
    const auto most = static_cast<std::size_t>(context.options().integer("max-deks", 1, 4096).value_or(kDefaultMost));
    const bool chooses = chooses_by_rule(context) || !context.arguments().empty();
    const std::vector<const restore::Backup*> backups =
        chooses ? trusted_choice(context) : latest_of_each_series(context);
    const LeftKeys left{{}, restore::surplus_keys(context.catalogue(), backups, most)};
    // Without any, everything that others than today's protectors open would be meant.
    if (left.deks.empty()) {
        restore::ResealReport nothing;
        nothing.backups = backups.size();
        return tell_resealing(context, nothing, {});
    }
    return tell_resealing(context, reseal_backups(context, backups, left),
                          "the old packs are still there: signet prune deletes what nothing needs any more");
}

}  // namespace

Command consolidate_command() {
    Command command;
    command.name = "consolidate";
    command.synopsis = "[--max-deks N] [-n] [--all | --series S | BACKUP…]";
    command.summary = "let backups of a long history need few data keys";
    command.description =
        "Each run that stores something makes a data key, and a backup needs those of all runs whose packs it refers "
        "to: after a long history dozens, and each of them is unwrapped for a restore. This copies what the backups "
        "need under the lighter of their data keys into new packs under one new data key, until none of them needs "
        "more than N. What most of their octets are sealed under stays as it is, so that little is copied.\n\n"
        "Without a choice, the newest backup of each series is meant; later ones find there what they need, and older "
        "ones that share its packs gain as well. Each chunk is compared with its id and each frame that was sealed is "
        "opened again; an officer signs a repack entry that plans and restores follow, and the backups keep their "
        "ids. It needs a protector that opens the data keys that are left, and the officer's key.\n\n"
        "It may be stopped at any moment and run again. Nothing is deleted: signet prune does that.\n\n"
        "Exit code 13 when some data keys could not be opened, 14 when some packs are damaged; the rest is done.";
    command.options = with_rules({
        {.name = "max-deks",
         .takes = Takes::one,
         .value_name = "N",
         .help = "how many data keys a backup may need, 1 to 4096; 8 where it is not given"},
    });
    command.arguments = {"backup", 0, Arguments::kAnyNumber};
    command.examples = {
        {"signet consolidate -n", "How much would be copied"},
        {"signet consolidate && signet prune", "From cron, once a month"},
        {"signet consolidate --max-deks 1 latest", "The newest backup under one data key"},
    };
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
