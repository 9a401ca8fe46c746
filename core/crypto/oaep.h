// Removing the padding of RSA-OAEP with SHA-256 and MGF1-SHA-256 (RFC 8017 section 7.1.2, step 3), empty label, where a
// token computes the bare RSA operation only.
#pragma once

#include <optional>

#include "core/secret.h"

namespace signet::crypto {

/// encoded  what the private operation gave; shorter than the modulus is right where a token leaves
///          out leading zeros
/// modulus_size  octets of the key's modulus
/// returns  the message; nothing when the padding is not right, without telling why and in constant time
[[nodiscard]] std::optional<SecretBytes> remove_oaep(ByteView encoded, std::size_t modulus_size);

}  // namespace signet::crypto
