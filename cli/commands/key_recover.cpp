#include "cli/commands/commands.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"
#include "cli/token_key.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    const std::string& reference = context.arguments().front();
    if (const auto manager = manager_location(reference)) return recover_in_manager(context, *manager);
    require_local_key(reference, Notion::soft_deletion);
    keyring::LocalVault& keys = unlocked_vault(context);
    const std::vector<keyring::KeyVersion> versions = versions_of(keys, reference);
    // On record before it is done.
    audit_key_change(context, "key-recover", versions);
    keys.recover(reference);
    remember_answers(context, versions);
    print_versions(context, reference);
    remind_of_key_backup(context, versions.front().name);
    return ExitCode::done;
}

}  // namespace

Command key_recover_command() {
    Command command;
    command.name = "key recover";
    command.synopsis = "KEY";
    command.summary = "bring back a deleted key";
    command.description =
        "Brings back a key that signet key delete has deleted, as it was: enabled or disabled, with its dates and "
        "tags. NAME stands for all its versions, NAME/VERSION or the first digits of a thumbprint for one. Once its "
        "retention has ended a key cannot be recovered (13); a key backup still can be restored.";
    command.arguments = {"key", 1, 1};
    command.examples = {{"signet key list --deleted", "See what can be recovered, and until when"},
                        {"signet key recover prod-2025/1", "Recover one version"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
