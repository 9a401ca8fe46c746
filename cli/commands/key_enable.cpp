#include "cli/commands/commands.h"
#include "cli/key_state_change.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) { return set_key_enabled(context, true); }

}  // namespace

Command key_enable_command() {
    Command command;
    command.name = "key enable";
    command.synopsis = "KEY";
    command.summary = "let a disabled key be used again";
    command.description =
        "Lets a disabled key wrap and unwrap again. NAME stands for all its versions, NAME/VERSION or the first "
        "digits of a thumbprint for one.";
    command.examples = {{"signet key enable prod-2025", "Enable every version of a key"}};
    command.arguments = {"key", 1, 1};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
