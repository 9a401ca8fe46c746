// .byok files: a private key wrapped for a key exchange key, as tools of hardware security modules make them and cloud
// vaults take them in. JSON: {"schema_version":"1.0.0","header":{"kid":…,"alg":"dir","enc":"CKM_RSA_AES_KEY_WRAP"},
// "ciphertext":"<base64url>","generator":…}; the ciphertext is core/crypto/key_transport.h.
#pragma once

#include "core/bytes.h"

#include <string>
#include <string_view>

namespace signet::keyring {

struct ByokFile {
    std::string key_id;  ///< of the key exchange key, in the words of whoever owns it
    Bytes ciphertext;
    std::string generator = {};
};

inline constexpr std::size_t kMaxByokFile = std::size_t{64} * 1024;

/// Whether a file is JSON, as .byok files are and no other form of a private key.
[[nodiscard]] bool looks_like_byok(ByteView file);
/// throws  Error{damaged}: not such a file; Error{unsupported}: wrapped in another way
[[nodiscard]] ByokFile parse_byok(ByteView file, std::string_view what);
[[nodiscard]] std::string encode_byok(const ByokFile& file);

}  // namespace signet::keyring
