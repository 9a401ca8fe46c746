// keyring.json as octets say it: what a keyring knows, written and read again.
#pragma once

#include "keyring/keyring.h"
#include "keyring/state_file.h"

namespace signet::keyring {

/// The body of keyring.json.
[[nodiscard]] Json encode(const Keyring::Content& content);
/// Whether there is at most one default per provider and region, and no thumbprint twice.
[[nodiscard]] bool is_consistent(const std::vector<Link>& links);
/// Also from files of earlier versions. what  the file, for messages
/// throws  Error{damaged}: a field is missing or not what it must be, or the links contradict each other
[[nodiscard]] Keyring::Content decode_content(const Json& body, std::string_view what);

}  // namespace signet::keyring
