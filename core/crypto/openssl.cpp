#include "core/crypto/openssl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <array>

namespace signet::crypto {

std::string drain_errors() {
    std::string messages;
    while (const unsigned long code = ERR_get_error()) {
        const char* reason = ERR_reason_error_string(code);
        std::array<char, 256> text{};
        if (reason == nullptr) ERR_error_string_n(code, text.data(), text.size());
        if (!messages.empty()) messages += "; ";
        messages += reason != nullptr ? reason : text.data();
    }
    return messages;
}

void forget_errors() noexcept { ERR_clear_error(); }

void fail(std::string_view what, ErrorCode code) {
    std::string message(what);
    const std::string reasons = drain_errors();
    if (!reasons.empty()) message.append(": ").append(reasons);
    throw Error(code, message);
}

void prepare_secure_heap() {
    // 512 KiB holds hundreds of private keys. Without it (a lock limit), OpenSSL uses its ordinary heap and still
    // wipes.
    static const bool ready = CRYPTO_secure_malloc_init(std::size_t{512} * 1024, 32) != 0;
    static_cast<void>(ready);
}

const EVP_MD* sha256_algorithm() {
    static const EVP_MD* const algorithm =
        require_object(EVP_MD_fetch(nullptr, "SHA2-256", nullptr), "SHA-256 is not available");
    return algorithm;
}

const EVP_CIPHER* aes_256_gcm_algorithm() {
    static const EVP_CIPHER* const algorithm =
        require_object(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr), "AES-256-GCM is not available");
    return algorithm;
}

}  // namespace signet::crypto
