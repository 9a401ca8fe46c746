#include "restore/pack_sample.h"
#include "core/crypto/random.h"
#include "tests/support/matchers.h"

#include <catch2/catch.hpp>

using namespace signet;
using namespace signet::restore;

namespace {

std::vector<format::PackInfo> random_packs(std::size_t count) {
    std::vector<format::PackInfo> packs;
    for (std::size_t i = 0; i < count; ++i) packs.push_back({crypto::random_id<PackId>(), 1000 + i});
    return packs;
}

}  // namespace

TEST_CASE("all parts of a repository are all of it, each pack once", "[restore][check]") {
    const auto packs = random_packs(500);
    for (const std::uint64_t parts : {1U, 2U, 7U, 30U, 1000U}) {
        std::multiset<PackId> read;
        for (std::uint64_t part = 1; part <= parts; ++part) {
            for (const PackId& id : PackSample::of_parts(part, parts).choose(packs)) read.insert(id);
        }
        CHECK(read.size() == packs.size());
        CHECK(std::set<PackId>(read.begin(), read.end()).size() == packs.size());
    }
}

TEST_CASE("a share of the packs is that many of them, the same by the same seed", "[restore][check]") {
    const auto packs = random_packs(200);
    CHECK(PackSample::of_share(0.1, 1).choose(packs).size() == 20);
    CHECK(PackSample::of_share(1, 1).choose(packs).size() == 200);
    CHECK(PackSample::of_share(0.0001, 1).choose(packs).size() == 1);
    CHECK(PackSample::of_share(0.1, 1).choose(packs) == PackSample::of_share(0.1, 1).choose(packs));
    CHECK(PackSample::of_share(0.1, 1).choose(packs) != PackSample::of_share(0.1, 2).choose(packs));
    CHECK(PackSample::of_share(0.5, 1).choose({}).empty());
}

TEST_CASE("packs of a size are at least that much, and no more than one pack more", "[restore][check]") {
    const auto packs = random_packs(200);
    for (const std::uint64_t wanted : {1U, 5000U, 50'000U}) {
        std::uint64_t octets = 0;
        const auto chosen = PackSample::of_octets(wanted, 3).choose(packs);
        for (const auto& pack : packs) octets += chosen.contains(pack.id) ? pack.size : 0;
        CHECK(octets >= wanted);
        CHECK(octets < wanted + 1200);
    }
    CHECK(PackSample::of_octets(UINT64_MAX, 3).choose(packs).size() == 200);
    CHECK(PackSample().choose(packs).size() == 200);
}
