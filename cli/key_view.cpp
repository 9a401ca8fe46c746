#include "cli/key_view.h"

#include "cli/selection.h"
#include "keyring/vault_place.h"

namespace signet::cli {

namespace {

Json rotation_json(const keyring::KeyRecord& record, const keyring::KeyVersion& newest) {
    if (!record.rotation.is_set()) return nullptr;
    Json json = Json::object();
    if (record.rotation.after_days) json["after_days"] = *record.rotation.after_days;
    if (record.rotation.before_expiry_days) json["before_expiry_days"] = *record.rotation.before_expiry_days;
    json["due"] = time_json(record.rotation.due(newest));
    return json;
}

std::string rotation_text(const keyring::KeyRecord& record, const keyring::KeyVersion& newest) {
    std::string text;
    if (record.rotation.after_days) text = std::to_string(*record.rotation.after_days) + " days after it was made";
    if (record.rotation.before_expiry_days) {
        text += (text.empty() ? "" : ", or ") + std::to_string(*record.rotation.before_expiry_days) +
                " days before it expires";
    }
    const auto due = record.rotation.due(newest);
    return text + (due ? "; due " + to_table_time(*due) : "");
}

/// Rotation follows the newest version, whichever is shown.
keyring::KeyVersion newest_of(const keyring::LocalVault& vault, const keyring::KeyVersion& key) {
    return vault.find(key.name).value_or(key);
}

std::string key_backup_text(const keyring::LocalVault& vault, const keyring::KeyRecord& record) {
    if (!record.backup) return "none";
    const bool is_current = vault.backup_state(record.name) == keyring::KeyBackupState::current;
    return to_table_time(record.backup->made) + (is_current ? "" : "; the key has changed since");
}

}  // namespace

Json key_json(const keyring::LocalVault& vault, const keyring::KeyVersion& key, TimePoint now) {
    const keyring::KeyRecord record = vault.record(key.name);
    return {{"name", key.name},
            {"version", key.version},
            {"thumbprint", key.thumbprint.text()},
            {"kind", key.kind},
            {"size", key.size_bits},
            {"use", key.use == keyring::KeyUse::exchange ? "exchange" : "protector"},
            {"enabled", key.attributes.enabled},
            {"created", to_rfc3339(key.created)},
            {"not_before", time_json(key.attributes.not_before)},
            {"expires", time_json(key.attributes.expires)},
            {"state", keyring::text(key.state(now))},
            {"origin", key.origin},
            {"deleted", time_json(key.attributes.deleted)},
            {"purge_at", time_json(key.attributes.purge_date())},
            {"tags", record.tags},
            {"rotation", rotation_json(record, newest_of(vault, key))},
            {"key_backup",
             {{"state", keyring::text(vault.backup_state(key.name))},
              {"made", record.backup ? Json(to_rfc3339(record.backup->made)) : Json(nullptr)}}}};
}

namespace {

/// Prints name and value, one a line.
auto line_printer(Terminal& terminal) {
    return [&terminal](const std::string& name, const std::string& value) {
        terminal.result(name + std::string(13 - name.size(), ' ') + value);
    };
}

}  // namespace

std::string token_key_name(const keyring::KeyDescription& key) {
    const auto& version = key.location.version;
    return key.name + (version ? "/" + std::to_string(*version) : "");
}

Json token_key_json(const keyring::KeyDescription& key) {
    const auto version = key.location.name.empty() ? std::nullopt : key.location.named_version();
    return {{"name", printable(key.name)},
            {"version", version ? Json(*version) : Json(nullptr)},
            {"thumbprint", key.thumbprint.text()},
            {"kind", key.kind},
            {"size", key.size_bits},
            {"enabled", key.attributes.enabled},
            {"created", nullptr},
            {"not_before", time_json(key.attributes.not_before)},
            {"expires", time_json(key.attributes.expires)},
            {"state", keyring::text(key.state)},
            {"origin", key.origin},
            {"location", key.location.text()}};
}

void print_token_key(Terminal& terminal, const keyring::KeyDescription& key) {
    if (terminal.json()) {
        terminal.object(token_key_json(key));
        return;
    }
    const auto line = line_printer(terminal);
    line("name", printable(token_key_name(key)));
    line("thumbprint", key.thumbprint.text());
    line("kind", key.kind + " " + std::to_string(key.size_bits));
    line("state", std::string(keyring::text(key.state)));
    line("origin", key.origin);
    line("location", printable(key.location.text()));
    if (key.attributes.not_before) line("not before", to_table_time(*key.attributes.not_before));
    if (key.attributes.expires) line("expires", to_table_time(*key.attributes.expires));
}

std::optional<keyring::Location> token_location(const std::string& argument) {
    if (!argument.starts_with("pkcs11:")) return std::nullopt;
    return keyring::Location::parse(argument).absolute();
}

void print_key(Terminal& terminal, const keyring::LocalVault& vault, const keyring::KeyVersion& key, TimePoint now) {
    const auto line = line_printer(terminal);
    const keyring::KeyRecord record = vault.record(key.name);
    line("name", key.reference());
    line("thumbprint", key.thumbprint.text());
    line("kind", key.kind + " " + std::to_string(key.size_bits));
    if (key.use == keyring::KeyUse::exchange) line("use", "key exchange: opens .byok files");
    line("state", std::string(keyring::text(key.state(now))));
    line("origin", key.origin);
    line("created", to_table_time(key.created));
    if (key.attributes.not_before) line("not before", to_table_time(*key.attributes.not_before));
    if (key.attributes.expires) line("expires", to_table_time(*key.attributes.expires));
    if (key.attributes.deleted) line("deleted", to_table_time(*key.attributes.deleted));
    if (const auto until = key.attributes.purge_date()) line("purged on", to_table_time(*until));
    if (record.rotation.is_set()) line("rotation", rotation_text(record, newest_of(vault, key)));
    for (const auto& [name, value] : record.tags) line("tag", std::string(name).append("=").append(value));
    line("key backup", key_backup_text(vault, record));
}

void show_key(Context& context, const keyring::KeyVersion& key) {
    const TimePoint now = context.clock().now();
    if (context.terminal().json())
        context.terminal().object(key_json(vault(context), key, now));
    else
        print_key(context.terminal(), vault(context), key, now);
}

std::vector<OptionSpec> date_options() {
    return {
        {.name = "not-before", .takes = Takes::one, .value_name = "T", .help = "the key wraps from this time on"},
        {.name = "expires", .takes = Takes::one, .value_name = "T", .help = "the key wraps until this time"},
    };
}

keyring::KeyDates dates(const Context& context) {
    const keyring::KeyDates dates{time_option(context, "not-before"), time_option(context, "expires")};
    if (dates.not_before && dates.expires && *dates.expires <= *dates.not_before) {
        throw Error(ErrorCode::usage, "--expires is not after --not-before");
    }
    return dates;
}

int key_size(const Context& context) {
    const auto bits = context.options().integer("size", 1024, 16384);
    if (!bits) return 0;
    if (*bits != 2048 && *bits != 3072 && *bits != 4096) {
        throw Error(ErrorCode::usage, "--size: a protector has 2048, 3072 or 4096 bits");
    }
    return static_cast<int>(*bits);
}

namespace {

std::string vault_folder(Context& context) {
    return keyring::vault_folder(keyring::Location{}, context.vaults().default_folder());
}

}  // namespace

void require_room_for_vault(Context& context) {
    const std::string folder = vault_folder(context);
    if (!context.keyring().is_out_of_reach(folder, context.vaults().default_folder())) return;
    throw Error(ErrorCode::key_unavailable, "the vault in " + folder + " is out of reach: its disk is away",
                "bring the disk back; where it is gone for good, make the vault in another folder (--vault DIR)");
}

keyring::LocalVault& vault(Context& context) {
    if (context.vaults().has_local()) return context.vaults().local().vault();
    require_room_for_vault(context);
    const std::string folder = vault_folder(context);
    if (context.keyring().knows_vault(folder, context.vaults().default_folder())) {
        throw Error(ErrorCode::key_unavailable, "the vault is gone from " + folder,
                    "bring it back, or its keys: signet key restore FILE");
    }
    throw Error(ErrorCode::key_unavailable, "there is no vault in " + folder, "signet key create NAME makes one");
}

keyring::LocalVault& unlocked_vault(Context& context) {
    if (!context.vaults().has_local()) (void)vault(context);
    return context.vaults().local().unlocked();
}

OptionSpec purge_protection_option() {
    return {
        .name = "no-purge-protection",
        .help = "for a vault that has held no key yet: deleted keys can be purged at once. Cannot be changed later"};
}

keyring::LocalVault& vault_for_new_key(Context& context) {
    if (!context.vaults().has_local()) require_room_for_vault(context);
    context.vaults().make_local();
    keyring::LocalVault& keys = unlocked_vault(context);
    if (context.options().flag("no-purge-protection")) keys.waive_purge_protection();
    return keys;
}

}  // namespace signet::cli
