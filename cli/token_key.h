// Keys on tokens, in commands that take them beside the keys of the local vault.
#pragma once

#include "cli/context.h"
#include "keyring/pkcs11_vault.h"

namespace signet::cli {

/// What a command wants to do that a token has no notion of.
enum class Notion {
    states,         ///< enabling and disabling
    soft_deletion,  ///< deleting, recovering, purging
    extraction,     ///< key backups and .byok files
    remarks,        ///< tags and rotation policies
};
/// For commands on keys of the local vault alone. throws  Error{refused}: a token's key was named; says what to do
/// there
void require_local_key(const std::string& argument, Notion notion);

/// The keys of the token that was named: `key list pkcs11:…`.
[[nodiscard]] ExitCode list_token(Context& context, const std::string& argument);

/// Makes the next version of a key on a token. Where the keyring has linked an earlier one, the new one is tested and
/// linked in its role, and that one stays linked.
[[nodiscard]] ExitCode rotate_on_token(Context& context, const keyring::Location& location, int bits,
                                       const keyring::KeyDates& dates);

/// A line in the audit log. operation  "key-create", "key-import", "key-rotate"
void audit_token_key(Context& context, const std::string& operation, const keyring::KeyDescription& key);

}  // namespace signet::cli
