// The command line, the variables and the configuration file together: what was asked for.
#pragma once

#include "cli/command.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signet::cli {

/// What was given, after all sources were merged: the command line before the variables before the configuration.
class Options {
public:
    [[nodiscard]] bool flag(std::string_view name) const;
    [[nodiscard]] int count(std::string_view name) const;
    [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
    [[nodiscard]] std::string text_or(std::string_view name, std::string fallback) const;
    [[nodiscard]] std::vector<std::string> list(std::string_view name) const;
    /// throws  Error{usage}: not a whole number from `least` to `most`
    [[nodiscard]] std::optional<std::uint64_t> integer(std::string_view name, std::uint64_t least,
                                                       std::uint64_t most) const;
    /// "90s", "5m", "2h"; also plain seconds. throws  Error{usage}
    [[nodiscard]] std::optional<double> seconds(std::string_view name) const;
    /// The words that are no options.
    [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }
    /// The words after "--", which are also the last of arguments().
    [[nodiscard]] const std::vector<std::string>& after_dashes() const { return after_dashes_; }
    /// throws  Error{usage}: more than one of these was given
    void refuse_together(std::initializer_list<std::string_view> names) const;
    /// Whether an option was given by any source.
    [[nodiscard]] bool given(std::string_view name) const;
    /// The configuration file that was read; empty when there was none.
    [[nodiscard]] const std::string& config_file() const { return config_file_; }
    /// Name and value of everything that was given, and where: for `signet config`.
    struct Given {
        std::string name;
        std::vector<std::string> values;
        std::string source;  ///< "command line", "SIGNET_VAULT", "/etc/signet.ini [backup]"
    };
    [[nodiscard]] const std::vector<Given>& sources() const { return given_; }

private:
    friend class OptionParser;
    struct Value {
        int count = 0;  ///< of a switch
        std::vector<std::string> texts;
    };
    [[nodiscard]] const Value* find(std::string_view name) const;
    std::map<std::string, Value, std::less<>> values_;
    std::vector<std::string> arguments_;
    std::vector<std::string> after_dashes_;
    std::string config_file_;
    std::vector<Given> given_;
};

/// What the words of a command line ask for.
struct Invocation {
    const Command* command = nullptr;  ///< nullptr: help without a command
    bool help = false;
    std::string planned;  ///< a known word that a later version brings
    Options options;
};

/// Splits off the command, merges all sources, checks the number of arguments.
/// words  without the program's name
/// throws  Error{usage}: unknown command or option, missing value, too many sources of a passphrase, …; always with a
/// hint
[[nodiscard]] Invocation parse_command_line(const std::vector<std::string>& words);

/// Whether --json or --quiet stand among the words: needed to report even what parse_command_line refuses.
[[nodiscard]] bool has_word(const std::vector<std::string>& words, std::string_view word);

}  // namespace signet::cli
