#include "cli/checkpoints.h"
#include "cli/commands/commands.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const restore::Catalogue& catalogue = context.headers();
    catalogue.require_no_doubt();
    Json rows = Json::array();
    for (const storage::Journal& journal : catalogue.journals()) {
        const auto checkpoint = restore::Checkpoint::of(catalogue.repository(), journal);
        if (!checkpoint) continue;
        const bool is_writer = catalogue.trust().trusts(journal.identity, format::Role::writer, checkpoint->sequence);
        const bool is_officer = catalogue.trust().trusts(journal.identity, format::Role::officer, checkpoint->sequence);
        // Anybody can add a journal: what one by a stranger says is not worth keeping.
        if (!is_writer && !is_officer) continue;
        if (journal.problem)
            terminal.warning(std::string("this journal is believed up to here only: ") + journal.problem->what());
        Json row = checkpoint_json(*checkpoint);
        row["role"] = is_writer ? (is_officer ? "writer and officer" : "writer") : "officer";
        rows.push_back(std::move(row));
        terminal.result(checkpoint->line());
    }
    if (terminal.json()) terminal.object(rows);
    return ExitCode::done;
}

}  // namespace

Command checkpoint_command() {
    Command command;
    command.name = "checkpoint";
    command.synopsis = "";
    command.summary = "print what to keep outside, to notice withheld backups";
    command.description =
        "Prints a line for each journal of a trusted writer or officer: repository, identity, the sequence number and "
        "the hash of its newest entry, and when that was signed. Keep the lines where the storage cannot reach them: "
        "on paper, in a mail, on another host. Given to check, plan or restore with --checkpoint, they tell whether "
        "the "
        "repository still shows these entries; one that was rolled back, forked, or lacks entries is refused (14), "
        "with the writer, the entries and the time that are missing.\n\n"
        "Each line names all that went before it, as every entry holds the hash of the one before. What was added "
        "after the line was made it does not know. A backup appends its own line with --checkpoint-file. The lines "
        "hold no secret.";
    command.options = {};
    command.examples = {{"signet checkpoint > /media/usb/checkpoints", "The ends of all journals, for the safe"},
                        {"signet check --checkpoint /media/usb/checkpoints", "Whether all of it is still there"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
