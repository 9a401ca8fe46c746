// Owners of OpenSSL's objects and the way its failures become errors. For core/crypto alone.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/error.h"
#include "core/handle.h"

namespace signet::crypto {

using BioHandle = Handle<BIO, BIO_free_all>;
using CipherContext = Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using DigestContext = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using KeyHandle = Handle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Pkcs8Handle = Handle<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using EncryptedPkcs8Handle = Handle<X509_SIG, X509_SIG_free>;
using CertificateHandle = Handle<X509, X509_free>;
using Pkcs12Handle = Handle<PKCS12, PKCS12_free>;

/// Takes every waiting message off OpenSSL's queue, oldest first, joined by "; ". Empty when there is none.
[[nodiscard]] std::string drain_errors();

/// Forgets what is on the queue: for failures that are an expected answer.
void forget_errors() noexcept;

/// throws  Error: "<what>: <OpenSSL's messages>"
[[noreturn]] void fail(std::string_view what, ErrorCode code = ErrorCode::failed);

/// For calls that return 1 on success.
inline void require(int result, std::string_view what) {
    if (result != 1) fail(what);
}

/// For calls that return an object.
template <class Owner>
Owner require_object(Owner object, std::string_view what) {
    if (!object) fail(what);
    return object;
}

/// Sets up OpenSSL's heap for private keys, once. Called before a private key is made or read.
void prepare_secure_heap();

/// Fetched once for the process; the fetch itself is slow.
[[nodiscard]] const EVP_MD* sha256_algorithm();
[[nodiscard]] const EVP_CIPHER* aes_256_gcm_algorithm();

}  // namespace signet::crypto
