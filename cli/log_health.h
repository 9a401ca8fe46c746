// How far the logs of a series lead, for monitors.
#pragma once

#include "cli/context.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

struct LogHealth {
    std::uint64_t logs = 0;
    std::optional<TimePoint> newest;        ///< of modification; none where there is no log
    std::uint64_t gaps = 0;                 ///< stretches that are missing
    std::vector<std::string> stored_again;  ///< sentences about what was lost and is there again
    /// Whether base and logs lead to the last moment with the keys at hand; of a series without bases true.
    bool restorable = true;
    std::optional<Error> problem;  ///< why not, or what is missing
};

/// Of one series; nothing where it has neither logs nor bases. Asks vaults to describe, never to unwrap.
/// newest  the newest trusted backup of the series. throws  Error{io}
[[nodiscard]] std::optional<LogHealth> log_health(Context& context, const restore::Backup& newest);

}  // namespace signet::cli
