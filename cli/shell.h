// What goes into command lines that others will run.
#pragma once

#include <string>

namespace signet::cli {

/// One word for sh, whatever stands in it.
[[nodiscard]] std::string in_shell(const std::string& text);

/// Where this program is, so that what it writes down runs the same one.
[[nodiscard]] std::string own_path();

}  // namespace signet::cli
