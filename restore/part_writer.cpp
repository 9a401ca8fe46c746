#include "restore/part_writer.h"

#include <algorithm>
#include <cstring>

#include "restore/file_maker.h"

namespace signet::restore {
namespace {

/// Fewer octets are cheaper to gather than to write alone.
constexpr std::size_t kWorthItsOwnWrite = std::size_t{128} * 1024;

}  // namespace

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

void PartWriter::add(const FrameReader::Frame& frame, ByteView octets, std::uint64_t offset) {
    if (frame == frame_ && octets.data() == run_.data() + run_.size() && offset == run_offset_ + run_.size()) {
        run_ = {run_.data(), run_.size() + octets.size()};
        return;
    }
    write_run();
    frame_ = frame;
    run_ = octets;
    run_offset_ = offset;
}

/// Whole pages go to the disk as they lie in the frame; the rest is gathered.
void PartWriter::write_run() {
    const bool continues = filled_ > 0 && run_offset_ == offset_ + filled_;
    const bool is_aligned = reinterpret_cast<std::uintptr_t>(run_.data()) % kDirectAlignment == 0 &&
                            run_offset_ % kDirectAlignment == 0 && (!continues || filled_ % kDirectAlignment == 0);
    if (direct_fd_ >= 0 && is_aligned && run_.size() >= kWorthItsOwnWrite) {
        flush_pages();
        const std::size_t whole = run_.size() / kDirectAlignment * kDirectAlignment;
        if (try_pwrite_directly(direct_fd_, run_.first(whole), run_offset_)) {
            written_ += whole;
            run_ = run_.subspan(whole);
            run_offset_ += whole;
        }
    }
    gather(run_, run_offset_);
    run_ = {};
    frame_.reset();
}

void PartWriter::gather(ByteView octets, std::uint64_t offset) {
    if (filled_ > 0 && offset != offset_ + filled_) flush_pages();
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

void PartWriter::flush_pages() {
    const std::size_t whole = filled_ / kDirectAlignment * kDirectAlignment;
    if (whole > 0) write(whole);
    if (filled_ > 0) write(filled_);
}

std::uint64_t PartWriter::flush() {
    write_run();
    flush_pages();
    return written_;
}

}  // namespace signet::restore
