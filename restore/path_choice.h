// Which paths a restore, a listing or a dump wants: chosen paths, patterns to include, patterns to exclude.
#pragma once

#include "core/pattern.h"
#include "restore/tree_walk.h"

#include <string>
#include <vector>

namespace signet::restore {

/// "/a//b/" becomes "/a/b". throws  Error{usage}: not absolute, or with "." or ".." in it
[[nodiscard]] std::string normal_path(std::string_view path);

/// A path is wanted when it is one of `paths` or below one (all, when there are none), matches `includes` (unless that
/// is empty) and does not match `excludes`. The lists are copied.
[[nodiscard]] PathFilter choose_paths(const std::vector<std::string>& paths, const PatternList& includes,
                                      const PatternList& excludes);

}  // namespace signet::restore
