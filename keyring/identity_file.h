// Inside keyring/ only: a few secrets of 32 octets in a text file of mode 0600.
//
//   signet-writer 1
//   seed 0123…
//   secret 4567…
//   sum 89ab…      SHA-256 of the lines above
#pragma once

#include "core/secret.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace signet::keyring {

using IdentitySecrets = std::map<std::string, SecretBytes>;

/// kind  "signet-writer"
void write_identity_file(const std::string& path, const std::string& kind, const IdentitySecrets& secrets);
/// returns  nothing when there is no file
/// throws  Error{refused}: others than the owner can read it; Error{damaged}; Error{unsupported}
[[nodiscard]] std::optional<IdentitySecrets> read_identity_file(const std::string& path, const std::string& kind,
                                                                const std::vector<std::string>& names);

}  // namespace signet::keyring
