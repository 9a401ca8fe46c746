#include "core/fault_sum.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

using namespace signet;

TEST_CASE("every single bit of every length counts, and so does the order", "[core][fault]") {
    for (const std::size_t size : {1UL, 7UL, 8UL, 63UL, 64UL, 65UL, 200UL, 1000UL}) {
        CAPTURE(size);
        Bytes octets(size);
        for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::uint8_t>(i * 37 + 11);
        const std::uint64_t sum = fault_sum(octets);
        std::size_t unnoticed = 0;
        for (std::size_t bit = 0; bit < size * 8; ++bit) {
            octets[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            unnoticed += fault_sum(octets) == sum ? 1U : 0U;
            octets[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        }
        CHECK(unnoticed == 0);
        CHECK(fault_sum(octets) == sum);
        if (size >= 128) {
            std::swap_ranges(octets.begin(), octets.begin() + 64, octets.begin() + 64);
            CHECK(fault_sum(octets) != sum);
        }
    }
    std::set<std::uint64_t> of_zeros;
    for (std::size_t size = 0; size < 300; ++size) of_zeros.insert(fault_sum(Bytes(size)));
    CHECK(of_zeros.size() == 300);
}
