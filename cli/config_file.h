// The configuration file: an INI file in which every flag can stand.
//
//   repo = /srv/backup          before any section, or in [global]: for every command
//   [backup]                    for one command; its words are those of the command ("[key create]")
//   path = /home                the arguments, where a command takes a list of them
//   exclude = *.tmp             may be repeated
#pragma once

#include "cli/command.h"

#include <string>
#include <vector>

namespace signet::cli {

struct ConfigValue {
    std::string name;
    std::string value;
    std::string section;  ///< empty: for every command
};

/// What a file says for one command: its section first, then what holds for every command.
/// Every line of the file is checked, also those of other sections.
/// throws  Error{usage}: the file cannot be read or parsed; an unknown section or option; a repeated single value
[[nodiscard]] std::vector<ConfigValue> read_config(const std::string& path, const Command& command);

}  // namespace signet::cli
