// The largest sizes a reader believes (docs/format.md section 13). Checked before any allocation.
#pragma once

#include <cstddef>
#include <cstdint>

namespace signet::format {

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;

inline constexpr std::size_t kMaxConfig = 4 * kKiB;
inline constexpr std::size_t kMaxSlot = 8 * kKiB;
inline constexpr std::size_t kMaxEntryPart = 16 * kMiB;
inline constexpr std::size_t kMaxEntry = 20 + 2 * kMaxEntryPart + 64;
inline constexpr std::size_t kMaxIndexObject = 64 * kMiB;
inline constexpr std::size_t kMaxIndexRaw = 64 * kMiB;
inline constexpr std::size_t kMaxPack = 80 * kMiB;
inline constexpr std::size_t kMaxFrames = 65'535;
inline constexpr std::size_t kMaxDirectorySealed = 16 * kMiB;
inline constexpr std::size_t kMaxDirectoryRaw = 64 * kMiB;
inline constexpr std::size_t kMaxFrameRaw = kMiB;
inline constexpr std::size_t kMaxEscrow = 64 * kKiB;
inline constexpr std::uint64_t kMaxScryptWork = 1U << 23;  // N * r * p
inline constexpr std::size_t kMaxDepth = 4096;
inline constexpr unsigned kMaxContentLevel = 4;
inline constexpr std::size_t kMaxReferences = 65'536;
inline constexpr std::size_t kMaxTreeEntry = 4 * kMiB;
inline constexpr std::size_t kMaxName = 255;
inline constexpr std::size_t kMaxTarget = 65'535;
inline constexpr std::size_t kMaxXattrValue = 65'536;
inline constexpr std::size_t kMaxXattrs = 1024;
inline constexpr std::size_t kMaxExtents = 65'536;
inline constexpr std::size_t kMaxSlotsInEntry = 64;
inline constexpr std::size_t kMaxPredecessors = 16;
inline constexpr std::size_t kMaxLocation = 1024;
inline constexpr std::size_t kMaxWrapped = 4096;
inline constexpr std::size_t kMaxProblems = 1000;
inline constexpr std::size_t kMaxStatements = 1000;
inline constexpr std::size_t kMaxTombstones = 65'536;
inline constexpr std::size_t kMaxSeenJournals = 65'536;
inline constexpr std::size_t kMaxObeyed = 64;
inline constexpr std::size_t kMaxPolicyValues = 256;
inline constexpr std::uint64_t kMaxLogsInEpoch = 65'536;
inline constexpr std::size_t kMaxLogReleases = 65'536;
inline constexpr std::uint64_t kMaxLogSize = std::uint64_t{64} * 1024 * kMiB;
inline constexpr std::size_t kMaxLogTrailer = 64 * kKiB;
inline constexpr std::size_t kMaxClosedEpochs = 1024;
inline constexpr std::size_t kMaxSwitches = 4096;                     // timelines in a history
inline constexpr std::uint64_t kMaxSequence = 9'999'999'999;          // ten decimal digits
inline constexpr std::uint64_t kMaxFileSize = 0x7fff'ffff'ffff'ffff;  // octets of a content, or of a file with holes

}  // namespace signet::format
