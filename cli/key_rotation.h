// A new version of a key, in the place of the one before it.
#pragma once

#include "cli/context.h"

#include <string>
#include <vector>

namespace signet::cli {

struct KeyRotation {
    std::string name;
    int bits = 0;  ///< 0: as the version before
    keyring::KeyDates dates = {};
};

struct KeyRotated {
    keyring::KeyVersion key;           ///< the new version
    std::vector<std::string> waiting;  ///< replicas that hold it up
};

/// Makes the new version, and links it in the role of the version that the keyring has linked; that one stays linked. A
/// default that replicas wait for is linked beside it. The escrow protector's new version is stored in the context's
/// repository as well. Asks for the passphrase.
/// throws  Error{usage}: an escrow protector without a repository; as LocalVault::rotate and Keyring::link
KeyRotated rotate_key(Context& context, const KeyRotation& rotation);

/// Not a failure of the rotation: it goes on where it stopped once the replicas have the key. throws  Error{refused}
[[noreturn]] void stop_before_primary(const keyring::KeyVersion& key, const std::vector<std::string>& waiting);

}  // namespace signet::cli
