#include "core/crypto/key_transport.h"

#include <openssl/rsa.h>

#include "core/crypto/openssl.h"
#include "core/crypto/random.h"

namespace signet::crypto {
namespace {

constexpr std::size_t kWrappingKeySize = 32;
/// AES-KWP rounds up to blocks of 8 and adds one.
constexpr std::size_t kKwpBlock = 8;
constexpr std::size_t kLeastKwp = 2 * kKwpBlock;

KeyHandle decode_public(const RsaPublicKey& key) {
    const unsigned char* cursor = key.spki().data();
    return require_object(KeyHandle(d2i_PUBKEY(nullptr, &cursor, static_cast<long>(key.spki().size()))), "RSA");
}

KeyHandle decode_private(const RsaPrivateKey& key) {
    const SecretBytes der = key.to_pkcs8();
    const unsigned char* cursor = der.reveal().data();
    const Pkcs8Handle info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &cursor, static_cast<long>(der.size())));
    if (!info) fail("RSA");
    return require_object(KeyHandle(EVP_PKCS82PKEY(info.get())), "RSA");
}

KeyContext new_context(EVP_PKEY* key) {
    return require_object(KeyContext(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr)), "RSA");
}

/// SHA-1 is what the mechanism says; OAEP does not rest on its collision resistance.
void use_oaep_sha1(EVP_PKEY_CTX* context) {
    require(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), "RSA-OAEP");
    require(EVP_PKEY_CTX_set_rsa_oaep_md_name(context, "SHA1", nullptr), "RSA-OAEP");
    require(EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, "SHA1", nullptr), "RSA-OAEP");
}

Bytes rsa_wrap(const RsaPublicKey& recipient, const SecretBytes& wrapping_key) {
    const KeyHandle key = decode_public(recipient);
    const KeyContext context = new_context(key.get());
    require(EVP_PKEY_encrypt_init(context.get()), "RSA-OAEP");
    use_oaep_sha1(context.get());
    std::size_t written = static_cast<std::size_t>(recipient.bits()) / 8;
    Bytes wrapped(written);
    const ByteView plaintext = wrapping_key.reveal();
    require(EVP_PKEY_encrypt(context.get(), wrapped.data(), &written, plaintext.data(), plaintext.size()), "RSA-OAEP");
    invariant(written == wrapped.size(), "RSA makes as many octets as its modulus has");
    return wrapped;
}

std::optional<SecretBytes> rsa_unwrap(const RsaPrivateKey& recipient, ByteView wrapped) {
    const KeyHandle key = decode_private(recipient);
    const KeyContext context = new_context(key.get());
    require(EVP_PKEY_decrypt_init(context.get()), "RSA-OAEP");
    use_oaep_sha1(context.get());
    SecretBytes buffer(wrapped.size());
    std::size_t written = buffer.size();
    const int result =
        EVP_PKEY_decrypt(context.get(), buffer.mutable_view().data(), &written, wrapped.data(), wrapped.size());
    if (result != 1 || written != kWrappingKeySize) {
        forget_errors();
        return std::nullopt;
    }
    return SecretBytes(buffer.reveal().first(written));
}

using CipherHandle = Handle<EVP_CIPHER, EVP_CIPHER_free>;

CipherContext kwp_context(const SecretBytes& key, bool wrapping) {
    const CipherHandle cipher(EVP_CIPHER_fetch(nullptr, "AES-256-WRAP-PAD", nullptr));
    if (!cipher) fail("AES-KWP");
    CipherContext context = require_object(CipherContext(EVP_CIPHER_CTX_new()), "AES-KWP");
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    const unsigned char* octets = key.reveal().data();
    require(EVP_CipherInit_ex2(context.get(), cipher.get(), octets, nullptr, wrapping ? 1 : 0, nullptr), "AES-KWP");
    return context;
}

Bytes kwp_wrap(const SecretBytes& key, const SecretBytes& plaintext) {
    const CipherContext context = kwp_context(key, true);
    Bytes wrapped(plaintext.size() + 2 * kKwpBlock);
    int written = 0;
    const ByteView octets = plaintext.reveal();
    require(EVP_CipherUpdate(context.get(), wrapped.data(), &written, octets.data(), static_cast<int>(octets.size())),
            "AES-KWP");
    wrapped.resize(static_cast<std::size_t>(written));
    return wrapped;
}

std::optional<SecretBytes> kwp_unwrap(const SecretBytes& key, ByteView wrapped) {
    const CipherContext context = kwp_context(key, false);
    SecretBytes buffer(wrapped.size());
    int written = 0;
    unsigned char* out = buffer.mutable_view().data();
    if (EVP_CipherUpdate(context.get(), out, &written, wrapped.data(), static_cast<int>(wrapped.size())) != 1 ||
        written <= 0) {
        forget_errors();
        return std::nullopt;
    }
    return SecretBytes(buffer.reveal().first(static_cast<std::size_t>(written)));
}

}  // namespace

Bytes wrap_for_transport(const RsaPublicKey& recipient, const SecretBytes& pkcs8) {
    invariant(pkcs8.size() <= kLargestTransported, "a private key is small");
    const SecretBytes wrapping_key = random_secret(kWrappingKeySize);
    Bytes ciphertext = rsa_wrap(recipient, wrapping_key);
    const Bytes wrapped = kwp_wrap(wrapping_key, pkcs8);
    ciphertext.insert(ciphertext.end(), wrapped.begin(), wrapped.end());
    return ciphertext;
}

std::optional<SecretBytes> unwrap_transported(const RsaPrivateKey& recipient, ByteView ciphertext) {
    const std::size_t modulus = static_cast<std::size_t>(recipient.public_key().bits()) / 8;
    if (ciphertext.size() < modulus + kLeastKwp || ciphertext.size() > modulus + kLargestTransported + kLeastKwp)
        return std::nullopt;
    const ByteView wrapped = ciphertext.subspan(modulus);
    if (wrapped.size() % kKwpBlock != 0) return std::nullopt;
    prepare_secure_heap();
    const auto wrapping_key = rsa_unwrap(recipient, ciphertext.first(modulus));
    if (!wrapping_key) return std::nullopt;
    return kwp_unwrap(*wrapping_key, wrapped);
}

}  // namespace signet::crypto
