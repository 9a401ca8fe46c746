// The manual: made from what each command says of itself.
#pragma once

#include "cli/command.h"

#include <string>

namespace signet::cli {

/// All commands with their summaries. group  only those of one group; empty: all
[[nodiscard]] std::string overview(std::string_view group = {});
/// One command: synopsis, description, options, examples, exit codes.
[[nodiscard]] std::string manual(const Command& command);
/// One command as a man page (roff, man macros).
[[nodiscard]] std::string man_page(const Command& command);
/// The page signet(1).
[[nodiscard]] std::string man_overview();

}  // namespace signet::cli
