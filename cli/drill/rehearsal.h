// One backup or moment: planned, restored, compared and checked, with a stop-watch.
#pragma once

#include "cli/drill/record.h"
#include "cli/drill/sampling.h"
#include "cli/drill/scratch.h"
#include "cli/drill/selecting.h"

#include <chrono>
#include <optional>
#include <string>

namespace signet::cli {

struct RehearsalOptions {
    std::optional<DrillSample> sample;
    bool compare_source = false;
    std::optional<std::string> check_command;
    std::chrono::nanoseconds check_limit = std::chrono::hours(1);
};

/// Restores to scratch.restored(), where nothing may be. What goes wrong is in what is returned.
/// throws  Error{interrupted}
[[nodiscard]] DrillCase rehearse(Context& context, const DrillTarget& target, const RehearsalOptions& options,
                                 const DrillScratch& scratch);

}  // namespace signet::cli
