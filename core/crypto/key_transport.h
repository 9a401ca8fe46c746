// CKM_RSA_AES_KEY_WRAP (PKCS#11 v2.40, section 2.1.21): how a private key travels to who owns an RSA key. The
// ciphertext of .byok files.
//
//   RSA-OAEP (SHA-1, MGF1-SHA-1) of an AES-256 key made for this alone  ‖  AES-KWP (RFC 5649) of the PKCS#8 key under
//   it
#pragma once

#include "core/crypto/rsa.h"
#include "core/secret.h"

#include <optional>

namespace signet::crypto {

/// More than the PKCS#8 of any key of 4096 bits.
inline constexpr std::size_t kLargestTransported = std::size_t{16} * 1024;

/// pkcs8  at most kLargestTransported octets
[[nodiscard]] Bytes wrap_for_transport(const RsaPublicKey& recipient, const SecretBytes& pkcs8);
/// returns  the PKCS#8 key; nothing when it is not for this recipient, or not whole, without telling which
[[nodiscard]] std::optional<SecretBytes> unwrap_transported(const RsaPrivateKey& recipient, ByteView ciphertext);

}  // namespace signet::crypto
