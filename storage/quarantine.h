// Objects that are not what their names say, set aside (docs/format.md section 18): kept, because part of one may still
// be readable, and out of the way, so that a good copy can take the name.
#pragma once

#include "format/hashed_name.h"
#include "storage/store.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signet::storage {

/// Moves an object whose name holds its SHA-256 to the quarantine: its octets as they are found are there, durable and
/// read back, before it is removed; of one that is longer than its kind can be, as many as can be. Stopped in between,
/// it is in both places, and the next call ends it.
/// hashed  what its name says
/// returns  the name that it has now; nothing when it reads as it should after all, or is gone: then nothing is done
/// throws   Error{io}: it cannot be read whole, and stays; or the store refuses
[[nodiscard]] std::optional<std::string> set_aside(Store& store, std::string_view name,
                                                   const format::HashedName& hashed);

/// Moves an object to the quarantine although its octets are what its name says: what they say is no good.
std::string set_aside_as_found(Store& store, std::string_view name, const format::HashedName& hashed);

/// What was set aside under an object's name, the longest first. throws  Error{io}
[[nodiscard]] std::vector<ObjectInfo> quarantined(const Store& store, std::string_view name);

}  // namespace signet::storage
