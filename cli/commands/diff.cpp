#include "cli/commands/commands.h"
#include "cli/selection.h"
#include "cli/signals.h"
#include "restore/list.h"

namespace signet::cli {
namespace {

Json statistics_json(const restore::DifferenceStatistics& s) {
    return {
        {"message_type", "statistics"},
        {"changed_files", s.files_changed},
        {"added",
         {{"files", s.files_added}, {"dirs", s.folders_added}, {"others", s.others_added}, {"bytes", s.bytes_added}}},
        {"removed",
         {{"files", s.files_removed},
          {"dirs", s.folders_removed},
          {"others", s.others_removed},
          {"bytes", s.bytes_removed}}}};
}

void print_statistics(Terminal& terminal, const restore::DifferenceStatistics& s) {
    terminal.message("");
    terminal.message("files    " + std::to_string(s.files_added) + " new, " + std::to_string(s.files_removed) +
                     " removed, " + std::to_string(s.files_changed) + " changed");
    terminal.message("folders  " + std::to_string(s.folders_added) + " new, " + std::to_string(s.folders_removed) +
                     " removed");
    terminal.message("others   " + std::to_string(s.others_added) + " new, " + std::to_string(s.others_removed) +
                     " removed");
    terminal.message("bytes    " + human_size(s.bytes_added) + " new, " + human_size(s.bytes_removed) + " removed");
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const Chosen first = choose(context, context.arguments()[0]);
    const Chosen second = choose(context, context.arguments()[1]);
    if (first.path != second.path)
        throw Error(ErrorCode::usage, "the two paths differ", "both backups are compared at the same path");
    const auto before = context.open(first.backup);
    const auto after = context.open(second.backup);
    restore::DiffRequest request;
    request.path = first.path;
    request.metadata = context.options().flag("metadata");
    request.interrupted = &interrupted();
    const auto statistics = restore::diff_trees(*before, *after, request, [&](const restore::Difference& difference) {
        if (!terminal.json()) {
            terminal.result(difference.modifier +
                            std::string(5 - std::min<std::size_t>(4, difference.modifier.size()), ' ') +
                            printable(difference.path));
            return;
        }
        Json line = {{"message_type", "change"}};
        set_text(line, "path", difference.path);
        line["modifier"] = difference.modifier;
        terminal.object(line);
    });
    if (terminal.json())
        terminal.object(statistics_json(statistics));
    else
        print_statistics(terminal, statistics);
    return ExitCode::done;
}

}  // namespace

Command diff_command() {
    Command command;
    command.name = "diff";
    command.synopsis = "BACKUP[:PATH] BACKUP[:PATH] [--metadata]";
    command.summary = "say what differs between two backups";
    command.description =
        "One line for each path that differs: + new, - removed, M content changed, T type changed, U (with "
        "--metadata) only owner, mode, times or attributes changed.";
    command.options = with_selection({{.name = "metadata", .help = "also what differs in metadata alone"}});
    command.arguments = {"backup", 2, 2};
    command.examples = {{"signet diff 1a2b3c4d latest", "What changed since"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
