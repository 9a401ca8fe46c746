// What a backup leaves out.
#pragma once

#include "core/pattern.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace signet::backup {

struct ExcludeRules {
    PatternList patterns;                 ///< --exclude, --iexclude, --exclude-file; matched against absolute paths
    bool caches = false;                  ///< contents of folders with a valid CACHEDIR.TAG, but for that file
    std::vector<std::string> if_present;  ///< "NAME" or "NAME:HEADER": contents of folders that hold such a file
    std::optional<std::uint64_t> larger_than;  ///< regular files over this many octets

    /// Whether the folder's contents are left out, because of a marker file in it.
    /// folder_fd  open folder. returns  the marker's name, empty when there is none
    [[nodiscard]] std::string marker_in(int folder_fd) const;
};

}  // namespace signet::backup
