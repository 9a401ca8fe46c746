// Progress of work that counts octets alone.
#pragma once

#include "cli/context.h"
#include "cli/progress.h"

#include <atomic>
#include <cstdint>
#include <functional>

namespace signet::cli {

/// Shows how many octets are done until it is destroyed.
class OctetProgress {
public:
    explicit OctetProgress(Context& context);
    /// Takes octets done, and in all; from any thread. Does not outlive this.
    [[nodiscard]] std::function<void(std::uint64_t, std::uint64_t)> taker();

private:
    std::atomic<std::uint64_t> done_{0};
    std::atomic<std::uint64_t> total_{0};
    ProgressReporter reporter_;  ///< ends first: it reads the two
};

}  // namespace signet::cli
