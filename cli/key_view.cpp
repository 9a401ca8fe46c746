#include "cli/key_view.h"

#include "cli/selection.h"

namespace signet::cli {

Json key_json(const keyring::KeyVersion& key, TimePoint now) {
    return {{"name", key.name},
            {"version", key.version},
            {"thumbprint", key.thumbprint.text()},
            {"kind", key.kind},
            {"size", key.size_bits},
            {"enabled", key.attributes.enabled},
            {"created", to_rfc3339(key.created)},
            {"not_before", time_json(key.attributes.not_before)},
            {"expires", time_json(key.attributes.expires)},
            {"state", keyring::text(key.state(now))},
            {"origin", key.origin}};
}

namespace {

/// Prints name and value, one a line.
auto line_printer(Terminal& terminal) {
    return [&terminal](const std::string& name, const std::string& value) {
        terminal.result(name + std::string(13 - name.size(), ' ') + value);
    };
}

}  // namespace

Json token_key_json(const keyring::KeyDescription& key) {
    return {{"name", printable(key.name)},
            {"version", nullptr},
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
    line("name", printable(key.name));
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

void print_key(Terminal& terminal, const keyring::KeyVersion& key, TimePoint now) {
    const auto line = line_printer(terminal);
    line("name", key.reference());
    line("thumbprint", key.thumbprint.text());
    line("kind", key.kind + " " + std::to_string(key.size_bits));
    line("state", std::string(keyring::text(key.state(now))));
    line("origin", key.origin);
    line("created", to_table_time(key.created));
    if (key.attributes.not_before) line("not before", to_table_time(*key.attributes.not_before));
    if (key.attributes.expires) line("expires", to_table_time(*key.attributes.expires));
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

keyring::LocalVault& vault(Context& context) {
    if (!context.vaults().has_local()) {
        throw Error(ErrorCode::key_unavailable, "there is no vault in " + context.vaults().default_folder(),
                    "signet key create NAME makes one");
    }
    return context.vaults().local().vault();
}

keyring::LocalVault& unlocked_vault(Context& context) {
    if (!context.vaults().has_local()) (void)vault(context);
    return context.vaults().local().unlocked();
}

}  // namespace signet::cli
