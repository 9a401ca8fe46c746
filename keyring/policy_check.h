// Whether the protectors that would wrap a backup are what the officer's policy asks for.
#pragma once

#include "keyring/keyring.h"
#include "keyring/policy.h"

#include <vector>

namespace signet::keyring {

/// wrapping  the default first, then the recovery protectors: wrapping_for(); all of them linked in `keyring`
/// throws  Error{refused}: names the rule and the protector, with the command that would help
void require_policy(const Policy& policy, const Keyring& keyring, const std::vector<format::Thumbprint>& wrapping);

/// The part of it that holds wherever anything is wrapped: under nothing that is to go.
/// throws  Error{refused}
void require_unfenced(const Policy& policy, const Keyring& keyring, const std::vector<format::Thumbprint>& wrapping);

}  // namespace signet::keyring
