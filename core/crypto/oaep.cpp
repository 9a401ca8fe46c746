#include "core/crypto/oaep.h"

#include <openssl/rsa.h>

#include <algorithm>

#include "core/crypto/openssl.h"

namespace signet::crypto {
namespace {

constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kOverhead = 2 * kDigestSize + 2;

/// OpenSSL's own removal, which looks at every octet whatever the padding is like. Deprecated as all of its low-level
/// RSA is, with no successor that takes a result of RSA computed elsewhere.
int check_padding(MutableByteView message, ByteView encoded) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    return RSA_padding_check_PKCS1_OAEP_mgf1(message.data(), static_cast<int>(message.size()), encoded.data(),
                                             static_cast<int>(encoded.size()), static_cast<int>(encoded.size()),
                                             nullptr, 0, EVP_sha256(), EVP_sha256());
#pragma GCC diagnostic pop
}

}  // namespace

std::optional<SecretBytes> remove_oaep(ByteView encoded, std::size_t modulus_size) {
    if (modulus_size < kOverhead || encoded.size() > modulus_size) return std::nullopt;
    SecretBytes block(modulus_size);
    std::copy(encoded.begin(), encoded.end(), block.mutable_view().end() - static_cast<std::ptrdiff_t>(encoded.size()));
    SecretBytes message(modulus_size);
    const int size = check_padding(message.mutable_view(), block.reveal());
    forget_errors();
    if (size < 0) return std::nullopt;
    return SecretBytes(message.reveal().first(static_cast<std::size_t>(size)));
}

}  // namespace signet::crypto
