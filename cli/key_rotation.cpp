#include "cli/key_rotation.h"

#include "cli/escrow.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/table.h"
#include "keyring/escrow_mark.h"

#include <algorithm>
#include <filesystem>

namespace signet::cli {
namespace {

/// A link, and by which of its locations it has a key of the vault in which the new version is made.
struct Linked {
    keyring::Link link;
    keyring::Location location;
};

bool is_in_default_vault(Context& context, const keyring::Location& location) {
    if (location.scheme != keyring::Location::Scheme::local) return false;
    std::error_code failed;
    return location.folder.empty() ||
           std::filesystem::equivalent(location.folder, context.vaults().default_folder(), failed);
}

/// The link of the keyring that the new version takes over from: one to this name, the default first, then one that
/// wraps as well.
std::optional<Linked> linked_version_of(Context& context, const std::string& name) {
    std::optional<Linked> found;
    for (const keyring::Link& link : context.keyring().links()) {
        for (const std::string& text : link.locations) {
            const keyring::Location location = keyring::Location::parse(text);
            if (location.name != name || !is_in_default_vault(context, location)) continue;
            const bool is_nearer =
                !found || link.role == keyring::LinkRole::default_ || (link.wraps() && !found->link.wraps());
            if (is_nearer) found = Linked{link, location};
        }
    }
    return found;
}

/// Whether any version is an escrow protector: the newest may be what a rotation left that was killed before it said
/// so.
bool is_any_escrow(Context& context, const std::string& name) {
    const std::vector<keyring::KeyVersion> versions = versions_of(vault(context), name);
    return std::any_of(versions.begin(), versions.end(), [&](const keyring::KeyVersion& key) {
        return keyring::is_escrow(context.keyring(), key.thumbprint);
    });
}

/// A version is linked as the one before it: by its name alone, or as this version.
keyring::Location successor_location(const Linked& before, const keyring::KeyVersion& key) {
    const bool follows = before.link.follow == before.location.without_version().text();
    return follows ? before.location.without_version() : before.location.with_version(key.version);
}

}  // namespace

Successor link_successor(Context& context, const keyring::Link& before, const format::Thumbprint& key,
                         const keyring::Location& location, std::optional<std::string> follow) {
    std::vector<std::string> waiting;
    if (before.role == keyring::LinkRole::default_)
        waiting = context.keyring().replicas_waiting_for(key, context.vaults());
    keyring::LinkOptions options;
    options.role = waiting.empty() ? before.role : keyring::LinkRole::linked;
    // A version in another kind of vault says so, where that is default for the same repositories.
    if (!keyring::same_provider(before.provider, location.provider())) options.provider = before.provider;
    options.region = before.region;
    options.follow = std::move(follow);
    options.instead_of = before.thumbprint;
    const keyring::LinkReport report = context.keyring().link(location, options, context.vaults());
    for (const std::string& warning : report.warnings) context.terminal().warning(warning);
    const keyring::Link* now = context.keyring().find(before.thumbprint);
    if (before.role == keyring::LinkRole::recovery && now != nullptr && now->role == keyring::LinkRole::recovery) {
        context.terminal().warning(
            "protector " + before.thumbprint.short_text() +
            " stays a recovery protector beside it, as a replica may have no other way in: once none needs it, "
            "signet keyring unlink " +
            before.thumbprint.short_text() + ", and link it again for unwrapping alone");
    }
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
    const bool escrow = is_any_escrow(context, rotation.name);
    if (escrow && !context.has_repository()) {
        throw Error(ErrorCode::usage,
                    rotation.name + " is the escrow protector: its new version must be stored in the repository",
                    "name the repository with --repo DIR");
    }
    if (escrow) (void)context.repository();

    keyring::LocalVault& keys = unlocked_vault(context);
    audit_before_key_change(context, "key-rotate", "local:" + newest.reference());
    keyring::KeyVersion key = keys.rotate(rotation.name, rotation.bits, rotation.dates);
    audit_key_change(context, "key-rotate", {key});
    if (escrow) {
        keyring::mark_escrow(context.keyring(), key.thumbprint);
        store_escrow(context, context.repository().store(), context.repository().config().repository, key.thumbprint);
    }
    KeyRotated rotated{key, {}};
    if (const auto before = linked_version_of(context, rotation.name))
        rotated.waiting =
            link_successor(context, before->link, key.thumbprint, successor_location(*before, key)).waiting;
    return rotated;
}

}  // namespace signet::cli
