#include "cli/commands/commands.h"
#include "cli/key_view.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    const std::string& reference = context.arguments().front();
    std::string pem;
    Json object;
    if (const auto token = token_location(reference)) {
        const auto key = keyring::require_key(context.vaults().at(*token).describe(*token), *token);
        pem = key.public_key->to_pem();
        object = token_key_json(key);
    } else {
        pem = vault(context).export_public(reference);
        object = key_json(vault(context), vault(context).get(reference), context.clock().now());
    }
    if (!context.terminal().json()) {
        context.terminal().raw(as_bytes(pem));
        return ExitCode::done;
    }
    object["pem"] = pem;
    context.terminal().object(object);
    return ExitCode::done;
}

}  // namespace

Command key_export_public_command() {
    Command command;
    command.name = "key export-public";
    command.synopsis = "KEY|pkcs11:…";
    command.summary = "print the public half of a key";
    command.description =
        "Prints the public half of a key as PEM. A host that links it with public:FILE makes backups and can read "
        "none of them. Asks for no passphrase.";
    command.arguments = {"key", 1, 1};
    command.examples = {{"signet key export-public prod-2026 > prod-2026.pem", "For a host that only writes"},
                        {"signet keyring link public:prod-2026.pem --default", "On that host"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
