// AES-256-GCM (SP 800-38D): seals and opens one message at a time. The only place that calls GCM.
#pragma once

#include "core/secret.h"

#include <array>
#include <memory>

namespace signet::crypto {

inline constexpr std::size_t kAeadKeySize = 32;
inline constexpr std::size_t kAeadTagSize = 16;

/// 96 bits; never used twice under one key. Every Signet key seals either one message (zero) or a counted sequence.
struct Nonce {
    std::array<std::uint8_t, 12> octets{};
    /// The counter little-endian in octets 0..7, zero after. docs/format.md, "Nonces".
    [[nodiscard]] static Nonce counter(std::uint64_t value);
};

/// One AES-256-GCM key with reusable contexts. Not for two threads at once.
class Aead {
public:
    /// key  32 octets; copied into OpenSSL's context, which wipes it
    explicit Aead(ByteView key);
    ~Aead();
    Aead(Aead&&) noexcept;
    Aead& operator=(Aead&&) noexcept;

    /// Encrypts. `sealed` has exactly plaintext.size() + 16 octets and does not overlap with the plaintext.
    void seal(const Nonce& nonce, ByteView associated, ByteView plaintext, MutableByteView sealed);
    /// Decrypts. `plaintext` has exactly sealed.size() - 16 octets.
    /// returns  false when the tag does not verify; `plaintext` is then wiped and nothing is released
    [[nodiscard]] bool open(const Nonce& nonce, ByteView associated, ByteView sealed, MutableByteView plaintext);

    [[nodiscard]] Bytes seal(const Nonce& nonce, ByteView associated, ByteView plaintext);
    /// throws  Error{damaged}: "<what>: authentication failed"
    [[nodiscard]] SecretBytes open_secret(const Nonce& nonce, ByteView associated, ByteView sealed,
                                          std::string_view what);
    [[nodiscard]] Bytes open_bytes(const Nonce& nonce, ByteView associated, ByteView sealed, std::string_view what);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace signet::crypto
