// Ed25519 signing keys (RFC 8032) of writers and officers.
#pragma once

#include "core/id.h"
#include "core/secret.h"

#include <array>

namespace signet::crypto {

using Signature = std::array<std::uint8_t, 64>;

/// The public half: 32 octets.
struct VerifyKey {
    std::array<std::uint8_t, 32> octets{};
    /// SHA-256 of the DER SubjectPublicKeyInfo (44 octets: 302a300506032b6570032100 and the key).
    [[nodiscard]] IdentityId identity() const;
    /// Strict verification as OpenSSL does it (RFC 8032 section 5.1.7: S < L is required).
    [[nodiscard]] bool verify(ByteView message, const Signature& signature) const;
    friend bool operator==(const VerifyKey&, const VerifyKey&) = default;
};

/// The private half: a seed of 32 octets.
class SigningKey {
public:
    [[nodiscard]] static SigningKey generate();
    [[nodiscard]] static SigningKey from_seed(SecretBytes seed);
    [[nodiscard]] const SecretBytes& seed() const { return seed_; }
    [[nodiscard]] const VerifyKey& verify_key() const { return verify_key_; }
    [[nodiscard]] Signature sign(ByteView message) const;

private:
    SigningKey() = default;
    SecretBytes seed_;
    VerifyKey verify_key_;
};

}  // namespace signet::crypto
