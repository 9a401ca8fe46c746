// What the repository's signed entries say of this keyring's audit log.
#pragma once

#include "cli/context.h"

#include <vector>

namespace signet::cli {

/// Heads that this keyring's identities signed in the repository, where one is named: each must be a line of the log,
/// or of that of another keyring that was named. throws  Error{io}, Error{damaged}: the repository cannot be read
[[nodiscard]] std::vector<Digest> signed_heads(Context& context);
/// The same of the writer alone: an officer may sign with several keyrings.
[[nodiscard]] std::vector<Digest> heads_signed_by_writer(Context& context);

}  // namespace signet::cli
