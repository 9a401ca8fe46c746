#include "cli/commands/commands.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"
#include "cli/token_key.h"

namespace signet::cli {
namespace {

constexpr int kDefaultBits = 3072;

ExitCode create_there(Context& context, const keyring::Location& location, keyring::NewKey wanted) {
    const auto original = context.options().text("twin-of");
    wanted.multi_region = context.options().flag("multi-region");
    if (!original) return create_in_manager(context, location, wanted);
    const auto key = manager_location(*original);
    const bool is_new = wanted.bits != 0 || wanted.dates.not_before || wanted.dates.expires || wanted.multi_region;
    if (!key || is_new) {
        throw Error(ErrorCode::usage, "--twin-of takes the location of a key in a key manager, and all that it is",
                    "see: signet help key create");
    }
    return copy_in_manager(context, *key, location);
}

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
    if (const auto manager = manager_location(name)) return create_there(context, *manager, {bits, valid});
    if (context.options().given("twin-of") || context.options().flag("multi-region")) {
        throw Error(ErrorCode::usage, "--twin-of and --multi-region are for keys of key managers",
                    "elsewhere the same file is imported twice: signet key import NAME|LOCATION FILE");
    }
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
    command.synopsis = "NAME|LOCATION [--size BITS] [--not-before T] [--expires T] [--exchange] [--twin-of LOCATION]";
    command.summary = "make a key in the local vault, on a token or in a key manager";
    command.description =
        "Makes an RSA key in the local vault, which is made as well when there is none yet: its passphrase is asked "
        "for twice, or comes from --passphrase-file, --passphrase-command or --passphrase-fd.\n\n"
        "With a pkcs11: location the key is made on that token, with the label of object=, and its private half never "
        "leaves it; --not-before and --expires count in days there.\n\n"
        "With an azure: location the key is made in that vault, where the role Key Vault Crypto Officer is needed; a "
        "key that is there already gets no new version by this. With an aws: location, of an alias, KMS makes a "
        "symmetric key, or an RSA key of that --size, and the alias; --multi-region says that it may have twins in "
        "other "
        "regions, which no other key of KMS can have.\n\n"
        "--twin-of makes no new key, but the same one in a second place: in another region of KMS, for which the first "
        "is a multi-Region key, or in another vault of Azure's, to which it goes as a key backup, and where no key has "
        "that name. Link the twin after that: signet keyring link LOCATION --twin-of T.\n\n"
        "The key wraps nothing before a keyring links it: signet keyring link local:NAME --default. Make a key backup "
        "before that: signet key backup NAME -o FILE.\n\n"
        "--exchange makes a key exchange key: others wrap a private key for its public half, as a .byok file, and "
        "signet key import opens that. It protects nothing else.";
    command.options = date_options();
    command.options.insert(command.options.begin(),
                           {.name = "size",
                            .takes = Takes::one,
                            .value_name = "BITS",
                            .help = "2048, 3072 (as when nothing is said, but for KMS) or 4096"});
    command.options.push_back({.name = "twin-of",
                               .takes = Takes::one,
                               .value_name = "LOCATION",
                               .help = "the same key as there, in another vault or region of a key manager"});
    command.options.push_back({.name = "multi-region", .help = "KMS: a key that may have twins in other regions"});
    command.options.push_back({.name = "exchange", .help = "a key that opens .byok files, and nothing else"});
    command.options.push_back(purge_protection_option());
    command.arguments = {"name", 1, 1};
    command.examples = {
        {"signet key create prod-2026", "Make a key"},
        {"signet key create 'pkcs11:token=backup;object=prod?pin-source=file:/etc/signet/pin'", "Make one on a token"},
        {"signet key create aws:arn:aws:kms:eu-west-1:111122223333:alias/prod --size 3072 --multi-region",
         "Make an RSA key in AWS KMS"},
        {"signet key create aws:arn:aws:kms:us-east-1:111122223333:alias/prod --twin-of "
         "aws:arn:aws:kms:eu-west-1:111122223333:alias/prod",
         "and its twin in a second region"},
        {"signet keyring link local:prod-2026 --default", "Let new backups be wrapped with it"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
