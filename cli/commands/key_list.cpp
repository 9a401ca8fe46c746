#include "cli/commands/commands.h"
#include "cli/key_view.h"
#include "cli/needed_keys.h"
#include "cli/remote_key.h"
#include "cli/table.h"
#include "cli/token_key.h"

namespace signet::cli {
namespace {

void print_keys(Terminal& terminal, const std::vector<keyring::KeyVersion>& keys, const keyring::LocalVault& vault,
                TimePoint now) {
    Table table({"NAME", "THUMBPRINT", "KIND", "STATE", "CREATED", "EXPIRES", "KEY BACKUP"});
    for (const keyring::KeyVersion& key : keys) {
        const auto backup = vault.record(key.name).backup;
        const bool is_current = vault.backup_state(key.name) == keyring::KeyBackupState::current;
        table.add({key.reference(), key.thumbprint.short_text(), key.kind + " " + std::to_string(key.size_bits),
                   std::string(keyring::text(key.state(now))), to_table_time(key.created),
                   key.attributes.expires ? to_table_time(*key.attributes.expires) : "never",
                   backup ? to_table_time(backup->made) + (is_current ? "" : ", changed since") : "none"});
    }
    table.print(terminal);
}

void print_deleted(Terminal& terminal, const std::vector<keyring::KeyVersion>& keys) {
    Table table({"NAME", "THUMBPRINT", "KIND", "DELETED", "RECOVERABLE UNTIL"});
    for (const keyring::KeyVersion& key : keys) {
        table.add({key.reference(), key.thumbprint.short_text(), key.kind + " " + std::to_string(key.size_bits),
                   to_table_time(*key.attributes.deleted), to_table_time(*key.attributes.purge_date())});
    }
    table.print(terminal);
}

/// What every keyring that was named links, so that an officer sees who uses a vault.
void print_linked(Context& context) {
    Table table({"THUMBPRINT", "NAME", "ROLE", "REGION", "KEYRING", "LOCATIONS"});
    Json rows = Json::array();
    for (const keyring::Keyring& keyring : context.keyrings().all()) {
        for (const keyring::Link& link : keyring.links()) {
            table.add({link.thumbprint.short_text(), printable(link.name), std::string(keyring::text(link.role)),
                       link.provider + "/" + link.region, printable(keyring.folder()),
                       printable(join(link.locations, ", "))});
            rows.push_back({{"thumbprint", link.thumbprint.text()},
                            {"name", link.name},
                            {"role", keyring::text(link.role)},
                            {"provider", link.provider},
                            {"region", link.region},
                            {"keyring", keyring.folder()},
                            {"locations", link.locations}});
        }
    }
    if (context.terminal().json())
        context.terminal().object(rows);
    else if (table.empty())
        context.terminal().message("nothing is linked");
    else
        table.print(context.terminal());
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    context.options().refuse_together({"needed", "deleted", "linked"});
    if (!context.arguments().empty()) {
        for (const char* option : {"needed", "deleted", "linked"}) {
            if (context.options().flag(option))
                throw Error(ErrorCode::usage, "--" + std::string(option) + " is for the local vault", "leave it out");
        }
        if (const auto manager = manager_location(context.arguments().front()))
            return list_in_manager(context, *manager);
        return list_token(context, context.arguments().front());
    }
    if (context.options().flag("needed")) {
        print_needed_keys(context);
        return ExitCode::done;
    }
    if (context.options().flag("linked")) {
        print_linked(context);
        return ExitCode::done;
    }
    const bool deleted = context.options().flag("deleted");
    const TimePoint now = context.clock().now();
    Json rows = Json::array();
    std::vector<keyring::KeyVersion> keys;
    if (context.vaults().has_local()) {
        for (const keyring::KeyVersion& key : vault(context).list()) {
            if (key.attributes.deleted.has_value() != deleted) continue;
            keys.push_back(key);
            if (terminal.json()) rows.push_back(key_json(vault(context), key, now));
        }
    }
    if (terminal.json())
        terminal.object(rows);
    else if (keys.empty())
        terminal.message(std::string(deleted ? "no deleted keys in " : "no keys in ") +
                         context.vaults().default_folder());
    else if (deleted)
        print_deleted(terminal, keys);
    else
        print_keys(terminal, keys, vault(context), now);
    return ExitCode::done;
}

}  // namespace

Command key_list_command() {
    Command command;
    command.name = "key list";
    command.synopsis = "[--deleted | --needed | --linked | LOCATION]";
    command.summary = "list the keys of the local vault or of a token, or the versions of one in a key manager";
    command.description =
        "Lists every version of every key in the local vault that is not deleted; --deleted lists those that are, and "
        "until when they can be recovered. --needed shows instead, for each protector that backups of the repository "
        "need, wherever it is: how many need it, what could not be restored without it, when it was last proven "
        "(signet keyring check), its key backup and its twins, and, for one that is to go (signet key retire), the "
        "date from which it is safe to destroy, as far as signed slots and the policy keep-within tell. --linked lists "
        "what each keyring links that --keyring names, which may be given again. Asks for no passphrase.\n\n"
        "With a pkcs11: location the keys of that token that can be protectors; object= and id= do not matter. "
        "Whether a key may unwrap is seen by its owner alone: name the PIN's file (?pin-source=file:FILE) to log in; "
        "without it nobody does.";
    command.options = {{.name = "deleted", .help = "list the deleted keys instead"},
                       {.name = "needed", .help = "what the repository's backups need each protector for"},
                       {.name = "linked", .help = "what the keyrings link, whatever vault it is in"}};
    command.arguments = {"token", 0, 1};
    command.examples = {
        {"signet key list --json", "For a program"},
        {"signet key list 'pkcs11:token=backup?pin-source=file:/etc/signet/pin'", "What a token has"},
        {"signet key list --needed", "Which keys must not be lost, and why"},
        {"signet key list --linked --keyring /etc/signet/web --keyring /etc/signet/db", "Who uses which key"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
