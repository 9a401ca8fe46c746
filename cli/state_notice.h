// Who is told of the state of access: commands and a webhook, once for each change, and again while it is not well.
#pragma once

#include "cli/access.h"

#include <vector>

namespace signet::cli {

/// --on-state-change, --webhook, --webhook-ca, --remind-every, for the commands that look.
[[nodiscard]] std::vector<OptionSpec> state_notice_options();

/// Tells each of them what it was not told yet, and what it is to be reminded of. Nothing that goes wrong here is more
/// than a warning; it is told again the next time.
void tell_of_state(Context& context, const Access& access);

}  // namespace signet::cli
