// What a command is: its words, its texts, its options, and the function that does it.
#pragma once

#include "cli/exit_code.h"
#include "cli/option.h"

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace signet::cli {

class Context;

/// One line of a manual's examples.
struct Example {
    std::string command;
    std::string purpose;
};

/// What the words after the options mean.
struct Arguments {
    static constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();
    std::string name;  ///< in messages, and as a key of the configuration: "path"
    std::size_t least = 0;
    std::size_t most = 0;
};

/// What --dry-run means to a command.
enum class DryRun {
    nothing_to_change,  ///< the command only looks
    honoured,           ///< it says what it would do
    not_offered,        ///< it changes something and cannot rehearse that: refused
};

struct Command {
    std::string name;      ///< "backup", "key create"
    std::string synopsis;  ///< after the name: "PATH… [--series S]"
    std::string summary;   ///< one line, no capital, no full stop
    std::string description;
    std::vector<OptionSpec> options;
    Arguments arguments;
    std::vector<Example> examples;
    DryRun dry_run = DryRun::nothing_to_change;
    ExitCode (*run)(Context&) = nullptr;

    [[nodiscard]] const OptionSpec* find_option(std::string_view long_name) const;
};

/// All commands, in the order of the manual.
[[nodiscard]] const std::vector<Command>& commands();
/// By its full name; nullptr when there is none.
[[nodiscard]] const Command* find_command(std::string_view name);
/// Whether a word starts commands of two words ("key", "keyring", "log", "drill").
[[nodiscard]] bool is_group(std::string_view word);
/// Commands that a later release brings: known words, not unknown ones.
[[nodiscard]] bool is_planned(std::string_view name);
/// What users of other tools call it, or the nearest name: "did you mean …", empty when nothing is near.
[[nodiscard]] std::string suggest_command(std::string_view word);
/// The nearest of some names, or empty.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& names);

}  // namespace signet::cli
