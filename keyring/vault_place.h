// Whether a local vault that gives no answer is out of reach, or gone for good.
//
// A folder that is not there looks the same when its disk is not mounted and when somebody has deleted it. What tells
// them apart is the file system: a vault that was seen on one, and is missing while that same file system is there, has
// been taken away. That is a decision, and no twin undoes it.
#pragma once

#include <string>
#include <string_view>

#include "keyring/location.h"

namespace signet::keyring {

/// Where the vault of a local location is, as an absolute path; empty for other locations.
[[nodiscard]] std::string vault_folder(const Location& location, const std::string& default_folder);

/// Whether a folder has no vault: the file is not there, nor anything that keeps it from being looked at.
[[nodiscard]] bool is_vault_missing(const std::string& folder);

/// How the system knows the file system that holds a folder, or the nearest folder above it that is there. The same
/// after a restart for ext4, btrfs and ZFS; for others perhaps another one, which counts as out of reach. NFS and FUSE
/// have no id: there it is what was mounted, "nfs4 server:/export".
/// returns  empty where it cannot be told
[[nodiscard]] std::string file_system_of(const std::string& folder);

/// Type and source of a file system, in the words of /proc/self/mountinfo. device  "0:53"; returns  empty: not mounted
[[nodiscard]] std::string mounted_as(std::string_view mountinfo, std::string_view device);

}  // namespace signet::keyring
