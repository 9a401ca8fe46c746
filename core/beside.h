// Work beside this thread.
#pragma once

#include <future>
#include <system_error>
#include <utility>

namespace signet {

/// Starts `work` in a thread of its own; where the system refuses one, does it here: fewer threads are slower, and no
/// more. What it throws, get() of the future throws. Whatever `work` refers to must outlive the future, whose
/// destructor waits.
template <class Work>
[[nodiscard]] std::future<void> start_beside(Work work) {
    try {
        return std::async(std::launch::async, work);
    } catch (const std::system_error&) {
        std::packaged_task<void()> task(std::move(work));
        std::future<void> done = task.get_future();
        task();
        return done;
    }
}

}  // namespace signet
