// Sizes as people write them.
#pragma once

#include <cstdint>
#include <string_view>

namespace signet::cli {

/// "500", "10k", "1.5M", "2GiB": powers of 1024. throws  Error{usage}
[[nodiscard]] std::uint64_t parse_size(std::string_view text);

}  // namespace signet::cli
