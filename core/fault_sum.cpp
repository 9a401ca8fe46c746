#include "core/fault_sum.h"

#include <array>
#include <cstring>

namespace signet {
namespace {

constexpr std::size_t kLanes = 8;
using Block = std::array<std::uint64_t, kLanes>;

/// Sums, and sums of sums, so that the order counts as well. Lanes side by side are what compilers make vectors of.
struct Sums {
    Block first{};
    Block second{};
    void take(const std::uint8_t* octets) noexcept {
        Block words;
        std::memcpy(words.data(), octets, sizeof words);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kLanes; ++i) first[i] += words[i];
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kLanes; ++i) second[i] += first[i];
    }
};

/// Every step can be undone, so that two sums that differ in one lane stay different.
std::uint64_t mix(std::uint64_t sum, std::uint64_t word) noexcept {
    sum = (sum ^ word) * 0x9e3779b97f4a7c15U;
    return sum ^ (sum >> 29U);
}

}  // namespace

std::uint64_t fault_sum(ByteView octets) noexcept {
    Sums sums;
    std::size_t at = 0;
    for (; at + sizeof(Block) <= octets.size(); at += sizeof(Block)) sums.take(octets.data() + at);
    if (at < octets.size()) {
        std::array<std::uint8_t, sizeof(Block)> last{};
        std::memcpy(last.data(), octets.data() + at, octets.size() - at);
        sums.take(last.data());
    }
    std::uint64_t sum = octets.size();
    for (const std::uint64_t word : sums.first) sum = mix(sum, word);
    for (const std::uint64_t word : sums.second) sum = mix(sum, word);
    return sum;
}

}  // namespace signet
