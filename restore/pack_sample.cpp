#include "restore/pack_sample.h"

#include "core/byte_io.h"
#include "core/crypto/digest.h"

#include <algorithm>
#include <cmath>

namespace signet::restore {
namespace {

/// Ids are hashes, so their octets are as good as random: the first eight as one number.
std::uint64_t number_of(const PackId& id) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 8; ++i) number = number << 8 | id.octets.at(i);
    return number;
}

/// Where a pack stands in the order that a seed makes.
Digest rank(const PackId& id, std::uint64_t seed) {
    ByteWriter text;
    text.u64(seed);
    text.id(id);
    return crypto::sha256(text.view());
}

}  // namespace

PackSample PackSample::of_parts(std::uint64_t part, std::uint64_t parts) {
    PackSample sample;
    sample.kind_ = Kind::parts;
    sample.part_ = part;
    sample.parts_ = parts;
    return sample;
}

PackSample PackSample::of_share(double share, std::uint64_t seed) {
    PackSample sample;
    sample.kind_ = Kind::share;
    sample.share_ = share;
    sample.seed_ = seed;
    return sample;
}

PackSample PackSample::of_octets(std::uint64_t octets, std::uint64_t seed) {
    PackSample sample;
    sample.kind_ = Kind::octets;
    sample.octets_ = octets;
    sample.seed_ = seed;
    return sample;
}

std::set<PackId> PackSample::choose(std::vector<format::PackInfo> packs) const {
    std::set<PackId> chosen;
    if (kind_ == Kind::all || kind_ == Kind::parts) {
        for (const format::PackInfo& pack : packs) {
            if (kind_ == Kind::all || number_of(pack.id) % parts_ == part_ - 1) chosen.insert(pack.id);
        }
        return chosen;
    }
    std::sort(packs.begin(), packs.end(),
              [&](const auto& left, const auto& right) { return rank(left.id, seed_) < rank(right.id, seed_); });
    const auto wanted = static_cast<std::size_t>(std::ceil(share_ * static_cast<double>(packs.size())));
    std::uint64_t octets = 0;
    for (const format::PackInfo& pack : packs) {
        const bool is_enough = kind_ == Kind::share ? chosen.size() >= wanted : octets >= octets_;
        if (is_enough && !chosen.empty()) break;
        chosen.insert(pack.id);
        octets += pack.size;
    }
    return chosen;
}

}  // namespace signet::restore
