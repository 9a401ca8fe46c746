#include "cli/commands/commands.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"

namespace signet::cli {
namespace {

/// A key on a token or in a key manager. throws  Error{refused}: a symmetric key, which has no public half
keyring::KeyDescription shown_key(Context& context, const keyring::Location& location) {
    keyring::KeyDescription key = keyring::require_key(context.vaults().at(location).describe(location), location);
    if (key.public_key) return key;
    throw Error(ErrorCode::refused, location.text() + " is a symmetric key, and has no public half",
                "a host that is to back up and not to read links an RSA key");
}

ExitCode run(Context& context) {
    const std::string& reference = context.arguments().front();
    std::string pem;
    Json object;
    auto place = token_location(reference);
    if (!place) place = manager_location(reference);
    if (place) {
        const auto key = shown_key(context, *place);
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
    command.synopsis = "KEY|LOCATION";
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
