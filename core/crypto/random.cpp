#include "core/crypto/random.h"

#include <openssl/rand.h>

#include "core/crypto/openssl.h"

namespace signet::crypto {

void random_fill(MutableByteView out) {
    constexpr std::size_t kLargestRequest = std::size_t{1} << 20U;
    while (!out.empty()) {
        const std::size_t count = std::min(out.size(), kLargestRequest);
        require(RAND_priv_bytes(out.data(), static_cast<int>(count)), "no random octets");
        out = out.subspan(count);
    }
}

SecretBytes random_secret(std::size_t size) {
    SecretBytes secret(size);
    random_fill(secret.mutable_view());
    return secret;
}

}  // namespace signet::crypto
