// A queue between threads that never holds more than its capacity. Values may weigh more than one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace signet {

template <class T>
class BoundedQueue {
public:
    explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

    /// Waits for room. A value heavier than the capacity waits for an empty queue.
    /// returns  false, leaving the value dropped, when the queue was closed
    bool push(T value, std::size_t weight = 1) {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return closed_ || has_room(weight); });
        if (closed_) return false;
        items_.emplace_back(std::move(value), weight);
        weight_ += weight;
        lock.unlock();
        filled_.notify_one();
        return true;
    }
    /// Does not wait. returns  false, leaving the value as it was, when there is no room
    bool try_push(T& value, std::size_t weight = 1) {
        {
            const std::lock_guard lock(mutex_);
            if (closed_ || !has_room(weight)) return false;
            items_.emplace_back(std::move(value), weight);
            weight_ += weight;
        }
        filled_.notify_one();
        return true;
    }
    /// Waits for a value. returns  nothing once the queue is closed and empty
    std::optional<T> pop() {
        std::unique_lock lock(mutex_);
        filled_.wait(lock, [&] { return closed_ || !items_.empty(); });
        if (items_.empty()) return std::nullopt;
        std::optional<T> value(std::move(items_.front().first));
        weight_ -= items_.front().second;
        items_.pop_front();
        lock.unlock();
        room_.notify_one();
        return value;
    }
    /// No more values; what is in the queue can still be taken.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        filled_.notify_all();
        room_.notify_all();
    }
    /// Closes and drops what is in the queue.
    void cancel() {
        std::deque<std::pair<T, std::size_t>> dropped;
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            weight_ = 0;
            dropped.swap(items_);
        }
        filled_.notify_all();
        room_.notify_all();
    }

private:
    [[nodiscard]] bool has_room(std::size_t weight) const { return items_.empty() || weight_ + weight <= capacity_; }
    const std::size_t capacity_;
    std::size_t weight_ = 0;
    std::mutex mutex_;
    std::condition_variable room_;
    std::condition_variable filled_;
    std::deque<std::pair<T, std::size_t>> items_;
    bool closed_ = false;
};

}  // namespace signet
