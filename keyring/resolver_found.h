// Inside keyring/ only: what the resolver finds when it looks at the locations of a protector.
#pragma once

#include "keyring/resolver.h"

namespace signet::keyring {

/// The first location that answers, or why none does.
struct Resolver::Found {
    bool any = false;  ///< a location that can hold the private half
    Outcome outcome = Outcome::unavailable;
    Location location;  ///< that answered, or the first
    std::string detail;
    std::optional<KeyDescription> key;
    std::vector<Passed> passed;  ///< before it
};

}  // namespace signet::keyring
