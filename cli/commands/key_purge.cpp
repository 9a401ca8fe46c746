#include "cli/commands/commands.h"
#include "cli/key_impact.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"
#include "cli/token_key.h"

namespace signet::cli {
namespace {

/// What cannot be undone is asked for twice: the name is typed again.
void confirm(const Context& context, const std::string& reference) {
    const auto confirmed = context.options().text("confirm");
    if (confirmed && *confirmed == reference) return;
    throw Error(
        ErrorCode::usage,
        confirmed ? "--confirm names another key than " + reference : "purging cannot be undone and must be confirmed",
        "if you mean it: signet key purge " + reference + " --confirm " + reference);
}

/// Nobody looked whether backups need the key.
void require_repository(const Context& context) {
    if (context.has_repository() || context.options().flag("force")) return;
    throw Error(ErrorCode::refused, "no repository was named: which backups need the key cannot be seen",
                "name it with --repo DIR; --force purges without looking");
}

void print_purged(Context& context, const std::vector<keyring::PurgedKey>& purged) {
    Terminal& terminal = context.terminal();
    Json rows = Json::array();
    for (const keyring::PurgedKey& key : purged) {
        rows.push_back(Json{{"name", key.name},
                            {"version", key.version},
                            {"thumbprint", key.thumbprint.text()},
                            {"state", "purged"},
                            {"deleted", to_rfc3339(key.deleted)},
                            {"purged", to_rfc3339(key.purged)}});
        terminal.result(key.reference() + " is purged");
    }
    if (terminal.json()) terminal.object(rows.size() == 1 ? rows.front() : rows);
}

ExitCode run(Context& context) {
    const std::string& reference = context.arguments().front();
    if (const auto manager = manager_location(reference)) return purge_in_manager(context, *manager);
    require_local_key(reference, Notion::soft_deletion);
    keyring::LocalVault& keys = unlocked_vault(context);
    const std::vector<keyring::KeyVersion> versions = versions_of(keys, reference);
    keys.check_purge(reference);
    require_repository(context);
    std::string detail = require_expendable(context, versions, "purged");
    if (context.dry_run()) {
        context.terminal().message("nothing was purged (--dry-run)");
        return ExitCode::done;
    }
    confirm(context, reference);
    if (!context.has_repository()) detail = "forced; no repository was looked at";
    // On record before it is irrevocable.
    audit_key_change(context, "key-purge", versions, detail);
    const std::vector<keyring::PurgedKey> purged = keys.purge(reference);
    remember_answers(context, versions);
    print_purged(context, purged);
    return ExitCode::done;
}

}  // namespace

Command key_purge_command() {
    Command command;
    command.name = "key purge";
    command.synopsis = "KEY --confirm KEY [--force]";
    command.summary = "destroy a deleted key for good";
    command.description =
        "Removes the private half of a deleted key from the vault. What only this key opens can never be opened "
        "again, unless there is a key backup. Only a deleted key is purged, and, as the vault has purge protection, "
        "only when its retention has ended; --confirm says that it is meant.\n\n"
        "It is refused (17) while a backup in the repository has no other opener, counting only protectors that this "
        "command could unwrap with, and when no repository was named. --force purges all the same, which the audit "
        "log shows.";
    command.options = {
        {.name = "confirm", .takes = Takes::one, .value_name = "KEY", .help = "the key once more, as it was named"},
        {.name = "force", .help = "purge it although backups need it"},
    };
    command.arguments = {"key", 1, 1};
    command.examples = {{"signet key purge prod-2025/1 -n -r /srv/backup", "See whether a version may go"},
                        {"signet key purge prod-2025/1 --confirm prod-2025/1 -r /srv/backup", "Destroy it"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
