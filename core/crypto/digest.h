// SHA-256, HMAC-SHA256 and HKDF-Expand (FIPS 180-4, RFC 2104, RFC 5869), through OpenSSL.
#pragma once

#include "core/id.h"
#include "core/secret.h"

#include <initializer_list>
#include <memory>

namespace signet::crypto {

/// SHA-256 of the concatenation of the parts.
[[nodiscard]] Digest sha256(std::initializer_list<ByteView> parts);
[[nodiscard]] inline Digest sha256(ByteView bytes) { return sha256({bytes}); }

/// SHA-256 piece by piece.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;
    void update(ByteView bytes);
    /// Ends the computation; the object can be used for another one afterwards.
    [[nodiscard]] Digest finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// HMAC-SHA256 under one key, many times. Not for use by two threads at once: clone() for each thread.
/// Keeps both keyed pads as copied contexts, which is the fast way for short messages.
class HmacSha256 {
public:
    explicit HmacSha256(ByteView key);
    ~HmacSha256();
    HmacSha256(HmacSha256&&) noexcept;
    HmacSha256& operator=(HmacSha256&&) noexcept;
    [[nodiscard]] HmacSha256 clone() const;
    /// HMAC of the concatenation of the parts.
    [[nodiscard]] Digest compute(std::initializer_list<ByteView> parts);

private:
    struct State;
    explicit HmacSha256(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// HKDF-Expand-SHA256 (RFC 5869 section 2.3). `key` is already uniformly random (32 octets), so there is no extract
/// step. info  the concatenation of the parts; a label ending in a zero octet comes first size  at most 255 * 32
[[nodiscard]] SecretBytes hkdf_expand(ByteView key, std::initializer_list<ByteView> info, std::size_t size);

}  // namespace signet::crypto
