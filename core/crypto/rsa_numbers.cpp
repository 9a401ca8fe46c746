#include "core/crypto/rsa_numbers.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <bit>

#include "core/crypto/openssl.h"

namespace signet::crypto {
namespace {

/// The longest number of a key of 4096 bits.
constexpr std::size_t kLongest = 512;

KeyHandle decode(const RsaPrivateKey& key) {
    const SecretBytes der = key.to_pkcs8();
    const unsigned char* cursor = der.reveal().data();
    const Pkcs8Handle info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &cursor, static_cast<long>(der.size())));
    if (!info) fail("RSA");
    return require_object(KeyHandle(EVP_PKCS82PKEY(info.get())), "RSA");
}

/// Written by OpenSSL straight into locked memory. returns  nothing when the key has no such number
SecretBytes number(EVP_PKEY* key, const char* name) {
    SecretBytes octets(kLongest);
    std::array<OSSL_PARAM, 2> wanted = {OSSL_PARAM_construct_BN(name, octets.mutable_view().data(), octets.size()),
                                        OSSL_PARAM_construct_end()};
    const bool is_there = EVP_PKEY_get_params(key, wanted.data()) == 1 && OSSL_PARAM_modified(wanted.data()) == 1;
    forget_errors();
    if (!is_there) return {};
    // A number is in the machine's order, filled up with zeros.
    const MutableByteView view = octets.mutable_view();
    if constexpr (std::endian::native == std::endian::little) std::reverse(view.begin(), view.end());
    const auto first = std::find_if(view.begin(), view.end(), [](std::uint8_t octet) { return octet != 0; });
    return SecretBytes(ByteView(view).subspan(static_cast<std::size_t>(first - view.begin())));
}

SecretBytes require_number(EVP_PKEY* key, const char* name) {
    SecretBytes octets = number(key, name);
    if (octets.empty()) {
        throw Error(ErrorCode::refused, "a private key without its two primes", "make or export it with all its parts");
    }
    return octets;
}

}  // namespace

RsaNumbers numbers_of(const RsaPrivateKey& key) {
    const KeyHandle decoded = decode(key);
    if (!number(decoded.get(), OSSL_PKEY_PARAM_RSA_FACTOR3).empty()) {
        throw Error(ErrorCode::refused, "a private key of more than two primes");
    }
    const auto part = [&](const char* name) { return require_number(decoded.get(), name); };
    return {part(OSSL_PKEY_PARAM_RSA_N),         part(OSSL_PKEY_PARAM_RSA_E),
            part(OSSL_PKEY_PARAM_RSA_D),         part(OSSL_PKEY_PARAM_RSA_FACTOR1),
            part(OSSL_PKEY_PARAM_RSA_FACTOR2),   part(OSSL_PKEY_PARAM_RSA_EXPONENT1),
            part(OSSL_PKEY_PARAM_RSA_EXPONENT2), part(OSSL_PKEY_PARAM_RSA_COEFFICIENT1)};
}

}  // namespace signet::crypto
