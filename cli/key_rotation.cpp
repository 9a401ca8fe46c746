#include "cli/key_rotation.h"

#include "cli/escrow.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/table.h"
#include "keyring/escrow_mark.h"

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

/// A version is linked as the one before it: by its name alone, or as this version.
keyring::Location successor_location(const keyring::Link& before, const keyring::KeyVersion& key) {
    keyring::Location location = keyring::Location::parse(before.locations.front());
    location.name = key.name;
    return before.follow_newest() ? location.without_version() : location.with_version(key.version);
}

}  // namespace

Successor link_successor(Context& context, const keyring::Link& before, const format::Thumbprint& key,
                         const keyring::Location& location, std::optional<std::string> follow) {
    std::vector<std::string> waiting;
    if (before.role == keyring::LinkRole::default_)
        waiting = context.keyring().replicas_waiting_for(key, context.vaults());
    keyring::LinkOptions options;
    options.role = waiting.empty() ? before.role : keyring::LinkRole::linked;
    options.provider = before.provider;
    options.region = before.region;
    options.follow = std::move(follow);
    const keyring::LinkReport report = context.keyring().link(location, options, context.vaults());
    for (const std::string& warning : report.warnings) context.terminal().warning(warning);
    return {report.link, std::move(waiting)};
}

void stop_before_primary(const std::string& key, const std::string& location, const std::vector<std::string>& waiting) {
    throw Error(ErrorCode::refused,
                key + " is made and linked, and not the default yet, as rotation reaches replicas first: " +
                    join(waiting, "; "),
                "bring it to the replicas, or link a recovery protector here that they have (signet keyring link FILE "
                "--recovery); then: signet keyring link " +
                    keyring::for_command(location) + " --default");
}

void stop_before_primary(const keyring::KeyVersion& key, const std::vector<std::string>& waiting) {
    stop_before_primary(key.reference(), "local:" + key.name, waiting);
}

KeyRotated rotate_key(Context& context, const KeyRotation& rotation) {
    const keyring::KeyVersion newest = vault(context).get(rotation.name);
    const bool escrow = keyring::is_escrow(context.keyring(), newest.thumbprint);
    if (escrow && !context.has_repository()) {
        throw Error(ErrorCode::usage,
                    rotation.name + " is the escrow protector: its new version must be stored in the repository",
                    "name the repository with --repo DIR");
    }
    if (escrow) (void)context.repository();

    keyring::KeyVersion key = unlocked_vault(context).rotate(rotation.name, rotation.bits, rotation.dates);
    audit_key_change(context, "key-rotate", {key});
    if (escrow) {
        keyring::mark_escrow(context.keyring(), key.thumbprint);
        store_escrow(context, context.repository().store(), context.repository().config().repository, key.thumbprint);
    }
    KeyRotated rotated{key, {}};
    if (const keyring::Link* before = link_of(context, rotation.name))
        rotated.waiting =
            link_successor(context, keyring::Link(*before), key.thumbprint, successor_location(*before, key)).waiting;
    return rotated;
}

}  // namespace signet::cli
