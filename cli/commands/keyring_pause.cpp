#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/json.h"

namespace signet::cli {
namespace {

ExitCode pause(Context& context) {
    const std::string why = context.options().text("reason").value_or("");
    if (!is_utf8(why)) throw Error(ErrorCode::usage, "a reason must be UTF-8");
    const TimePoint now = context.clock().now();
    if (context.keyring().paused()) {
        context.terminal().message("paused already");
        return ExitCode::done;
    }
    // On record before it is done.
    context.keyring().audit().note({"pause", std::nullopt, "", ""}, why);
    context.keyring().set_setting("paused", to_rfc3339(now) + (why.empty() ? "" : " " + why));
    context.terminal().message(
        "paused: no backup is made with this keyring until signet keyring resume; restores go on");
    return ExitCode::done;
}

ExitCode resume(Context& context) {
    if (!context.keyring().paused()) {
        context.terminal().message("not paused");
        return ExitCode::done;
    }
    context.keyring().audit().note({"resume", std::nullopt, "", ""}, "paused since " + *context.keyring().paused());
    context.keyring().set_setting("paused", std::nullopt);
    context.terminal().message("resumed");
    return ExitCode::done;
}

}  // namespace

Command keyring_pause_command() {
    Command command;
    command.name = "keyring pause";
    command.synopsis = "[--reason TEXT]";
    command.summary = "make no backups until keyring resume";
    command.description =
        "Before keys are disabled or moved on purpose: backups and rewraps of this host are refused (17) with the "
        "reason, instead of failing with a key that is not there. Restores, plans and keys are not touched.";
    command.options = {{.name = "reason", .takes = Takes::one, .value_name = "TEXT", .help = "told to whoever tries"}};
    command.examples = {{"signet keyring pause --reason 'moving the vault, until Monday'", "Say why"}};
    command.dry_run = DryRun::not_offered;
    command.run = pause;
    return command;
}

Command keyring_resume_command() {
    Command command;
    command.name = "keyring resume";
    command.summary = "make backups again";
    command.description =
        "Ends what signet keyring pause began. Enable the keys first: signet keyring test says whether they are well.";
    command.examples = {{"signet keyring test && signet keyring resume", "When the keys are well"}};
    command.dry_run = DryRun::not_offered;
    command.run = resume;
    return command;
}

}  // namespace signet::cli
