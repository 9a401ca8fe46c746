// Opening what has a name in an open folder, and nothing else.
#pragma once

#include "core/file.h"

#include <string>

namespace signet {

/// Opens what has a name in an open folder, and never what a link leads to, even one that comes to its place at this
/// very moment: the kernel resolves it beneath the folder (openat2) where it knows how, else one component without
/// following. name   one component. flags  as of open(2); O_NOFOLLOW and O_CLOEXEC are added. mode  for O_CREAT returns
/// none, with errno set; ELOOP or ENOTDIR: a link has that name
[[nodiscard]] UniqueFd open_beneath(int folder_fd, const std::string& name, int flags, mode_t mode = 0);

}  // namespace signet
