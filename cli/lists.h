// Files that hold lists: of paths to back up, of patterns.
#pragma once

#include <string>
#include <vector>

namespace signet::cli {

/// Lines of a file ("-": standard input), without line ends. throws  Error{usage}: it cannot be read
[[nodiscard]] std::vector<std::string> read_lines(const std::string& path, char separator = '\n');

/// Patterns of an --exclude-file: empty lines and those that start with '#' do not count, blanks around are cut off,
/// and $NAME and ${NAME} stand for variables ($$ for a dollar).
[[nodiscard]] std::vector<std::string> read_patterns(const std::string& path);

/// Paths of a --files-from: empty lines and those that start with '#' do not count; wildcards are expanded as a shell
/// does.
[[nodiscard]] std::vector<std::string> read_paths(const std::string& path);

/// $NAME and ${NAME} replaced by the variables' values.
[[nodiscard]] std::string expand_variables(const std::string& text);

}  // namespace signet::cli
