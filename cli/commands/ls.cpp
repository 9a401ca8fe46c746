#include "cli/commands/commands.h"
#include "cli/entry_view.h"
#include "cli/selection.h"
#include "cli/signals.h"

namespace signet::cli {
namespace {

/// One array, written as it grows: a backup may hold more than fits in memory.
class ArrayWriter {
public:
    explicit ArrayWriter(Terminal& terminal) : terminal_(terminal) {}
    void add(const Json& row) {
        block_ += (is_first_ ? "[" : ",") + to_line(row);
        is_first_ = false;
        if (block_.size() > kBlock) flush();
    }
    void end() {
        block_ += is_first_ ? "[]\n" : "]\n";
        flush();
    }

private:
    void flush() {
        terminal_.raw(as_bytes(block_));
        block_.clear();
    }
    static constexpr std::size_t kBlock = std::size_t{64} * 1024;
    Terminal& terminal_;
    std::string block_;
    bool is_first_ = true;
};

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    BackupAndPaths wanted = backup_and_paths(context.arguments());
    const bool is_whole = wanted.paths.empty() && wanted.reference.path == "/";
    if (wanted.paths.empty()) wanted.paths.push_back(wanted.reference.path);
    const auto backup = context.open(choose(context, wanted.reference));
    context.forget_catalogue();
    const Owners owners(backup->body());
    const bool is_long = context.options().flag("long");
    ArrayWriter array(terminal);
    for (const std::string& path : wanted.paths) {
        restore::ListRequest list;
        list.path = path;
        list.recursive = is_whole || context.options().flag("recursive");
        list.interrupted = &interrupted();
        restore::list_tree(*backup, list, [&](const restore::ListedItem& item) {
            if (terminal.json())
                array.add(entry_json(item, owners));
            else
                terminal.result(is_long ? long_line(item, owners) : printable(item.path));
        });
    }
    if (terminal.json()) array.end();
    return ExitCode::done;
}

}  // namespace

Command ls_command() {
    Command command;
    command.name = "ls";
    command.synopsis = "[BACKUP|latest[:PATH]] [PATH…] [-l] [--recursive]";
    command.summary = "list what is in a backup";
    command.description =
        "Lists everything in the backup; with a path, that path and what is directly in it, or with --recursive "
        "everything "
        "below it. Characters that a terminal could obey are shown as \\x1b or \\n; --json gives names exactly.";
    command.options = with_selection({
        {.name = "long", .letter = 'l', .help = "permissions, owner, size and time too"},
        {.name = "recursive", .help = "everything below the paths"},
        {.name = "at", .takes = Takes::one, .value_name = "T", .help = "with latest: the newest not after this"},
    });
    command.arguments = {"backup", 0, Arguments::kAnyNumber};
    command.examples = {{"signet ls latest -l /home/anna", "One folder of the newest backup"},
                        {"signet ls 1a2b3c4d --json", "Everything, for a program"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
