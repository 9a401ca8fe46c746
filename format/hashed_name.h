// What the name of an object says of its octets (docs/format.md sections 1 and 13).
#pragma once

#include "core/id.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace signet::format {

/// An object whose name holds the SHA-256 of its octets: slots, packs, index segments, what stands for these, escrow.
struct HashedName {
    Digest content;
    std::uint64_t most_octets = 0;  ///< that an object of its kind can have
};
/// Nothing for other objects, and for what is none.
[[nodiscard]] std::optional<HashedName> parse_hashed_name(std::string_view name);

}  // namespace signet::format
