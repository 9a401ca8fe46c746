// How the links of a keyring are shown.
#pragma once

#include "cli/context.h"

namespace signet::cli {

/// thumbprint, name, role, region, locations, status, and what else is known.
[[nodiscard]] Json link_json(const keyring::Link& link, const keyring::ProtectorReport& report);
/// Asks the vaults; never unwraps.
[[nodiscard]] Json link_json(Context& context, const keyring::Link& link);

/// What linking did, as the result of a command.
void print_link_report(Context& context, const keyring::LinkReport& report);

}  // namespace signet::cli
