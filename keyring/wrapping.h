// Which protectors wrap the data keys of one repository: the keyring's, as the officer's policy there changes them.
#pragma once

#include "format/config.h"
#include "keyring/keyring.h"
#include "keyring/policy.h"
#include "keyring/replica.h"
#include "keyring/resolver.h"

#include <string>
#include <vector>

namespace signet::keyring {

struct Wrapping {
    std::vector<format::Thumbprint> protectors;  ///< the default first, then recovery ones; all of them linked
    std::vector<std::string> warnings;           ///< what the policy changed, or wants changed
};

/// The resolver's wrapping_protectors(), with two changes that only an officer of the repository can ask for:
///
/// - The policy's default-protector takes the place of a default that the policy says is to go, and of one of which
///   this host has the public half alone: such a host has no other way to learn of a rotation. Where it is not linked
///   yet and the policy carries its public half, that is kept in the keyring's folder and linked, for wrapping here and
///   nothing else. The keyring's own default stays what it is: other repositories have other policies.
/// - Recovery protectors that the policy says are to go are left out.
///
/// The policy's default-protector is that of the region in config.json; elsewhere, in a replica, the keyring's own
/// counts. A default that is to go and has no successor here comes back as it is: require_policy() refuses it. region
/// whose default wraps here. throws  Error{key_unavailable}: there is no default protector; Error{io}: the keyring
/// cannot be written
[[nodiscard]] Wrapping wrapping_for(const Policy& policy, Keyring& keyring, Resolver& resolver,
                                    const format::RepositoryConfig& config, const ProtectorRegion& region);

/// What a person types to make a protector the default of this keyring: it may have to be linked first.
[[nodiscard]] std::string default_command(const Keyring& keyring, const format::Thumbprint& protector);

}  // namespace signet::keyring
