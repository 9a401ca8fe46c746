// Enabling and disabling keys.
#pragma once

#include "cli/context.h"

namespace signet::cli {

/// What `key enable` and `key disable` do with the key of the first argument.
[[nodiscard]] ExitCode set_key_enabled(Context& context, bool enabled);

}  // namespace signet::cli
