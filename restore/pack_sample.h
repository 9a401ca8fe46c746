// Which packs a check reads: all of them, a part of which all parts together are everything, or some at random.
#pragma once

#include "format/sealed_packs.h"

#include <cstdint>
#include <set>
#include <vector>

namespace signet::restore {

class PackSample {
public:
    /// Every pack.
    PackSample() = default;
    /// Part `part` (from 1) of `parts`: by the packs' ids alone, so that all parts, whenever they are read, are all.
    [[nodiscard]] static PackSample of_parts(std::uint64_t part, std::uint64_t parts);
    /// A share of the packs, between 0 and 1, at least one. seed  the same seed chooses the same of the same packs
    [[nodiscard]] static PackSample of_share(double share, std::uint64_t seed);
    /// Packs of so many octets in all, at least one.
    [[nodiscard]] static PackSample of_octets(std::uint64_t octets, std::uint64_t seed);

    [[nodiscard]] bool is_everything() const { return kind_ == Kind::all; }
    /// Which of these packs are read.
    [[nodiscard]] std::set<PackId> choose(std::vector<format::PackInfo> packs) const;

private:
    enum class Kind { all, parts, share, octets };
    Kind kind_ = Kind::all;
    std::uint64_t part_ = 1;
    std::uint64_t parts_ = 1;
    double share_ = 1;
    std::uint64_t octets_ = 0;
    std::uint64_t seed_ = 0;
};

}  // namespace signet::restore
