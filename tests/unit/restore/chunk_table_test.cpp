#include "restore/chunk_table.h"

#include "core/crypto/random.h"
#include "tests/support/matchers.h"

#include <chrono>
#include <functional>

using namespace signet;
using namespace signet::restore;

namespace {

/// A pack of `frames` frames with `chunks` chunks of 100 octets each.
format::IndexedPack make_pack(std::size_t frames, std::size_t chunks) {
    format::IndexedPack pack;
    pack.id = crypto::random_id<PackId>();
    pack.size = 1'000'000;
    for (std::size_t i = 0; i < frames; ++i) {
        format::FrameRecord record;
        record.sealed_size = 1000 + static_cast<std::uint32_t>(i);
        record.chunk_lengths.assign(chunks, 100);
        record.raw_size = static_cast<std::uint32_t>(100 * chunks);
        pack.frames.push_back(record);
    }
    pack.chunks.resize(frames * chunks);
    for (ChunkId& id : pack.chunks) id = crypto::random_id<ChunkId>();
    return pack;
}

}  // namespace

TEST_CASE("a chunk is found in its frame, at its offset", "[restore][chunk_table]") {
    ChunkTable table;
    const DekId dek = crypto::random_id<DekId>();
    const auto first = make_pack(3, 10);
    const auto second = make_pack(2, 5);
    table.add(first, dek, "index");
    table.add(second, dek, "index");
    CHECK(table.chunk_count() == 40);
    const ChunkPlace* place = table.find(first.chunks[17]);
    REQUIRE(place != nullptr);
    CHECK(place->offset == 700);
    CHECK(place->length == 100);
    CHECK(table.frame(place->frame).number == 1);
    CHECK(table.frame(place->frame).offset == format::kPackHeaderSize + 1000);
    CHECK(table.pack(table.frame(place->frame).pack).id == first.id);
    const ChunkPlace* other = table.find(second.chunks[9]);
    REQUIRE(other != nullptr);
    CHECK(table.pack(table.frame(other->frame).pack).id == second.id);
    CHECK(table.find(crypto::random_id<ChunkId>()) == nullptr);
    CHECK(ChunkTable().find(first.chunks[0]) == nullptr);
}

TEST_CASE("of several places of a chunk one is kept", "[restore][chunk_table]") {
    ChunkTable table;
    auto first = make_pack(1, 3);
    auto second = make_pack(1, 3);
    second.chunks[1] = first.chunks[2];
    table.add(first, {}, "index");
    table.add(second, {}, "index");
    CHECK(table.chunk_count() == 5);
    CHECK(table.find(first.chunks[2])->frame == 0);
    table.add(first, {}, "index");
    CHECK(table.pack_count() == 2);
}

TEST_CASE("300,000 chunks take less than 15 MB", "[restore][chunk_table]") {
    ChunkTable table;
    std::vector<format::IndexedPack> packs;
    for (int i = 0; i < 30; ++i) packs.push_back(make_pack(20, 500));
    const auto start = std::chrono::steady_clock::now();
    for (const auto& pack : packs) table.add(pack, {}, "index");
    const auto took = std::chrono::steady_clock::now() - start;
    CHECK(table.chunk_count() == 300'000);
    CHECK(table.memory() < 15'000'000);
    INFO("filled in " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
    for (const auto& pack : packs) {
        for (std::size_t i = 0; i < pack.chunks.size(); i += 997) REQUIRE(table.find(pack.chunks[i]) != nullptr);
    }
}

TEST_CASE("a table with ids that somebody chose is searched as fast as any", "[restore][chunk_table][hostile]") {
    const auto seconds_for = [](const std::function<ChunkId(std::uint32_t)>& chosen) {
        format::IndexedPack pack = make_pack(100, 1000);
        std::uint32_t number = 0;
        for (ChunkId& id : pack.chunks) id = chosen(number++);
        const auto start = std::chrono::steady_clock::now();
        ChunkTable table;
        table.add(pack, {}, "index");
        CHECK(table.chunk_count() == pack.chunks.size());
        for (const ChunkId& id : pack.chunks) REQUIRE(table.find(id) != nullptr);
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const double any = seconds_for([](std::uint32_t) { return crypto::random_id<ChunkId>(); });
    // Unlike in two octets alone, wherever they are.
    for (std::size_t first = 0; first < 15; ++first) {
        for (const std::size_t second : {first + 1, (first + 8) % 16}) {
            const double chosen = seconds_for([&](std::uint32_t number) {
                ChunkId id;
                id.octets[first] = static_cast<std::uint8_t>(number);
                id.octets[second] = static_cast<std::uint8_t>(number >> 8U);
                id.octets[(first + 4) % 16] = static_cast<std::uint8_t>(number >> 16U);
                return id;
            });
            INFO("octets " << first << " and " << second << ": " << chosen << " s, any " << any << " s");
            CHECK(chosen < 30 * any + 0.2);
        }
    }
}
