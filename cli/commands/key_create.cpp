#include "cli/commands/commands.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"
#include "cli/token_key.h"

namespace signet::cli {
namespace {

constexpr int kDefaultBits = 3072;

ExitCode run(Context& context) {
    const int bits = key_size(context);
    const keyring::KeyDates valid = dates(context);
    const std::string& name = context.arguments().front();
    if (const auto token = token_location(name)) {
        audit_before_key_change(context, "key-create", token->public_text());
        const auto made = context.vaults().tokens().create(*token, bits == 0 ? kDefaultBits : bits, valid);
        audit_token_key(context, "key-create", made);
        print_token_key(context.terminal(), made);
        return ExitCode::done;
    }
    if (const auto manager = manager_location(name))
        return create_in_manager(context, *manager, bits == 0 ? kDefaultBits : bits, valid);
    if (!keyring::is_key_name(name)) {
        throw Error(ErrorCode::usage, "no name for a key: " + printable(name),
                    "names are letters, digits, dots, dashes and underscores");
    }
    if (context.vaults().has_local() && vault(context).find(name) && vault(context).find(name)->name == name) {
        throw Error(ErrorCode::refused, "there is a key " + name + " already",
                    "a new version of it: signet key rotate " + name);
    }
    const keyring::KeyUse use =
        context.options().flag("exchange") ? keyring::KeyUse::exchange : keyring::KeyUse::protector;
    keyring::LocalVault& keys = vault_for_new_key(context);
    audit_before_key_change(context, "key-create", "local:" + name);
    const keyring::KeyVersion key = keys.create_key(name, bits == 0 ? kDefaultBits : bits, valid, use);
    audit_key_change(context, "key-create", {key});
    show_key(context, key);
    return ExitCode::done;
}

}  // namespace

Command key_create_command() {
    Command command;
    command.name = "key create";
    command.synopsis = "NAME|LOCATION [--size BITS] [--not-before T] [--expires T] [--exchange]";
    command.summary = "make a key in the local vault, on a token or in a key manager";
    command.description =
        "Makes an RSA key in the local vault, which is made as well when there is none yet: its passphrase is asked "
        "for twice, or comes from --passphrase-file, --passphrase-command or --passphrase-fd.\n\n"
        "With a pkcs11: location the key is made on that token, with the label of object=, and its private half never "
        "leaves it; --not-before and --expires count in days there.\n\n"
        "With an azure: location the key is made in that vault, where the role Key Vault Crypto Officer is needed; a "
        "key that is there already gets no new version by this.\n\n"
        "The key wraps nothing before a keyring links it: signet keyring link local:NAME --default. Make a key backup "
        "before that: signet key backup NAME -o FILE.\n\n"
        "--exchange makes a key exchange key: others wrap a private key for its public half, as a .byok file, and "
        "signet key import opens that. It protects nothing else.";
    command.options = date_options();
    command.options.insert(command.options.begin(), {.name = "size",
                                                     .takes = Takes::one,
                                                     .value_name = "BITS",
                                                     .help = "2048, 3072 (as when nothing is said) or 4096"});
    command.options.push_back({.name = "exchange", .help = "a key that opens .byok files, and nothing else"});
    command.options.push_back(purge_protection_option());
    command.arguments = {"name", 1, 1};
    command.examples = {
        {"signet key create prod-2026", "Make a key"},
        {"signet key create 'pkcs11:token=backup;object=prod?pin-source=file:/etc/signet/pin'", "Make one on a token"},
        {"signet keyring link local:prod-2026 --default", "Let new backups be wrapped with it"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
