// Whether octets in memory are still what they were: against memory and processors that fail, not against anybody. Fast
// enough to be asked at every step of the way from a file to a pack.
#pragma once

#include "core/bytes.h"

#include <cstdint>

namespace signet {

/// Any one altered octet gives another sum, and any other accident does so but for one in about 2^64.
[[nodiscard]] std::uint64_t fault_sum(ByteView octets) noexcept;

}  // namespace signet
