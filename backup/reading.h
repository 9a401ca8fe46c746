// Readers: files become buffers of pieces.
#pragma once

#include "backup/cutter.h"
#include "backup/job.h"
#include "core/bounded_queue.h"

#include <atomic>
#include <functional>

namespace signet::backup {

inline constexpr std::size_t kGroupSize = std::size_t{1024} * 1024;     ///< octets of small files read into one buffer
inline constexpr std::size_t kUnsizedFile = std::size_t{8} * 1024;      ///< what a file may hold that says it is empty
inline constexpr std::uint64_t kLargeFile = std::uint64_t{512} * 1024;  ///< files from this size on are read alone

class Reader {
public:
    struct Hooks {
        std::function<void(const std::string& path)> starting;  ///< for progress
        std::function<void(std::uint64_t octets)> read;
    };
    Reader(const Cutter& cutter, BufferPool& buffers, BoundedQueue<WorkItem>& output,
           const std::atomic<bool>& abandoned, Hooks hooks)
        : cutter_(cutter), buffers_(buffers), output_(output), abandoned_(abandoned), hooks_(std::move(hooks)) {}

    /// Reads everything in the job and hands it on. Failures of a source are noted in its FileJob.
    void read(const ReadJob& job);
    /// The same of one file whose octets come from elsewhere. pull  fills what it is given, less only at the end
    void read_pulled(const std::shared_ptr<FileJob>& file, std::uint64_t size,
                     const std::function<std::size_t(MutableByteView)>& pull);

private:
    void read_group(const ReadJob& job);
    void read_large(const std::shared_ptr<FileJob>& file);
    void read_stream(const std::shared_ptr<FileJob>& file, int fd);
    class Stream;
    /// Reads a small file to `out`. returns octets read
    std::size_t read_small(FileJob& file, MutableByteView out);
    const Cutter& cutter_;
    BufferPool& buffers_;
    BoundedQueue<WorkItem>& output_;
    const std::atomic<bool>& abandoned_;
    Hooks hooks_;
};

}  // namespace signet::backup
