#include "cli/commands/commands.h"
#include "cli/escrow.h"
#include "cli/key_view.h"
#include "cli/passphrase.h"
#include "keyring/escrow_mark.h"

namespace signet::cli {
namespace {

/// Repositories hold the escrow protector under the passphrase as well; what is there cannot be changed, only added to.
void renew_escrow(Context& context) {
    std::vector<format::Thumbprint> ours;
    for (const keyring::KeyVersion& key : vault(context).list()) {
        if (keyring::is_escrow(context.keyring(), key.thumbprint)) ours.push_back(key.thumbprint);
    }
    if (ours.empty()) return;
    if (!context.has_repository()) {
        context.terminal().warning(
            "repositories still hold the escrow protector under the old passphrase alone; "
            "run this again with --repo DIR for each of them");
        return;
    }
    for (const format::Thumbprint& thumbprint : ours) {
        if (!has_escrow(context.repository().store(), thumbprint)) continue;
        store_escrow(context, context.repository().store(), context.repository().config().repository, thumbprint);
        context.terminal().message(
            "the repository holds the escrow protector under the new passphrase as well; what it "
            "holds under the old one stays");
    }
}

ExitCode run(Context& context) {
    const Options& options = context.options();
    if (context.has_repository()) (void)context.repository();
    keyring::LocalVault& keys = vault(context);
    const std::string object = context.vaults().local().object();
    const SecretBytes before = context.passphrases().get({"unlock", object, false});
    keys.unlock(before);
    const SecretBytes after = passphrase_asker(options, "new-passphrase")({"change", object, true});
    // On record before it is done.
    context.keyring().audit().note({"key-passphrase", std::nullopt, object, ""});
    keys.change_passphrase(before, after);
    context.passphrases().remember(object, after);
    try {
        renew_escrow(context);
    } catch (const Error& error) {
        throw Error(error.code(),
                    "the passphrase of " + keys.folder() +
                        " was changed, but the repository still opens with the old one alone: " + error.what(),
                    "run this again with --repo DIR, with the passphrase of now as the present and as the new one");
    }
    if (context.terminal().json())
        context.terminal().object(Json{{"message_type", "summary"}, {"vault", keys.folder()}});
    else
        context.terminal().result("the passphrase of " + keys.folder() + " was changed");
    return ExitCode::done;
}

}  // namespace

Command key_passphrase_command() {
    Command command;
    command.name = "key passphrase";
    command.synopsis = "[--new-passphrase-file FILE]";
    command.summary = "change the passphrase of the local vault";
    command.description =
        "Seals the vault anew. The present passphrase comes from where it always comes; the new one is asked for "
        "twice, or comes from one of the options below.\n\n"
        "A repository that holds an escrow protector keeps opening with the old passphrase: objects are never "
        "changed. With --repo, a copy under the new passphrase is added there.";
    command.options = {
        {.name = "new-passphrase-file",
         .takes = Takes::one,
         .value_name = "FILE",
         .help = "read the new passphrase from a file"},
        {.name = "new-passphrase-command",
         .takes = Takes::one,
         .value_name = "CMD",
         .help = "read the new passphrase from a command's output"},
        {.name = "new-passphrase-fd",
         .takes = Takes::one,
         .value_name = "N",
         .help = "read the new passphrase from a descriptor"},
    };
    command.examples = {{"signet key passphrase", "Be asked for both"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
