// The public part of an entry of any kind, looked through once: whether it is what its kind demands.
#pragma once

#include "format/entry.h"

namespace signet::format {

/// A journal is believed up to its first entry that this refuses (docs/format.md section 5).
/// throws  Error{damaged}, Error{unsupported}: the fields of sections 6, 7 and 16 are not as they have to be
void check_fields(const SignedEntry& entry);

}  // namespace signet::format
