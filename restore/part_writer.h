// Writes one part of a large file past the page cache: whole pages as they lie in a frame, and what does not lie so
// gathered into pages first. Where that is not possible, through it.
#pragma once

#include "core/direct_io.h"
#include "restore/frame_reader.h"

#include <cstdint>
#include <string>

namespace signet::restore {

class PartWriter {
public:
    static constexpr std::size_t kBuffer = std::size_t{1024} * 1024;

    /// fd         the file, open for writing
    /// direct_fd  the same file past the page cache; -1: there is no such way
    /// sparse     blocks of zeros are left out; direct_fd is not used then
    /// buffer     kBuffer octets. object  for messages
    PartWriter(int fd, int direct_fd, bool sparse, const AlignedBuffer& buffer, const std::string& object)
        : fd_(fd), direct_fd_(sparse ? -1 : direct_fd), sparse_(sparse), pages_(buffer.octets()), object_(object) {}

    /// frame  that the octets are in; held until they are written. throws  Error{io}
    void add(const FrameReader::Frame& frame, ByteView octets, std::uint64_t offset);
    /// Writes what is gathered. returns  octets written since the beginning. throws  Error{io}
    std::uint64_t flush();

private:
    void write_run();
    void flush_pages();
    void gather(ByteView octets, std::uint64_t offset);
    void write_through_cache(ByteView octets, std::uint64_t offset);
    void write(std::size_t count);
    int fd_;
    int direct_fd_;
    bool sparse_;
    MutableByteView pages_;
    const std::string& object_;
    FrameReader::Frame frame_;      ///< of run_
    ByteView run_;                  ///< side by side in a frame and in the file
    std::uint64_t run_offset_ = 0;  ///< in the file
    std::size_t filled_ = 0;
    std::uint64_t offset_ = 0;  ///< in the file, of pages_[0]; a multiple of the alignment
    std::uint64_t written_ = 0;
};

}  // namespace signet::restore
