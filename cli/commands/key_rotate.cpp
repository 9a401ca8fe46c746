#include "cli/commands/commands.h"
#include "cli/key_rotation.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"
#include "cli/table.h"
#include "cli/token_key.h"
#include "cli/twins.h"

namespace signet::cli {
namespace {

/// For as long as the version before it, when that was to expire.
keyring::KeyDates lifetime_like(const keyring::KeyVersion& before, TimePoint now) {
    if (!before.attributes.expires || *before.attributes.expires <= before.created) return {};
    return {.expires = TimePoint{now.ns + (before.attributes.expires->ns - before.created.ns)}};
}

ExitCode rotate_due(Context& context) {
    if (context.options().given("size") || context.options().given("not-before") ||
        context.options().given("expires")) {
        throw Error(ErrorCode::usage, "--due takes size and lifetime from the version before",
                    "rotate the key by its name");
    }
    Terminal& terminal = context.terminal();
    std::vector<keyring::KeyVersion> due;
    if (context.vaults().has_local()) due = vault(context).due_for_rotation();
    if (due.empty()) terminal.message("no key is due for rotation");
    Json rows = Json::array();
    std::vector<KeyRotated> held_up;
    for (const keyring::KeyVersion& before : due) {
        if (context.dry_run()) {
            terminal.result(before.name + " is due");
            rows.push_back(key_json(vault(context), before, context.clock().now()));
            continue;
        }
        const KeyRotated rotated = rotate_key(context, {before.name, 0, lifetime_like(before, context.clock().now())});
        rows.push_back(key_json(vault(context), rotated.key, context.clock().now()));
        terminal.result(rotated.key.reference() + (rotated.waiting.empty() ? " takes over from " : " is to follow ") +
                        before.reference());
        remind_of_key_backup(context, rotated.key.name);
        if (!rotated.waiting.empty()) held_up.push_back(rotated);
    }
    if (terminal.json()) terminal.object(rows);
    if (!held_up.empty()) stop_before_primary(held_up.front().key, held_up.front().waiting);
    return ExitCode::done;
}

ExitCode run(Context& context) {
    if (context.options().flag("due") != context.arguments().empty()) {
        throw Error(ErrorCode::usage, "either the name of a key, or --due", "see: signet help key rotate");
    }
    if (context.options().flag("due")) return rotate_due(context);
    if (context.dry_run()) throw Error(ErrorCode::usage, "--dry-run is for --due", "leave it out");
    const std::string& name = context.arguments().front();
    if (const auto token = token_location(name))
        return rotate_on_token(context, *token, key_size(context), dates(context));
    if (const auto manager = manager_location(name))
        return rotate_in_manager(context, *manager, key_size(context), dates(context));
    const keyring::KeyVersion newest = vault(context).get(name);
    if (newest.name != name) throw Error(ErrorCode::usage, "rotate a key by its name: " + newest.name);
    const KeyRotated rotated = rotate_key(context, {name, key_size(context), dates(context)});
    const keyring::KeyVersion& key = rotated.key;
    show_key(context, key);
    if (const keyring::Link* link = context.keyring().find(key.thumbprint)) {
        context.terminal().result("linked       " + std::string(keyring::text(link->role)) + ", " + link->provider +
                                  "/" + link->region);
        warn_of_missing_twin(context, *link);
    }
    remind_of_key_backup(context, name);
    if (!rotated.waiting.empty()) stop_before_primary(key, rotated.waiting);
    return ExitCode::done;
}

}  // namespace

Command key_rotate_command() {
    Command command;
    command.name = "key rotate";
    command.synopsis = "NAME|LOCATION [--size BITS] [--not-before T] [--expires T] | --due";
    command.summary = "make a new version of a key and let it take over";
    command.description =
        "Makes a new version of the key. Where the keyring has linked an earlier version, the new one is linked in "
        "its role (the default, usually), and the earlier one stays linked: old backups keep needing it, and nothing "
        "of them is touched. New backups are wrapped with the new version.\n\n"
        "What new backups may still refer to from before the rotation is policy: see signet keyring policy, "
        "after-rotation.\n\n"
        "With a pkcs11: location the new version is made on that token: object=prod is followed by object=prod/2, then "
        "prod/3. It is tested with the PIN before it is linked.\n\n"
        "With an azure: location the key manager makes it, by the key's own rotation policy unless size or dates are "
        "given.\n\n"
        "Where the keyring names keyrings of replicas, a new default takes over once all of them could open what it "
        "wraps. Until then it is linked beside the old one, and the exit code is 17.\n\n"
        "--due rotates every key of the local vault whose rotation policy says so, and does nothing when there is "
        "none: for cron. A new "
        "version has the size of the one before and lives as long.";
    command.options = date_options();
    command.options.insert(command.options.begin(),
                           {.name = "size",
                            .takes = Takes::one,
                            .value_name = "BITS",
                            .help = "2048, 3072 or 4096; as the version before when nothing is said"});
    command.options.push_back({.name = "due", .help = "every key that its rotation policy says to rotate now"});
    command.arguments = {"name", 0, 1};
    command.examples = {{"signet key rotate prod-2026", "Rotate a key"},
                        {"signet key rotate 'pkcs11:token=backup;object=prod?pin-source=file:/etc/signet/pin'",
                         "Rotate a key on a token"},
                        {"signet key rotate --due --passphrase-file /etc/signet/passphrase", "From cron, once a day"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
