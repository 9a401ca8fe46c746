#include "cli/commands/commands.h"
#include "cli/key_impact.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"
#include "cli/token_key.h"

#include <algorithm>

namespace signet::cli {
namespace {

/// How restores get at another copy of a deleted key. They never do by themselves: a deletion is somebody's word.
void tell_of_twins(Context& context, const std::vector<keyring::KeyVersion>& versions) {
    for (const keyring::KeyVersion& key : versions) {
        const keyring::Link* link = context.keyring().find(key.thumbprint);
        if (link == nullptr) continue;
        const auto twin = std::find_if(link->locations.begin(), link->locations.end(), [&](const std::string& place) {
            return is_in_another_vault(context, keyring::Location::parse(place));
        });
        if (twin == link->locations.end()) continue;
        const bool is_default = link->role == keyring::LinkRole::default_;
        const std::string unlinked = "signet keyring unlink " + link->thumbprint.short_text() + " --force && ";
        context.terminal().warning(key.reference() + " is in " + printable(*twin) +
                                   " too; no restore goes there by itself after a deletion: " +
                                   (is_default ? "signet keyring revalidate --use-twin"
                                               : unlinked + "signet keyring link " + keyring::for_command(*twin) +
                                                     (link->role == keyring::LinkRole::recovery ? " --recovery" : "")));
    }
}

ExitCode run(Context& context) {
    const std::string& reference = context.arguments().front();
    if (const auto manager = manager_location(reference)) return delete_in_manager(context, *manager);
    require_local_key(reference, Notion::soft_deletion);
    keyring::Retention retention;
    const auto days =
        context.options().integer("retention", keyring::Retention::kLeastDays, keyring::Retention::kMostDays);
    if (days) retention.days = static_cast<std::uint32_t>(*days);

    keyring::LocalVault& keys = unlocked_vault(context);
    std::vector<keyring::KeyVersion> versions = versions_of(keys, reference);
    std::erase_if(versions, [](const keyring::KeyVersion& key) { return key.attributes.deleted.has_value(); });
    if (versions.empty()) {
        context.terminal().message(reference + " is deleted already");
        print_versions(context, reference);
        return ExitCode::done;
    }
    if (!context.has_repository()) {
        context.terminal().warning(
            "no repository was named: which backups need the key was not looked at; see signet help key delete");
    }
    const std::string detail = require_expendable(context, versions, "deleted");
    if (context.dry_run()) {
        context.terminal().message("nothing was deleted (--dry-run)");
        return ExitCode::done;
    }
    // On record before it is done.
    audit_key_change(context, "key-delete", versions, detail);
    keys.soft_delete(reference, retention);
    remember_answers(context, versions);
    print_versions(context, reference);
    warn_of_wrapping_links(context, versions, "it is recovered or replaced");
    tell_of_twins(context, versions);
    return ExitCode::done;
}

}  // namespace

Command key_delete_command() {
    Command command;
    command.name = "key delete";
    command.synopsis = "KEY [--retention DAYS] [--force]";
    command.summary = "delete a key; it can be recovered for 90 days";
    command.description =
        "A deleted key neither wraps nor unwraps. It stays in the vault until its retention ends and comes back as it "
        "was with signet key recover; the first change of the vault after that purges it: its private half is then "
        "gone. NAME stands for all its versions, NAME/VERSION or the first digits of a thumbprint for one.\n\n"
        "With an azure: location the key is deleted in its vault, with all its versions; while this keyring links one "
        "of them that needs --force.\n\n"
        "With a repository, it first says which backups the key opens. It is refused (17) while a backup has no other "
        "opener: another protector counts only if this command could unwrap with it. Run it with --dry-run for each "
        "repository that the key protects. --force deletes all the same, which the audit log shows.";
    command.options = {
        {.name = "retention",
         .takes = Takes::one,
         .value_name = "DAYS",
         .help = "how long it can be recovered: 7 to 90 (90)"},
        {.name = "force", .help = "delete it although backups need it"},
    };
    command.arguments = {"key", 1, 1};
    command.examples = {{"signet key delete prod-2025/1 -n -r /srv/backup", "See which backups need a version"},
                        {"signet key delete prod-2025/1 -r /srv/backup", "Delete it"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
