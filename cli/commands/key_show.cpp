#include "cli/commands/commands.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    if (const auto token = token_location(context.arguments().front())) {
        print_token_key(context.terminal(), keyring::require_key(context.vaults().at(*token).describe(*token), *token));
        return ExitCode::done;
    }
    if (const auto manager = manager_location(context.arguments().front())) return show_in_manager(context, *manager);
    const keyring::KeyVersion key = vault(context).get(context.arguments().front());
    show_key(context, key);
    return ExitCode::done;
}

}  // namespace

Command key_show_command() {
    Command command;
    command.name = "key show";
    command.synopsis = "KEY|LOCATION";
    command.summary = "show one key of the local vault, of a token or of a key manager";
    command.description =
        "Shows a key: NAME (its newest version), NAME/VERSION, or the first digits of a thumbprint; with its tags, "
        "its rotation policy and its last key backup; or a key on a token. Asks for no passphrase; for a PIN only "
        "where a token hides its public halves.";
    command.arguments = {"key", 1, 1};
    command.examples = {{"signet key show prod-2026/1", "The first version of a key"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
