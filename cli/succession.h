// Who is trusted from when to when, said by an officer; and how a rebuilt host takes the place of the writer that was
// lost (docs/operations.md section 11).
#pragma once

#include "cli/context.h"
#include "format/officer_entry.h"

#include <string>
#include <vector>

namespace signet::cli {

/// A fingerprint, or the first 16 digits at least of one that has a journal here or is this keyring's writer.
/// throws  Error{usage}: none, or several
[[nodiscard]] IdentityId find_identity(Context& context, const std::string& text);

/// Says these things about trust in one entry of the officer. returns  the entry
/// throws  Error{failed}: signed, but not in force, because an officer nearer to the first one said otherwise;
///         Error{refused}: this keyring has no officer of the repository
format::SignedEntry say_trust(Context& context, const std::vector<format::TrustStatement>& statements);

/// That `former` is trusted up to its last believed entry, or less where less was said before, and `next` from its
/// first. throws  Error{refused}: `former` is not trusted, so there is no place to take; Error{usage}: the same
/// identity
[[nodiscard]] std::vector<format::TrustStatement> succession(Context& context, const IdentityId& former,
                                                             const IdentityId& next);

/// `keyring adopt WRITER`: this keyring's writer takes the place of another; or, where it is the own writer, what its
/// journal holds is this machine's.
/// throws  Error{refused}: the own writer has made backups here already, or the other is not trusted;
///         Error{key_unavailable}: none of the newest backups of the other can be opened
ExitCode take_place(Context& context, const std::string& writer);

/// `keyring adopt --new-identity`
ExitCode make_new_identity(Context& context);

}  // namespace signet::cli
