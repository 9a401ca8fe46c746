// scrypt (RFC 7914): a passphrase becomes a key.
#pragma once

#include "core/secret.h"

namespace signet::crypto {

/// Cost of one derivation. Stored beside what it protects; limits are checked before any memory is taken.
struct ScryptCost {
    std::uint8_t log2_n = 16;  ///< 10..20
    std::uint8_t r = 8;        ///< 1..32
    std::uint8_t p = 1;        ///< 1..16; memory is 128 * r * 2^log2_n octets, at most 1 GiB
    friend bool operator==(const ScryptCost&, const ScryptCost&) = default;
};

/// returns  `size` octets. throws  Error{damaged}: a cost outside its limits
[[nodiscard]] SecretBytes scrypt(ByteView passphrase, ByteView salt, const ScryptCost& cost, std::size_t size);

}  // namespace signet::crypto
