// The whole way of a restore, for octets that are the content of a backup's folder.
#pragma once

#include "core/bytes.h"

namespace signet::fuzz {

/// Makes a backup whose root folder has this content, as a writer could who wants to do harm, and restores it.
/// Aborts when anything outside the target was touched.
void restore_tree(ByteView octets);

}  // namespace signet::fuzz
