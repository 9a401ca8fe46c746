#include "cli/commands/commands.h"
#include "cli/table.h"
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
    if (gone == 0 && catalogue.is_let_go(backup)) {
        throw Error(ErrorCode::damaged, "backup " + backup.describe() +
                                            " cannot be taken back: prune has let go of something that it needs");
    }
    if (gone == 0) return;
    throw Error(ErrorCode::damaged, "backup " + backup.describe() + " cannot be taken back: " + counted(gone, "pack") +
                                        " of it " + (gone == 1 ? "is" : "are") + " gone");
}

/// Who prunes looks for what was taken back after he has signed a verdict, and this looks for verdicts after it has
/// signed: one of the two sees the other.
/// throws  Error{damaged}: it was too late for some; they are forgotten again
void require_not_let_go(Context& context, const std::vector<const restore::Backup*>& backups) {
    const restore::Catalogue now = context.look_again();
    std::vector<const restore::Backup*> lost;
    std::vector<std::string> names;
    for (const restore::Backup* backup : backups) {
        if (!now.is_let_go(now.find(backup->id.hex(), true))) continue;
        lost.push_back(backup);
        names.push_back(backup->describe());
    }
    if (lost.empty()) return;
    append_tombstones(context, lost, format::TombstoneAction::forgotten);
    throw Error(ErrorCode::damaged,
                join(names, ", ") + " cannot be taken back: prune has let go meanwhile of something that " +
                    (lost.size() == 1 ? "it needs; it is" : "they need; they are") + " forgotten as before");
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
    if (!context.dry_run()) {
        append_tombstones(context, backups, format::TombstoneAction::taken_back);
        require_not_let_go(context, backups);
    }
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
        "An officer signs that these backups count again. It is refused (14) when something that they need is gone, or "
        "signet prune has let it go: until the second of its two phases, forgetting can be taken back. "
        "Forgotten backups are named by their ids, as signet forget printed them.\n\n"
        "Exit code 13 when they count again, and no protector at hand opens one of them.";
    command.arguments = {"backup", 1, Arguments::kAnyNumber};
    command.examples = {{"signet undelete 1a2b3c4d", "A backup counts again"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
