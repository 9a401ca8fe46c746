// Space for octets that are about to be written.
#pragma once

#include "core/bytes.h"

#include <memory>

namespace signet {

/// A fixed number of octets that nobody has set: unlike Bytes, pages that are never written cost nothing.
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(std::size_t size) : octets_(std::make_unique_for_overwrite<std::uint8_t[]>(size)), size_(size) {}

    [[nodiscard]] std::uint8_t* data() const { return octets_.get(); }
    [[nodiscard]] std::size_t size() const { return size_; }
    /// The first `count` octets, at most size() of them.
    [[nodiscard]] MutableByteView first(std::size_t count) const {
        return MutableByteView(octets_.get(), size_).first(count);
    }

private:
    std::unique_ptr<std::uint8_t[]> octets_;
    std::size_t size_ = 0;
};

}  // namespace signet
