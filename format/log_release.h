// Log release entries: logs that may go (docs/format.md section 16).
#pragma once

#include "format/entry.h"

#include <vector>

namespace signet::format {

/// Of one epoch.
struct LogRelease {
    IdentityId writer;  ///< whose journal opens the epoch
    DekId epoch;
    std::uint64_t kept_from = 0;  ///< logs with lower numbers may go; 2 to kMaxLogsInEpoch + 1
    friend bool operator==(const LogRelease&, const LogRelease&) = default;
};

/// The public part of kind 12, after the common fields.
struct LogReleaseFields {
    std::vector<LogRelease> releases;  ///< 1 to kMaxLogReleases, ascending by (writer, epoch)
    [[nodiscard]] Bytes encode() const;
    /// throws  Error{damaged}
    [[nodiscard]] static LogReleaseFields decode(ByteView fields, std::string_view what);
};

}  // namespace signet::format
