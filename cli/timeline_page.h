// Coverage as a picture: an SVG chart, and a page of HTML around it that needs nothing else. Lanes per series, bands
// per protector, gaps in red.
#pragma once

#include "restore/plan.h"

#include <string>
#include <vector>

namespace signet::cli {

/// A whole SVG document. Times in UTC.
[[nodiscard]] std::string timeline_svg(const std::vector<restore::Plan>& lanes);
/// A whole HTML document: the chart, and the same in tables. made  when, for its foot
[[nodiscard]] std::string timeline_html(const std::vector<restore::Plan>& lanes, TimePoint made);

}  // namespace signet::cli
