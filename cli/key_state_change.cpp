#include "cli/key_state_change.h"

#include "cli/key_impact.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"
#include "cli/token_key.h"
#include "keyring/escrow_mark.h"

namespace signet::cli {
namespace {

void remind(Context& context, const keyring::LocalVault& keys, const std::string& name, const std::string& occasion) {
    const keyring::KeyBackupState state = keys.backup_state(name);
    if (state == keyring::KeyBackupState::current) return;
    const auto newest = keys.find(name);
    if (!newest || newest->attributes.deleted || keyring::is_escrow(context.keyring(), newest->thumbprint)) return;
    const std::string advice = ": signet key backup " + name + " -o FILE";
    if (state == keyring::KeyBackupState::none) {
        context.terminal().warning("key " + name + " has no key backup; make one" +
                                   (occasion.empty() ? "" : " " + occasion) + advice);
    } else {
        context.terminal().warning("key " + name + " has changed since its key backup of " +
                                   to_table_time(keys.record(name).backup->made) + "; make another" + advice);
    }
}

}  // namespace

std::vector<keyring::KeyVersion> versions_of(const keyring::LocalVault& vault, const std::string& reference) {
    const keyring::KeyVersion named = vault.get(reference);
    std::vector<keyring::KeyVersion> versions;
    for (const keyring::KeyVersion& key : vault.list()) {
        if (reference == key.name || key.thumbprint == named.thumbprint) versions.push_back(key);
    }
    return versions;
}

void warn_of_wrapping_links(Context& context, const std::vector<keyring::KeyVersion>& versions,
                            const std::string& until) {
    for (const keyring::KeyVersion& key : versions) {
        const keyring::Link* link = context.keyring().find(key.thumbprint);
        if (link == nullptr || !link->wraps()) continue;
        context.terminal().warning(key.reference() + " is the " + std::string(keyring::text(link->role)) +
                                   " protector of " + link->provider + "/" + link->region +
                                   ": backups there stop until " + until);
    }
}

void audit_key_change(Context& context, const std::string& operation, const std::vector<keyring::KeyVersion>& versions,
                      const std::string& detail) {
    for (const keyring::KeyVersion& key : versions) {
        context.keyring().audit().note({operation, key.thumbprint, "local:" + key.reference(), ""}, detail);
    }
}

void audit_before_key_change(Context& context, const std::string& operation, const std::string& location) {
    context.keyring().audit().note({operation, std::nullopt, location, ""}, "begun");
}

void remember_answers(Context& context, const std::vector<keyring::KeyVersion>& versions) {
    for (const keyring::KeyVersion& key : versions) {
        const keyring::Link* link = context.keyring().find(key.thumbprint);
        if (link == nullptr) continue;
        const std::vector<std::string> places = link->locations;  // a copy: what is remembered changes the keyring
        for (const std::string& place : places) {
            const keyring::Location location = keyring::Location::parse(place);
            if (!location.can_unwrap() || is_in_another_vault(context, location)) continue;
            const auto answer = context.keyring().describe(location, context.vaults(), keyring::Login::spared);
            const auto outcome = answer.ok() ? keyring::refusal_of(answer.value->state) : answer.outcome;
            context.keyring().note_answer(place, "describe", outcome, context.vaults());
        }
    }
}

void print_versions(Context& context, const std::string& reference) {
    Terminal& terminal = context.terminal();
    const keyring::LocalVault& keys = vault(context);
    const TimePoint now = context.clock().now();
    Json rows = Json::array();
    for (const keyring::KeyVersion& key : versions_of(keys, reference)) {
        rows.push_back(key_json(keys, key, now));
        const auto until = key.attributes.purge_date();
        terminal.result(key.reference() + " is " + std::string(keyring::text(key.state(now))) +
                        (until ? "; it can be recovered until " + to_table_time(*until) : ""));
    }
    if (terminal.json()) terminal.object(rows.size() == 1 ? rows.front() : rows);
}

ExitCode set_key_enabled(Context& context, bool enabled) {
    const std::string& reference = context.arguments().front();
    if (const auto manager = manager_location(reference)) return set_enabled_in_manager(context, *manager, enabled);
    require_local_key(reference, Notion::states);
    keyring::LocalVault& keys = unlocked_vault(context);
    const std::vector<keyring::KeyVersion> versions = versions_of(keys, reference);
    if (!enabled) warn_of_impact(context, versions);
    // On record before it is done.
    audit_key_change(context, enabled ? "key-enable" : "key-disable", versions);
    keys.set_enabled(reference, enabled);
    remember_answers(context, versions);
    print_versions(context, reference);
    if (!enabled) warn_of_wrapping_links(context, versions, "it is enabled or replaced");
    remind_of_key_backup(context, versions.front().name);
    return ExitCode::done;
}

void remind_of_key_backup(Context& context, const std::string& name, const std::string& occasion) {
    remind(context, vault(context), name, occasion);
}

void remind_of_key_backup(Context& context, const keyring::Link& link) {
    for (const std::string& text : link.locations) {
        const keyring::Location location = keyring::Location::parse(text);
        if (location.scheme != keyring::Location::Scheme::local || !context.vaults().has_local(location.folder))
            continue;
        const keyring::LocalVault& keys = context.vaults().local(location.folder).vault();
        if (keys.find(location.name)) remind(context, keys, location.name, "before its first use");
        return;
    }
}

}  // namespace signet::cli
