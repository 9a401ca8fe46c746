// What is kept of objects beside their names: copies that were set aside as damaged, and what was rebuilt of index
// segments (docs/format.md section 18). It goes when the object goes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signet::restore {

/// The object of whose octets or content something is kept under this name; nothing for all other names.
[[nodiscard]] std::optional<std::string> remains_of(std::string_view name);

}  // namespace signet::restore
