#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/key_state_change.h"
#include "cli/link_view.h"
#include "cli/twins.h"

namespace signet::cli {
namespace {

/// throws  Error{refused}: access is lost; then a person revalidates, which the audit log has
void require_access(Context& context, const format::Thumbprint& wanted) {
    const Access access = look_at_access(context);
    if (!is_lost(access)) return;
    throw Error(ErrorCode::refused,
                "while access is lost no setting is changed: this keyring is " + access_text(access),
                "to go on with this one: signet keyring revalidate --use-key " + wanted.short_text());
}

ExitCode run(Context& context) {
    const format::Thumbprint thumbprint = context.keyring().get(context.arguments().front()).thumbprint;
    require_access(context, thumbprint);
    const keyring::LinkReport report = context.keyring().set_default(thumbprint, context.vaults());
    print_link_report(context, report);
    remind_of_key_backup(context, report.link);
    note_without_twin(context);
    warn_of_missing_twin(context, report.link);
    return ExitCode::done;
}

}  // namespace

Command keyring_default_command() {
    Command command;
    command.name = "keyring default";
    command.synopsis = "T [--without-twin]";
    command.summary = "wrap new backups with another linked protector";
    command.description =
        "Tests a linked protector, named by its name or the first digits of its thumbprint, and makes it the default "
        "of its provider and region. The one before it stays linked, and old backups are not touched.";
    command.options = {without_twin_option()};
    command.arguments = {"thumbprint", 1, 1};
    command.examples = {{"signet keyring default prod-2026", "Switch to another key"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
