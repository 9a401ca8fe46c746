// Writes one file of a backup, or a folder as a tar, to a descriptor. Every chunk is verified before it is released.
#pragma once

#include "restore/extractor.h"

#include <atomic>
#include <string>

namespace signet::restore {

struct DumpRequest {
    std::string path = "/";  ///< in the backup; for a stream backup "/" is the stream itself
    int fd = 1;
    bool plain = false;  ///< of a tar: no owners, xattrs, ACLs
    int jobs = 0;        ///< threads that decode ahead; 0: one a processor
    const std::atomic<bool>* interrupted = nullptr;
    RestoreProgress* progress = nullptr;
    /// What a tar cannot hold (a socket).
    std::function<void(const std::string& path, const std::string& message)> on_warning;
};

struct DumpReport {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;  ///< of contents
    std::uint64_t skipped = 0;
    bool is_tar = false;
};

/// A file as it is; a folder as a pax tar with extended attributes, ACLs, holes and hard links; a symbolic link as the
/// file it is (its target path is refused: Error{usage}).
/// throws  Error{usage}: no such path; Error{damaged}, Error{key_unavailable}; Error{io}; Error{interrupted}. What was
///         written before is a verified beginning and not the whole
[[nodiscard]] DumpReport dump(OpenBackup& backup, const DumpRequest& request);

}  // namespace signet::restore
