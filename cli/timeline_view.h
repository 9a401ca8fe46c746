// Coverage drawn: one lane a series, one band a protector, gaps where nothing can be restored.
#pragma once

#include "cli/context.h"

#include <vector>

namespace signet::cli {

/// From the first moment of any lane to the last.
struct Stretch {
    TimePoint from, to;
};
/// lanes  one at least
[[nodiscard]] Stretch stretch_of(const std::vector<restore::Plan>& lanes);

/// One object: the fields of a plan over all lanes, and each lane's own plan in "lanes".
[[nodiscard]] Json timeline_json(const std::vector<restore::Plan>& lanes);

/// Draws the lanes, `width` columns wide at most.
void print_timeline(Terminal& terminal, const std::vector<restore::Plan>& lanes, std::size_t width);

}  // namespace signet::cli
