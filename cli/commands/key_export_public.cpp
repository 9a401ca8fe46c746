#include "cli/commands/commands.h"
#include "cli/key_view.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    const std::string& reference = context.arguments().front();
    const std::string pem = vault(context).export_public(reference);
    if (!context.terminal().json()) {
        context.terminal().raw(as_bytes(pem));
        return ExitCode::done;
    }
    Json object = key_json(vault(context), vault(context).get(reference), context.clock().now());
    object["pem"] = pem;
    context.terminal().object(object);
    return ExitCode::done;
}

}  // namespace

Command key_export_public_command() {
    Command command;
    command.name = "key export-public";
    command.synopsis = "KEY";
    command.summary = "print the public half of a key";
    command.description =
        "Prints the public half of a key as PEM. A host that links it with public:FILE makes backups and can read none of "
        "them. Asks for no passphrase.";
    command.arguments = {"key", 1, 1};
    command.examples = {{"signet key export-public prod-2026 > prod-2026.pem", "For a host that only writes"},
                        {"signet keyring link public:prod-2026.pem --default", "On that host"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
