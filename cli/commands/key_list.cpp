#include "cli/commands/commands.h"
#include "cli/key_view.h"
#include "cli/table.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    std::vector<keyring::KeyVersion> keys;
    if (context.vaults().has_local()) keys = vault(context).list();
    const TimePoint now = context.clock().now();
    if (terminal.json()) {
        Json rows = Json::array();
        for (const keyring::KeyVersion& key : keys) rows.push_back(key_json(key, now));
        terminal.object(rows);
        return ExitCode::done;
    }
    Table table({"NAME", "THUMBPRINT", "KIND", "STATE", "CREATED", "EXPIRES"});
    for (const keyring::KeyVersion& key : keys) {
        table.add({key.reference(), key.thumbprint.short_text(), key.kind + " " + std::to_string(key.size_bits),
                   std::string(keyring::text(key.state(now))), to_table_time(key.created),
                   key.attributes.expires ? to_table_time(*key.attributes.expires) : "never"});
    }
    if (table.empty()) terminal.message("no keys in " + context.vaults().default_folder());
    else table.print(terminal);
    return ExitCode::done;
}

}  // namespace

Command key_list_command() {
    Command command;
    command.name = "key list";
    command.summary = "list the keys of the local vault";
    command.description = "Lists every version of every key in the local vault. Asks for no passphrase.";
    command.examples = {{"signet key list --json", "For a program"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
