// Coverage drawn: one lane a series, one band a protector, gaps where nothing can be restored.
#pragma once

#include "cli/context.h"

#include <vector>

namespace signet::cli {

/// Of a text the beginning and the end, `longest` characters with "…" between them; the whole where it is not longer.
[[nodiscard]] std::string shortened(const std::string& text, std::size_t longest);

/// What a lane's protector is called: its name, and its thumbprint where it has none.
[[nodiscard]] std::string name_of(const restore::RequiredProtector& protector);

/// "blocked by sha256:…, …", or what is damaged.
[[nodiscard]] std::string reason_of(const restore::CoverageInterval& gap);

/// From the first moment of any lane to the last.
struct Stretch {
    TimePoint from, to;
};
/// lanes  one at least
[[nodiscard]] Stretch stretch_of(const std::vector<restore::Plan>& lanes);

/// One object: the fields of a plan over all lanes, and each lane's own plan in "lanes". A protector's `moments` are
/// those of its first lane.
[[nodiscard]] Json timeline_json(const std::vector<restore::Plan>& lanes);

/// Draws the lanes, `width` columns wide at most.
void print_timeline(Terminal& terminal, const std::vector<restore::Plan>& lanes, std::size_t width);

}  // namespace signet::cli
