#include "cli/commands/commands.h"
#include "cli/escrow.h"
#include "cli/key_view.h"

namespace signet::cli {
namespace {

/// The link of the keyring that the new version takes over from: a link to this name, the default one first.
const keyring::Link* link_of(Context& context, const std::string& name) {
    const keyring::Link* found = nullptr;
    for (const keyring::Link& link : context.keyring().links()) {
        for (const std::string& text : link.locations) {
            const keyring::Location location = keyring::Location::parse(text);
            const bool is_ours = location.scheme == keyring::Location::Scheme::local && location.name == name &&
                                 (location.folder.empty() || location.folder == context.vaults().default_folder());
            if (is_ours && (found == nullptr || link.role == keyring::LinkRole::default_)) found = &link;
        }
    }
    return found;
}

/// Links the new version in the old one's role. What was the default stays linked.
void take_over(Context& context, const keyring::Link& before, const keyring::KeyVersion& key) {
    keyring::Location location = keyring::Location::parse(before.locations.front());
    location.name = key.name;
    location = before.follow_newest() ? location.without_version() : location.with_version(key.version);
    keyring::LinkOptions options;
    options.role = before.role;
    options.provider = before.provider;
    options.region = before.region;
    const keyring::LinkReport report = context.keyring().link(location, options, context.vaults());
    for (const std::string& warning : report.warnings) context.terminal().warning(warning);
}

ExitCode run(Context& context) {
    const int bits = key_size(context);
    const keyring::KeyDates valid = dates(context);
    const std::string& name = context.arguments().front();
    const keyring::KeyVersion newest = vault(context).get(name);
    if (newest.name != name) throw Error(ErrorCode::usage, "rotate a key by its name: " + newest.name);
    const bool escrow = is_escrow(context.keyring(), newest.thumbprint);
    if (escrow && !context.has_repository()) {
        throw Error(ErrorCode::usage, name + " is the escrow protector: its new version must be stored in the repository",
                    "name the repository with --repo DIR");
    }
    if (escrow) (void)context.repository();

    const keyring::KeyVersion key = unlocked_vault(context).rotate(name, bits, valid);
    if (escrow) {
        mark_escrow(context.keyring(), key.thumbprint);
        store_escrow(context, context.repository().store(), context.repository().config().repository, key.thumbprint);
    }
    if (const keyring::Link* before = link_of(context, name)) take_over(context, keyring::Link(*before), key);
    const TimePoint now = context.clock().now();
    if (context.terminal().json()) {
        context.terminal().object(key_json(key, now));
        return ExitCode::done;
    }
    print_key(context.terminal(), key, now);
    if (const keyring::Link* link = context.keyring().find(key.thumbprint)) {
        context.terminal().result("linked       " + std::string(keyring::text(link->role)) + ", " + link->provider + "/" + link->region);
    }
    return ExitCode::done;
}

}  // namespace

Command key_rotate_command() {
    Command command;
    command.name = "key rotate";
    command.synopsis = "NAME [--size BITS] [--not-before T] [--expires T]";
    command.summary = "make a new version of a key and let it take over";
    command.description =
        "Makes a new version of the key. Where the keyring has linked an earlier version, the new one is linked in its role "
        "(the default, usually), and the earlier one stays linked: old backups keep needing it, and nothing of them is "
        "touched. New backups are wrapped with the new version.\n\n"
        "What new backups may still refer to from before the rotation is policy: see signet keyring policy, after-rotation.";
    command.options = date_options();
    command.options.insert(command.options.begin(), {.name = "size", .takes = Takes::one, .value_name = "BITS",
                                                     .help = "2048, 3072 or 4096; as the version before when nothing is said"});
    command.arguments = {"name", 1, 1};
    command.examples = {{"signet key rotate prod-2026", "Rotate a key"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
