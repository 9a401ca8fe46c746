#include "cli/shell.h"

#include <unistd.h>
#include <array>
#include <climits>

namespace signet::cli {

std::string in_shell(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

std::string own_path() {
    std::array<char, PATH_MAX> path{};
    const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
    return size <= 0 || static_cast<std::size_t>(size) == path.size()
               ? std::string("signet")
               : std::string(path.data(), static_cast<std::size_t>(size));
}

}  // namespace signet::cli
