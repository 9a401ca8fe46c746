#include "restore/part_writer.h"

#include <algorithm>
#include <cstring>

#include "restore/file_maker.h"

namespace signet::restore {

void PartWriter::write_through_cache(ByteView octets, std::uint64_t offset) {
    written_ += write_octets(fd_, octets, offset, sparse_, object_);
}

/// Writes the first `count` gathered octets, and forgets them.
void PartWriter::write(std::size_t count) {
    const ByteView octets = pages_.first(count);
    if (direct_fd_ >= 0 && count % kDirectAlignment == 0 && try_pwrite_directly(direct_fd_, octets, offset_)) {
        written_ += count;
    } else {
        write_through_cache(octets, offset_);
    }
    std::memmove(pages_.data(), pages_.data() + count, filled_ - count);
    filled_ -= count;
    offset_ += count;
}

void PartWriter::add(ByteView octets, std::uint64_t offset) {
    if (filled_ > 0 && offset != offset_ + filled_) flush();
    if (filled_ == 0) {
        const auto head = static_cast<std::size_t>((kDirectAlignment - offset % kDirectAlignment) % kDirectAlignment);
        const ByteView before = octets.first(std::min(head, octets.size()));
        if (!before.empty()) write_through_cache(before, offset);
        octets = octets.subspan(before.size());
        offset_ = offset + before.size();
    }
    while (!octets.empty()) {
        const std::size_t count = std::min(octets.size(), pages_.size() - filled_);
        std::memcpy(pages_.data() + filled_, octets.data(), count);
        filled_ += count;
        octets = octets.subspan(count);
        if (filled_ == pages_.size()) write(filled_);
    }
}

std::uint64_t PartWriter::flush() {
    const std::size_t whole = filled_ / kDirectAlignment * kDirectAlignment;
    if (whole > 0) write(whole);
    if (filled_ > 0) write(filled_);
    return written_;
}

}  // namespace signet::restore
