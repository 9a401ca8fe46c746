// Whether the protectors that would wrap a backup are what the officer's policy asks for.
#pragma once

#include "keyring/keyring.h"
#include "keyring/policy.h"

#include <optional>
#include <vector>

namespace signet::keyring {

/// wrapping  the default first, then the recovery protectors: wrapping_for(); all of them linked in `keyring`
/// throws  Error{refused}: names the rule and the protector, with the command that would help
void require_policy(const Policy& policy, const Keyring& keyring, const std::vector<format::Thumbprint>& wrapping);

/// The part of it that holds wherever anything is wrapped: under nothing that is to go.
/// throws  Error{refused}
void require_unfenced(const Policy& policy, const Keyring& keyring, const std::vector<format::Thumbprint>& wrapping);
/// When a protector was last really unwrapped with: here, or by an officer who published it.
[[nodiscard]] std::optional<TimePoint> last_proof(const Policy& policy, const Link& link);
/// default_protector  the first of those that wrap. throws  Error{refused}: the policy wants a proof that is newer
void require_proof(const Policy& policy, const Keyring& keyring, const format::Thumbprint& default_protector,
                   TimePoint now);

}  // namespace signet::keyring
