// Whether the target has room for what a restore announces, known before the first octet is written.
#pragma once

#include "restore/extractor.h"
#include "restore/tree_walk.h"

#include <cstdint>

namespace signet::restore {

/// What a backup says of its own size, and holds to while it is walked.
class SpaceGuard {
public:
    SpaceGuard() = default;
    SpaceGuard(std::uint64_t room, std::uint64_t claimed) : room_(room), claimed_(claimed) {}
    /// Takes the octets of a file that is about to be made. A backup whose statistics say little and whose tree is
    /// larger than the target must not fill it.
    /// throws  Error{damaged}: more than it says it holds, and more than there is room for
    void announce(std::uint64_t octets);

private:
    std::uint64_t room_ = UINT64_MAX;
    std::uint64_t claimed_ = UINT64_MAX;
    std::uint64_t announced_ = 0;
};

/// Compares what would be written with what is free on each file system of the target. Holes and files that stay as
/// they are need nothing, further names of one file nothing more, and what is replaced gives its room back. The tree is
/// walked only where the backup as a whole would not fit; with --sparse, or where a file system does not tell, nothing
/// is compared.
/// throws  Error{failed}: not enough room; nothing was made
[[nodiscard]] SpaceGuard check_space(OpenBackup& backup, const RestoreRequest& request, const format::Entry& root,
                                     const PathFilter& filter);

}  // namespace signet::restore
