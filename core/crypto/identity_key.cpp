#include "core/crypto/identity_key.h"

#include "core/crypto/digest.h"
#include "core/crypto/openssl.h"
#include "core/crypto/random.h"

namespace signet::crypto {
namespace {

constexpr std::size_t kSeedSize = 32;

/// DER of a SubjectPublicKeyInfo up to the key itself (RFC 8410 section 4).
constexpr std::array<std::uint8_t, 12> kSpkiPrefix{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                   0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

KeyHandle private_key(ByteView seed) {
    prepare_secure_heap();
    return require_object(
        KeyHandle(EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, seed.data(), seed.size())), "Ed25519");
}

DigestContext new_context() { return require_object(DigestContext(EVP_MD_CTX_new()), "Ed25519"); }

}  // namespace

IdentityId VerifyKey::identity() const { return IdentityId{sha256({kSpkiPrefix, octets}).octets}; }

bool VerifyKey::verify(ByteView message, const Signature& signature) const {
    const KeyHandle key(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, octets.data(), octets.size()));
    const DigestContext context = new_context();
    const bool valid =
        key && EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key.get(), nullptr) == 1 &&
        EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
    if (!valid) forget_errors();
    return valid;
}

SigningKey SigningKey::generate() { return from_seed(random_secret(kSeedSize)); }

SigningKey SigningKey::from_seed(SecretBytes seed) {
    if (seed.size() != kSeedSize) throw Error(ErrorCode::damaged, "an identity's seed has 32 octets");
    const KeyHandle key = private_key(seed.reveal());
    SigningKey signing_key;
    std::size_t size = signing_key.verify_key_.octets.size();
    require(EVP_PKEY_get_raw_public_key(key.get(), signing_key.verify_key_.octets.data(), &size), "Ed25519");
    signing_key.seed_ = std::move(seed);
    return signing_key;
}

Signature SigningKey::sign(ByteView message) const {
    const KeyHandle key = private_key(seed_.reveal());
    const DigestContext context = new_context();
    require(EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key.get(), nullptr), "Ed25519");
    Signature signature{};
    std::size_t size = signature.size();
    require(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()), "Ed25519");
    invariant(size == signature.size(), "an Ed25519 signature has 64 octets");
    return signature;
}

}  // namespace signet::crypto
