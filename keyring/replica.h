// Replicas as keyrings know them: places that hold a repository under another region's keys, and the keyrings that a
// rotation waits for. docs/decisions/0012.
#pragma once

#include "core/clock.h"
#include "core/id.h"

#include <cstddef>
#include <optional>
#include <string>

namespace signet::keyring {

/// How many replicas a repository may have.
inline constexpr std::size_t kMostReplicas = 4;

/// Whose default protector wraps.
struct ProtectorRegion {
    std::string provider = "local";
    std::string region = "local";
    friend bool operator==(const ProtectorRegion&, const ProtectorRegion&) = default;
};

/// What a place is that was made a replica.
struct ReplicaPlace {
    RepositoryId repository;
    ProtectorRegion region;             ///< whose default opens all that is there
    std::optional<TimePoint> promoted;  ///< since when it is the primary
    [[nodiscard]] bool is_replica() const { return !promoted; }
};

/// The keyring of a replica, seen from the primary's.
struct ReplicaKeyring {
    std::string folder;
    std::string vault;  ///< what its locations without a folder mean
};

}  // namespace signet::keyring
