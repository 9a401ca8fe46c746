#include "cli/help.h"

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/table.h"

#include <fstream>

namespace signet::cli {
namespace {

void write_page(const std::string& folder, std::string name, const std::string& page) {
    for (char& c : name) c = c == ' ' ? '-' : c;
    const std::string path = folder + "/" + name + ".1";
    std::ofstream file(path);
    file << page;
    if (!file.flush()) throw Error(ErrorCode::io, "cannot write " + path);
}

ExitCode write_man_pages(const std::string& folder) {
    write_page(folder, "signet", man_overview());
    for (const Command& command : commands()) write_page(folder, "signet-" + command.name, man_page(command));
    return ExitCode::done;
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    if (const auto folder = context.options().text("man")) return write_man_pages(*folder);
    const std::string name = join(context.arguments(), " ");
    if (name.empty()) {
        terminal.raw(as_bytes(overview()));
    } else if (const Command* command = find_command(name)) {
        terminal.raw(as_bytes(manual(*command)));
    } else if (is_group(name)) {
        terminal.raw(as_bytes(overview(name)));
    } else if (is_planned(name)) {
        throw Error(ErrorCode::failed, "signet " + name + " is not built yet");
    } else {
        throw Error(ErrorCode::usage, "unknown command: " + printable(name), suggest_command(name));
    }
    return ExitCode::done;
}

}  // namespace

Command help_command() {
    Command command;
    command.name = "help";
    command.synopsis = "[COMMAND] [--man DIR]";
    command.summary = "show the manual of a command";
    command.description =
        "Without a command, lists all of them. With --man, writes every manual as a man page into a folder.";
    command.options = {{.name = "man", .takes = Takes::one, .value_name = "DIR", .help = "write man pages there"}};
    command.arguments = {"command", 0, 2};
    command.examples = {{"signet help backup", "One command"}, {"signet help key", "A group of them"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
