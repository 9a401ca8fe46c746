// Checkpoints on the command line: --checkpoint, --checkpoint-file.
#pragma once

#include "cli/context.h"
#include "cli/json.h"
#include "restore/checkpoint.h"

#include <string>
#include <vector>

namespace signet::cli {

/// --checkpoint LINE|FILE, for commands that compare.
[[nodiscard]] OptionSpec checkpoint_option();
/// What was given with it, lines and files alike. throws  Error{usage}: no checkpoint, or a file that cannot be read
[[nodiscard]] std::vector<restore::Checkpoint> given_checkpoints(const Options& options);
/// Adds a line to a file, durably; an empty one only tries whether that could be done. throws  Error{io}
void append_line(const std::string& path, const std::string& line);
/// {"identity", "sequence", "entry", "time", "line"}
[[nodiscard]] Json checkpoint_json(const restore::Checkpoint& checkpoint);

}  // namespace signet::cli
