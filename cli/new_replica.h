// `init --replica-of`: a repository that exists, in a second place under another region's keys.
#pragma once

#include "cli/context.h"
#include "keyring/replica.h"

#include <string>

namespace signet::cli {

/// Makes --repo a replica of the repository in `primary`, remembers it in the host's keyring, and copies everything.
/// Begun again after it was stopped, it goes on.
/// throws  Error{refused}: the policy does not name the region, it is the repository's own, `primary` is a replica
///         itself, or the place holds another repository; Error{key_unavailable}: no default protector for the region
[[nodiscard]] ExitCode make_replica(Context& context, const std::string& primary,
                                    const keyring::ProtectorRegion& region);

}  // namespace signet::cli
