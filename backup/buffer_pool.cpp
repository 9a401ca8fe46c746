#include "backup/buffer_pool.h"

#include "core/error.h"

#include <sys/mman.h>
#include <cerrno>

namespace signet::backup {

PooledBuffer::PooledBuffer(PooledBuffer&& other) noexcept : pool_(other.pool_), data_(other.data_) {
    other.pool_ = nullptr;
    other.data_ = nullptr;
}

PooledBuffer& PooledBuffer::operator=(PooledBuffer&& other) noexcept {
    if (this != &other) {
        release();
        pool_ = other.pool_;
        data_ = other.data_;
        other.pool_ = nullptr;
        other.data_ = nullptr;
    }
    return *this;
}

void PooledBuffer::release() noexcept {
    if (data_ != nullptr) pool_->give_back(data_);
    pool_ = nullptr;
    data_ = nullptr;
}

BufferPool::BufferPool(std::size_t count, std::size_t size) : count_(count), size_(size) {
    all_.reserve(count);
    free_.reserve(count);
}

BufferPool::~BufferPool() {
    for (auto* data : all_) ::munmap(data, size_);
}

PooledBuffer BufferPool::take() {
    std::unique_lock lock(mutex_);
    available_.wait(lock, [&] { return cancelled_ || !free_.empty() || all_.size() < count_; });
    if (cancelled_) return {};
    if (free_.empty()) {
        void* mapping = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapping == MAP_FAILED) throw Error::from_errno("allocate", "a buffer", errno);
        all_.push_back(static_cast<std::uint8_t*>(mapping));
        return {this, all_.back()};
    }
    auto* data = free_.back();  // the one used last is the warmest
    free_.pop_back();
    return {this, data};
}

void BufferPool::cancel() {
    {
        const std::lock_guard lock(mutex_);
        cancelled_ = true;
    }
    available_.notify_all();
}

void BufferPool::give_back(std::uint8_t* data) noexcept {
    {
        const std::lock_guard lock(mutex_);
        free_.push_back(data);
    }
    available_.notify_one();
}

}  // namespace signet::backup
