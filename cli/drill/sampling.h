// A part of a backup, chosen by chance.
#pragma once

#include "restore/opener.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

/// --sample: so many files, or such a part of them.
struct DrillSample {
    std::uint64_t files = 0;
    std::optional<double> part;  ///< of 1
};
/// "100", "5%". throws  Error{usage}
[[nodiscard]] DrillSample parse_drill_sample(const std::string& text);

/// At most this many are chosen.
inline constexpr std::uint64_t kMostSampled = 10'000;

/// Paths of files, each as likely as any other; one at least where there is any. A file with several names has one.
[[nodiscard]] std::vector<std::string> sample_files(restore::OpenBackup& backup, const DrillSample& sample,
                                                    const std::atomic<bool>* interrupted);

}  // namespace signet::cli
