// What the parts of the planner share; for plan.cpp and planner_keys.cpp alone.
#pragma once

#include <string>

namespace signet::restore {

/// The key's name in a location: "prod-2025" of "local:prod-2025/1".
[[nodiscard]] std::string name_in(const std::string& location);

}  // namespace signet::restore
