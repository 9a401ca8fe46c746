// Secrets in memory: locked, left out of core dumps, wiped on release, never printed.
#pragma once

#include "core/bytes.h"

#include <cstddef>

namespace signet {

/// A secret of fixed size. Move-only; a moved-from secret is empty. The memory is mlock'ed where the limit allows,
/// excluded from core dumps, and wiped on release. There is no operator<<; content is seen through reveal() alone.
class SecretBytes {
public:
    SecretBytes() = default;
    /// `size` zero octets, to be filled through mutable_view().
    explicit SecretBytes(std::size_t size);
    /// Copies octets in; the caller wipes its own copy.
    explicit SecretBytes(ByteView content);
    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes();

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] ByteView reveal() const { return {data_, size_}; }
    [[nodiscard]] MutableByteView mutable_view() { return {data_, size_}; }
    /// A second copy, on purpose.
    [[nodiscard]] SecretBytes clone() const { return SecretBytes(reveal()); }
    /// Constant-time comparison; different sizes are unequal.
    [[nodiscard]] bool equals(ByteView other) const;

private:
    void release() noexcept;
    std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Overwrites memory in a way the compiler keeps.
void wipe(MutableByteView memory) noexcept;

/// Constant-time comparison of two public or secret strings of octets; different sizes are unequal.
[[nodiscard]] bool constant_time_equal(ByteView left, ByteView right) noexcept;

/// Called once at the start of main: no core dumps, not traceable by other users (PR_SET_DUMPABLE), RLIMIT_CORE 0.
void harden_process() noexcept;

}  // namespace signet
