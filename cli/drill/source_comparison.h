// What was restored beside what the source holds now. The source is only read.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace signet::cli {

struct SourceComparison {
    std::uint64_t same = 0;       ///< files with the same octets
    std::uint64_t changed = 0;    ///< files whose size, time or kind tells that they changed since, or that are gone
    std::uint64_t different = 0;  ///< files with the size and the time of the backup, and other octets
};

/// Compares every file below `restored` with the one at the same path of this machine.
/// on_difference  takes the path of each that is different
/// throws  Error{interrupted}; Error{io}: what was restored cannot be read
[[nodiscard]] SourceComparison compare_with_source(const std::string& restored, const std::atomic<bool>& interrupted,
                                                   const std::function<void(const std::string&)>& on_difference);

}  // namespace signet::cli
