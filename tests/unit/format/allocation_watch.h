// Notices large allocations, to prove that hostile lengths are refused before memory is taken.
#pragma once

#include <cstddef>

namespace signet::test {

/// Watches this thread's allocations by operator new from its construction on.
class AllocationWatch {
public:
    AllocationWatch();
    /// The largest single allocation so far, in octets.
    [[nodiscard]] std::size_t largest() const;
};

}  // namespace signet::test
