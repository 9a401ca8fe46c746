// Memory that nobody has set, where direct I/O can use it.
#pragma once

#include "core/bytes.h"

#include <memory>
#include <new>

namespace signet {

/// What memory, offset and length of direct I/O must be multiples of.
inline constexpr std::size_t kDirectAlignment = 4096;

[[nodiscard]] constexpr std::size_t align_up(std::size_t value) {
    return (value + kDirectAlignment - 1) / kDirectAlignment * kDirectAlignment;
}

/// Memory that may be read into and written from directly. Unlike Bytes it is not set to zero: pages that are never
/// written cost nothing.
class AlignedBuffer {
public:
    AlignedBuffer() = default;
    /// size  is rounded up. throws  std::bad_alloc
    explicit AlignedBuffer(std::size_t size)
        : memory_(static_cast<std::uint8_t*>(::operator new (align_up(size), std::align_val_t{kDirectAlignment}))),
          size_(align_up(size)) {}
    [[nodiscard]] MutableByteView octets() const { return {memory_.get(), size_}; }

private:
    struct Free {
        void operator()(std::uint8_t* memory) const noexcept {
            ::operator delete (memory, std::align_val_t{kDirectAlignment});
        }
    };
    std::unique_ptr<std::uint8_t, Free> memory_;
    std::size_t size_ = 0;
};

}  // namespace signet
