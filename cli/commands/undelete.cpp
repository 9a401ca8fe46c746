#include "cli/commands/commands.h"
#include "cli/tombstones.h"
#include "format/names.h"

#include <algorithm>

namespace signet::cli {
namespace {

/// throws  Error{damaged}: something that the backup needs is gone
void require_whole(Context& context, const restore::Backup& backup) {
    const restore::Catalogue& catalogue = context.catalogue();
    catalogue.check_reach(backup);
    std::uint64_t gone = 0;
    for (const restore::ReachedEntry& reached : catalogue.reached_by(backup)) {
        for (std::size_t i = 0; i < reached.listed->packs.size(); ++i) {
            const format::PackInfo& pack = reached.listed->packs[i];
            if (reached.has(i) && context.repository().store().size(format::pack_name(pack.id)) != pack.size) ++gone;
        }
    }
    if (gone == 0) return;
    throw Error(ErrorCode::damaged, "backup " + backup.describe() + " cannot be taken back: " + counted(gone, "pack") +
                                        " of it " + (gone == 1 ? "is" : "are") + " gone");
}

/// Those that count again, and that nothing at hand opens: their keys may be gone since, or elsewhere.
std::vector<std::string> warn_of_unopened(Context& context, const std::vector<const restore::Backup*>& backups) {
    std::vector<std::string> unopened;
    for (const restore::Backup* backup : backups) {
        if (!backup->trusted) {
            context.terminal().warning("backup " + backup->describe() + " is not restored all the same: it " +
                                       backup->distrust);
        } else if (!context.planner().restorable(*backup)) {
            unopened.push_back(backup->id.hex());
            context.terminal().warning("no protector at hand opens backup " + backup->describe() + "; signet plan " +
                                       backup->short_id() + (context.dry_run() ? ", once it counts again," : "") +
                                       " shows which are missing");
        }
    }
    return unopened;
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    context.catalogue().require_no_doubt();
    std::vector<const restore::Backup*> backups;
    for (const std::string& reference : context.arguments()) {
        const restore::Backup& backup = context.catalogue().find_forgotten(reference);
        require_whole(context, backup);
        if (std::find(backups.begin(), backups.end(), &backup) == backups.end()) backups.push_back(&backup);
    }
    if (!context.dry_run()) append_tombstones(context, backups, format::TombstoneAction::taken_back);
    Json ids = Json::array();
    for (const restore::Backup* backup : backups) {
        terminal.result((context.dry_run() ? "would be taken back  " : "taken back  ") + printable(backup->describe()));
        ids.push_back(backup->id.hex());
    }
    const std::vector<std::string> unopened = warn_of_unopened(context, backups);
    if (terminal.json())
        terminal.object(Json{{"message_type", "summary"},
                             {"taken_back", std::move(ids)},
                             {"without_opener", unopened},
                             {"dry_run", context.dry_run()}});
    return unopened.empty() ? ExitCode::done : ExitCode::key_unavailable;
}

}  // namespace

Command undelete_command() {
    Command command;
    command.name = "undelete";
    command.synopsis = "BACKUP…";
    command.summary = "take back that backups were forgotten";
    command.description =
        "An officer signs that these backups count again. It is refused (14) when something that they need is gone. "
        "Forgotten backups are named by their ids, as signet forget printed them.\n\n"
        "Exit code 13 when they count again, and no protector at hand opens one of them.";
    command.arguments = {"backup", 1, Arguments::kAnyNumber};
    command.examples = {{"signet undelete 1a2b3c4d", "A backup counts again"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
