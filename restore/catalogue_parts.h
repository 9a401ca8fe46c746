// Words that the parts of the catalogue share; for catalogue*.cpp alone.
#pragma once

#include "core/error.h"
#include "format/entry.h"
#include "format/names.h"

#include <string>

namespace signet::restore {

/// The object's name, for messages.
[[nodiscard]] inline std::string name_of(const format::SignedEntry& entry) {
    return format::journal_name(entry.identity, entry.head.sequence);
}

/// Whether it is a finding about the object, and not a failure to read it.
[[nodiscard]] inline bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

}  // namespace signet::restore
