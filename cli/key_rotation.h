// A new version of a key, in the place of the one before it.
#pragma once

#include "cli/context.h"

#include <optional>
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

struct Successor {
    keyring::Link link;
    std::vector<std::string> waiting;  ///< replicas that hold it up: it is linked beside the default
};

/// Tests and links a new version in the role of the one before, which stays linked; a default that replicas wait for is
/// linked beside it. location  of the new version. follow  the place whose newest version it is; unset: as located
/// throws  as Keyring::link
Successor link_successor(Context& context, const keyring::Link& before, const format::Thumbprint& key,
                         const keyring::Location& location, std::optional<std::string> follow = std::nullopt);

/// Not a failure of the rotation: it goes on where it stopped once the replicas have the key.
/// key  its name. location  as keyring link takes it. throws  Error{refused}
[[noreturn]] void stop_before_primary(const std::string& key, const std::string& location,
                                      const std::vector<std::string>& waiting);
[[noreturn]] void stop_before_primary(const keyring::KeyVersion& key, const std::vector<std::string>& waiting);

}  // namespace signet::cli
