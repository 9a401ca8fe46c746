// What a place is to the keyrings at hand: the primary, or a replica under another region's keys.
// docs/decisions/0012.
#pragma once

#include "cli/context.h"

#include <optional>
#include <string>

namespace signet::cli {

/// What the given keyrings, or the keyrings of replicas that the own one names, know of a repository's place as one
/// that was made a replica. Nothing: it is none to them. One that cannot be read now is passed over.
[[nodiscard]] std::optional<keyring::ReplicaPlace> replica_at(Context& context, const storage::Repository& repository);

/// Whether it is one that nobody promoted.
[[nodiscard]] bool is_replica(Context& context, const storage::Repository& repository);

/// Whose default wraps there: of the region for which the own keyring knows the place, else of config.json.
[[nodiscard]] keyring::ProtectorRegion region_of(Context& context, const storage::Repository& repository);

/// throws  Error{refused}: the place of --repo is a replica, and entries are made in the primary alone
void require_primary(Context& context);

/// Opens a repository elsewhere and holds it to what the keyrings know of it and of its place.
/// throws  Error{no_repository}, Error{damaged}, Error{unsupported}; Error{refused}: not what they know
[[nodiscard]] storage::Repository open_elsewhere(Context& context, std::shared_ptr<storage::Store> store);

}  // namespace signet::cli
