#include "core/crypto/scrypt.h"

#include "core/crypto/openssl.h"

namespace signet::crypto {
namespace {

constexpr std::uint64_t kLargestMemory = std::uint64_t{1} << 30U;

bool within_limits(const ScryptCost& cost) {
    if (cost.log2_n < 10 || cost.log2_n > 20) return false;
    if (cost.r < 1 || cost.r > 32 || cost.p < 1 || cost.p > 16) return false;
    return (std::uint64_t{128} * cost.r << cost.log2_n) <= kLargestMemory;
}

}  // namespace

SecretBytes scrypt(ByteView passphrase, ByteView salt, const ScryptCost& cost, std::size_t size) {
    if (!within_limits(cost)) throw Error(ErrorCode::damaged, "scrypt: cost outside its limits");
    SecretBytes key(size);
    // Twice the limit leaves room for the smaller buffers that OpenSSL counts as well.
    require(EVP_PBE_scrypt(as_text(passphrase).data(), passphrase.size(), salt.data(), salt.size(),
                           std::uint64_t{1} << cost.log2_n, cost.r, cost.p, 2 * kLargestMemory,
                           key.mutable_view().data(), size),
            "scrypt");
    return key;
}

}  // namespace signet::crypto
