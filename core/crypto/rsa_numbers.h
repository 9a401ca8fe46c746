// The numbers of an RSA private key, for devices that take a key in by its parts.
#pragma once

#include "core/crypto/rsa.h"
#include "core/secret.h"

namespace signet::crypto {

/// Big-endian, without leading zero octets (RFC 8017, section 3.2). All of them are as secret as the key.
struct RsaNumbers {
    SecretBytes modulus;
    SecretBytes public_exponent;
    SecretBytes private_exponent;
    SecretBytes prime_1;
    SecretBytes prime_2;
    SecretBytes exponent_1;   ///< d mod (p - 1)
    SecretBytes exponent_2;   ///< d mod (q - 1)
    SecretBytes coefficient;  ///< the inverse of q mod p
};

/// throws  Error{refused}: a key of more than two primes
[[nodiscard]] RsaNumbers numbers_of(const RsaPrivateKey& key);

}  // namespace signet::crypto
