#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/link_view.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    const keyring::Link named = context.keyring().get(context.arguments().front());
    const bool force = context.options().flag("force");
    if (!force) require_settings_open(look_at_access(context));
    const keyring::Link link = context.keyring().unlink(named.thumbprint, force);
    Terminal& terminal = context.terminal();
    terminal.warning("backups wrapped with " + link.thumbprint.short_text() +
                     " alone cannot be restored with this keyring any more; "
                     "see: signet plan --without-key " +
                     link.thumbprint.short_text());
    if (terminal.json()) {
        terminal.object(Json{{"thumbprint", link.thumbprint.text()}, {"name", link.name}, {"linked", false}});
    } else {
        terminal.result("unlinked " + link.thumbprint.text() + " (" + printable(link.name) + ")");
    }
    return ExitCode::done;
}

}  // namespace

Command keyring_unlink_command() {
    Command command;
    command.name = "keyring unlink";
    command.synopsis = "T [--force]";
    command.summary = "forget a protector; the key itself stays where it is";
    command.description =
        "Removes a link, named by its name or the first digits of its thumbprint. The key stays in its vault and can "
        "be linked again. The default protector is not unlinked without --force: make another one the default first.";
    command.options = {
        {.name = "force",
         .help = "unlink the default protector too: backups stop until there is another; also while access is lost"}};
    command.arguments = {"thumbprint", 1, 1};
    command.examples = {{"signet keyring unlink sha256:ab12cd34ef56", "Forget one protector"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
