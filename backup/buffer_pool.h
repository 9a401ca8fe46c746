// Large buffers that are used again: fresh mappings would cost page faults each time.
#pragma once

#include "core/bytes.h"

#include <condition_variable>
#include <mutex>
#include <vector>

namespace signet::backup {

class BufferPool;

/// A page-aligned buffer on loan; goes back to its pool when released.
class PooledBuffer {
public:
    PooledBuffer() = default;
    PooledBuffer(PooledBuffer&& other) noexcept;
    PooledBuffer& operator=(PooledBuffer&& other) noexcept;
    PooledBuffer(const PooledBuffer&) = delete;
    PooledBuffer& operator=(const PooledBuffer&) = delete;
    ~PooledBuffer() { release(); }

    [[nodiscard]] explicit operator bool() const { return data_ != nullptr; }
    [[nodiscard]] std::uint8_t* data() const { return data_; }
    [[nodiscard]] std::size_t capacity() const;
    void release() noexcept;

private:
    friend class BufferPool;
    PooledBuffer(BufferPool* pool, std::uint8_t* data) : pool_(pool), data_(data) {}
    BufferPool* pool_ = nullptr;
    std::uint8_t* data_ = nullptr;
};

/// At most `count` buffers of `size` octets (a multiple of the page size), mapped when first wanted.
class BufferPool {
public:
    BufferPool(std::size_t count, std::size_t size);
    ~BufferPool();
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;

    /// Waits until a buffer is free. returns  an empty buffer once the pool is cancelled
    [[nodiscard]] PooledBuffer take();
    /// Wakes and refuses everybody who waits; for ends by error.
    void cancel();
    [[nodiscard]] std::size_t buffer_size() const { return size_; }

private:
    friend class PooledBuffer;
    void give_back(std::uint8_t* data) noexcept;
    const std::size_t count_;
    const std::size_t size_;
    std::mutex mutex_;
    std::condition_variable available_;
    std::vector<std::uint8_t*> all_;
    std::vector<std::uint8_t*> free_;
    bool cancelled_ = false;
};

inline std::size_t PooledBuffer::capacity() const { return pool_ == nullptr ? 0 : pool_->buffer_size(); }

}  // namespace signet::backup
