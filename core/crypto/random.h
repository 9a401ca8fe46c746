// Randomness from OpenSSL's generator.
#pragma once

#include "core/id.h"
#include "core/secret.h"

namespace signet::crypto {

/// Fills with random octets. throws  Error{failed}: the generator has no entropy
void random_fill(MutableByteView out);
[[nodiscard]] SecretBytes random_secret(std::size_t size);
template <class IdType>
[[nodiscard]] IdType random_id() {
    IdType id;
    random_fill(id.octets);
    return id;
}

}  // namespace signet::crypto
