#include "core/crypto/aead.h"

#include "core/crypto/openssl.h"

namespace signet::crypto {
namespace {

/// OpenSSL counts in int.
constexpr std::size_t kLargestPiece = std::size_t{1} << 30U;

/// GCM's own limit on one message (SP 800-38D section 5.2.1.1).
constexpr std::uint64_t kLargestMessage = (std::uint64_t{1} << 36U) - 32;

void start(EVP_CIPHER_CTX* context, const Nonce& nonce) {
    // Only the IV changes: the key schedule and the GHASH table stay.
    require(EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.octets.data(), -1, nullptr), "AES-256-GCM");
}

void authenticate(EVP_CIPHER_CTX* context, ByteView associated) {
    while (!associated.empty()) {
        const std::size_t count = std::min(associated.size(), kLargestPiece);
        int unused = 0;
        require(EVP_CipherUpdate(context, nullptr, &unused, associated.data(), static_cast<int>(count)), "AES-256-GCM");
        associated = associated.subspan(count);
    }
}

void transform(EVP_CIPHER_CTX* context, ByteView in, MutableByteView out) {
    while (!in.empty()) {
        const std::size_t count = std::min(in.size(), kLargestPiece);
        int written = 0;
        require(EVP_CipherUpdate(context, out.data(), &written, in.data(), static_cast<int>(count)), "AES-256-GCM");
        invariant(static_cast<std::size_t>(written) == count, "GCM writes as much as it reads");
        in = in.subspan(count);
        out = out.subspan(count);
    }
}

CipherContext new_context(ByteView key, int encrypt) {
    CipherContext context = require_object(CipherContext(EVP_CIPHER_CTX_new()), "AES-256-GCM");
    require(EVP_CipherInit_ex2(context.get(), aes_256_gcm_algorithm(), key.data(), nullptr, encrypt, nullptr),
            "AES-256-GCM");
    return context;
}

}  // namespace

Nonce Nonce::counter(std::uint64_t value) {
    Nonce nonce;
    for (std::size_t i = 0; i < 8; ++i) nonce.octets[i] = static_cast<std::uint8_t>(value >> (8 * i));
    return nonce;
}

struct Aead::State {
    CipherContext sealer;
    CipherContext opener;
};

Aead::Aead(ByteView key) {
    invariant(key.size() == kAeadKeySize, "an AES-256-GCM key has 32 octets");
    state_ = std::make_unique<State>(State{new_context(key, 1), new_context(key, 0)});
}

Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

void Aead::seal(const Nonce& nonce, ByteView associated, ByteView plaintext, MutableByteView sealed) {
    invariant(sealed.size() == plaintext.size() + kAeadTagSize, "a sealed message is 16 octets longer");
    invariant(plaintext.size() <= kLargestMessage, "a message of AES-GCM is below 64 GiB");
    EVP_CIPHER_CTX* context = state_->sealer.get();
    start(context, nonce);
    authenticate(context, associated);
    transform(context, plaintext, sealed.first(plaintext.size()));
    int unused = 0;
    const MutableByteView tag = sealed.last(kAeadTagSize);
    require(EVP_CipherFinal_ex(context, tag.data(), &unused), "AES-256-GCM");
    require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kAeadTagSize), tag.data()),
            "AES-256-GCM");
}

bool Aead::open(const Nonce& nonce, ByteView associated, ByteView sealed, MutableByteView plaintext) {
    // A sealed message shorter than a tag is damage, not a mistake of the caller.
    if (sealed.size() < kAeadTagSize) {
        wipe(plaintext);
        return false;
    }
    invariant(plaintext.size() == sealed.size() - kAeadTagSize, "a plaintext is 16 octets shorter");
    EVP_CIPHER_CTX* context = state_->opener.get();
    start(context, nonce);
    authenticate(context, associated);
    transform(context, sealed.first(plaintext.size()), plaintext);
    std::array<std::uint8_t, kAeadTagSize> tag{};
    const ByteView stored_tag = sealed.last(kAeadTagSize);
    std::copy(stored_tag.begin(), stored_tag.end(), tag.begin());
    require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kAeadTagSize), tag.data()),
            "AES-256-GCM");
    int unused = 0;
    std::array<std::uint8_t, 16> nothing{};
    if (EVP_CipherFinal_ex(context, nothing.data(), &unused) == 1) return true;
    wipe(plaintext);
    forget_errors();
    return false;
}

Bytes Aead::seal(const Nonce& nonce, ByteView associated, ByteView plaintext) {
    Bytes sealed(plaintext.size() + kAeadTagSize);
    seal(nonce, associated, plaintext, sealed);
    return sealed;
}

namespace {

[[noreturn]] void fail_authentication(std::string_view what) {
    throw Error(ErrorCode::damaged, std::string(what) + ": authentication failed");
}

}  // namespace

SecretBytes Aead::open_secret(const Nonce& nonce, ByteView associated, ByteView sealed, std::string_view what) {
    if (sealed.size() < kAeadTagSize) fail_authentication(what);
    SecretBytes plaintext(sealed.size() - kAeadTagSize);
    if (!open(nonce, associated, sealed, plaintext.mutable_view())) fail_authentication(what);
    return plaintext;
}

Bytes Aead::open_bytes(const Nonce& nonce, ByteView associated, ByteView sealed, std::string_view what) {
    if (sealed.size() < kAeadTagSize) fail_authentication(what);
    Bytes plaintext(sealed.size() - kAeadTagSize);
    if (!open(nonce, associated, sealed, plaintext)) fail_authentication(what);
    return plaintext;
}

}  // namespace signet::crypto
