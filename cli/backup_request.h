// From the options of `backup` to a request for the engine.
#pragma once

#include "backup/backup.h"
#include "cli/context.h"

#include <string>
#include <vector>

namespace signet::cli {

/// The options of `backup` itself.
[[nodiscard]] std::vector<OptionSpec> backup_options();

/// Everything of a request but streams, callbacks and flags of the moment.
/// throws  Error{usage}: contradictory or malformed
[[nodiscard]] backup::BackupRequest backup_request(const Context& context);

/// "auto", "off", "max" or a zstd level from 1 to 22. throws  Error{usage}
[[nodiscard]] int compression_level(const std::string& text);

}  // namespace signet::cli
