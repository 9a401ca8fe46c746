#include "cli/commands/commands.h"
#include "cli/key_state_change.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) { return set_key_enabled(context, false); }

}  // namespace

Command key_disable_command() {
    Command command;
    command.name = "key disable";
    command.synopsis = "KEY";
    command.summary = "let a key be used no more, until it is enabled";
    command.description =
        "A disabled key neither wraps nor unwraps: backups that would be wrapped with it stop, and restores that need "
        "it end with exit code 13. Nothing is destroyed, and signet key enable takes it back. NAME stands for all its "
        "versions, NAME/VERSION or the first digits of a thumbprint for one.";
    command.examples = {{"signet key disable prod-2025/1", "Disable one version"}};
    command.arguments = {"key", 1, 1};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
