// How a key of a vault is shown.
#pragma once

#include "cli/context.h"

namespace signet::cli {

/// name, version, thumbprint, kind, size, enabled, created, not_before, expires, state, and what belongs to its name.
[[nodiscard]] Json key_json(const keyring::LocalVault& vault, const keyring::KeyVersion& key, TimePoint now);
/// Name and value, one a line.
void print_key(Terminal& terminal, const keyring::LocalVault& vault, const keyring::KeyVersion& key, TimePoint now);
/// One of the two, as the result of a command.
void show_key(Context& context, const keyring::KeyVersion& key);

/// "prod/2": the label of a key on a token; its id where it has none.
[[nodiscard]] std::string token_key_name(const keyring::KeyDescription& key);
/// The same of a key on a token, which does not tell when it was made: that is null. So is the version of one that has
/// no label.
[[nodiscard]] Json token_key_json(const keyring::KeyDescription& key);
/// Shows a key on a token: JSON or lines.
void print_token_key(Terminal& terminal, const keyring::KeyDescription& key);
/// The location that an argument names where keys on tokens can stand beside names: "pkcs11:…".
[[nodiscard]] std::optional<keyring::Location> token_location(const std::string& argument);

/// --not-before and --expires.
[[nodiscard]] std::vector<OptionSpec> date_options();
[[nodiscard]] keyring::KeyDates dates(const Context& context);
/// --size, in bits; 0 when it was not given. throws  Error{usage}
[[nodiscard]] int key_size(const Context& context);

/// Before a vault is made. throws  Error{key_unavailable}: this keyring knows one there, and its disk is away
void require_room_for_vault(Context& context);
/// The vault, for looking. throws  Error{key_unavailable}: there is none
[[nodiscard]] keyring::LocalVault& vault(Context& context);
/// The vault, open for changes; asks for the passphrase.
[[nodiscard]] keyring::LocalVault& unlocked_vault(Context& context);
/// --no-purge-protection, of commands that may make the vault.
[[nodiscard]] OptionSpec purge_protection_option();
/// The vault for a new key, open; made when there is none.
/// throws  as require_room_for_vault(); Error{refused}: --no-purge-protection comes too late
[[nodiscard]] keyring::LocalVault& vault_for_new_key(Context& context);

}  // namespace signet::cli
