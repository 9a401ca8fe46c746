// Options: what they are called, what they take, and what was given.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace signet::cli {

enum class Takes {
    nothing,  ///< a switch
    count,    ///< a switch whose repetitions count: -vv
    one,      ///< a value
    many,     ///< a value, and the option may be repeated
};

struct OptionSpec {
    std::string name;  ///< long name without dashes
    char letter = 0;   ///< short name; 0: none
    Takes takes = Takes::nothing;
    std::string value_name = {};  ///< in help: "DIR"
    std::string help = {};
    bool adds_up = false;  ///< values of the configuration come in addition to those of the command line

    [[nodiscard]] bool takes_value() const { return takes == Takes::one || takes == Takes::many; }
    /// "--repo", for messages.
    [[nodiscard]] std::string dashed() const { return "--" + name; }
};

/// The options that every command has.
[[nodiscard]] const std::vector<OptionSpec>& global_options();

}  // namespace signet::cli
