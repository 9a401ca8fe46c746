#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/places.h"
#include "cli/table.h"

namespace signet::cli {
namespace {

struct Setting {
    std::string name;
    std::vector<std::string> values;
    std::string source;
};

std::vector<Setting> effective(const Context& context) {
    std::vector<Setting> settings;
    for (const Options::Given& given : context.options().sources()) {
        if (given.name != "json" && given.name != "config")
            settings.push_back({given.name, given.values, given.source});
    }
    const auto fill_in = [&](const std::string& name, const std::string& value) {
        if (!context.options().given(name)) settings.push_back({name, {value}, "default"});
    };
    fill_in("keyring", default_keyring());
    fill_in("vault", default_vault());
    fill_in("cache-dir", default_cache());
    return settings;
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const std::string& file = context.options().config_file();
    Json object = {{"config_file", file.empty() ? Json(nullptr) : Json(file)}, {"settings", Json::object()}};
    if (!file.empty()) terminal.result("# " + printable(file));
    for (const Setting& setting : effective(context)) {
        // A switch has no value of its own.
        const std::vector<std::string> values =
            setting.values.empty() ? std::vector<std::string>{"true"} : setting.values;
        object["settings"][setting.name] = {{"values", values}, {"source", setting.source}};
        for (const std::string& value : values)
            terminal.result(setting.name + " = " + printable(value) + "  # " + setting.source);
    }
    if (terminal.json()) terminal.object(object);
    return ExitCode::done;
}

}  // namespace

Command config_command() {
    Command command;
    command.name = "config";
    command.summary = "show the configuration in effect, and where each value comes from";
    command.description =
        "Shows the values that every command would use. The command line outweighs the variables, these outweigh the "
        "configuration file. That file is the one of --config or SIGNET_CONFIG, else signet/signet.ini in "
        "${XDG_CONFIG_HOME:-~/.config} when it is there.\n\n"
        "It is an INI file: NAME = VALUE for every command before any section, and sections named for commands "
        "([backup], [key create]) for one. Every flag can stand in it without its dashes; switches take true or "
        "false; those that may be repeated may stand several times. # starts a comment.";
    command.examples = {{"signet config", "What is in effect here"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
