// The first look at the words of a command line: which command, which options, which arguments.
#pragma once

#include "cli/command.h"

#include <string>
#include <vector>

namespace signet::cli {

struct SplitWords {
    std::string command;               ///< "key create"; empty: none was given
    std::vector<std::string> options;  ///< in their long form, with the value joined to it: "--repo=DIR"
    std::vector<std::string> arguments;
    std::vector<std::string> after_dashes;
};

/// Finds the command among options that may stand before and after it. Options keep their order; one that takes a value
/// takes the next word, whatever it looks like ("--at -2d").
/// throws  Error{usage}: an unknown command, or an unknown option before the command
[[nodiscard]] SplitWords split_words(const std::vector<std::string>& words);

}  // namespace signet::cli
