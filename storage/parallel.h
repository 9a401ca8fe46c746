// Many small reads in flight.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace signet::storage {

inline constexpr std::size_t kReaders = 8;

/// Calls `work(i)` for every i below `count`, several at a time; the first exception ends it and is thrown.
template <class Work>
void for_each_in_parallel(std::size_t count, const Work& work) {
    const std::size_t workers = std::min(kReaders, count / 4 + 1);
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::atomic_flag failed = ATOMIC_FLAG_INIT;
    const auto run = [&] {
        try {
            for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
        } catch (...) {
            if (!failed.test_and_set()) failure = std::current_exception();
            next.store(count);
        }
    };
    {
        std::vector<std::jthread> helpers;
        try {
            for (std::size_t i = 1; i < workers; ++i) helpers.emplace_back(run);
        } catch (const std::system_error&) {
            // Fewer threads than wished for are slower, and no more.
        }
        run();
    }
    if (failure) std::rethrow_exception(failure);
}

}  // namespace signet::storage
