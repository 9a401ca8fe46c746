// Small files that the user names, also those of a shell's <(…) and /dev/stdin.
#pragma once

#include "core/file.h"

#include <string>

namespace signet::cli {

/// Opens for reading. A name that stands for one of our descriptors is that descriptor: opening it through /proc would
/// be refused to us, since our memory is nobody's business. throws  Error{usage}: "cannot read <what> <path>: …"
[[nodiscard]] UniqueFd open_input(const std::string& path, const std::string& what);

/// Everything in it. throws  Error{usage}: also over 64 MiB
[[nodiscard]] std::string read_input(const std::string& path, const std::string& what);

}  // namespace signet::cli
