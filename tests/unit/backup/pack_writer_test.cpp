#include "backup/pack_writer.h"
#include "backup/storing.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/names.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

#include <atomic>
#include <map>
#include <string>

using namespace signet;
using namespace signet::backup;
using signet::test::has_code;

namespace {

using Stage = PackWriter::Stage;

/// Chunks for frames of both kinds, some of which compress.
struct Load {
    std::map<ChunkId, Bytes> chunks;

    struct Frame {
        format::FrameKind kind = format::FrameKind::data;
        Bytes raw;
        std::vector<FreshChunk> chunks;
    };
    std::vector<Frame> frames;

    Load() {
        for (std::size_t i = 0; i < 9; ++i) {
            Frame frame;
            frame.kind = i % 3 == 2 ? format::FrameKind::metadata : format::FrameKind::data;
            for (std::size_t j = 0; j < 3; ++j) {
                Bytes octets(500 + 100 * i + j);
                if (i % 2 == 0)
                    crypto::random_fill(octets);
                else
                    std::fill(octets.begin(), octets.end(), static_cast<std::uint8_t>(i + j));
                const auto id = crypto::random_id<ChunkId>();
                frame.chunks.push_back(fresh_chunk(id, octets));
                frame.raw.insert(frame.raw.end(), octets.begin(), octets.end());
                chunks.emplace(id, std::move(octets));
            }
            frames.push_back(std::move(frame));
        }
    }
};

/// Writes the load as packs of a few frames. returns  what is to be in the index
std::vector<format::IndexedPack> write(const Load& load, const format::DataKey& key, storage::Store& store,
                                       const std::function<void(Stage, ByteView)>& watch) {
    PackWriter::Options options;
    options.pack_size = 6000;
    options.watch = watch;
    PackWriter packs(key, &store, options, {});
    SealContext context(3);
    for (const Load::Frame& frame : load.frames)
        packs.add(PackWriter::Lane::data, frame.kind, frame.raw, frame.chunks, context);
    packs.finish();
    return packs.take_stored();
}

/// Opens everything that an index would name. returns  how many chunks are not what they were
std::size_t count_wrong(const Load& load, const format::DataKey& key, const storage::Store& store,
                        const std::vector<format::IndexedPack>& packs) {
    std::size_t wrong = 0;
    for (const format::IndexedPack& pack : packs) {
        const Bytes object = store.get(format::pack_name(pack.id), format::kMaxPack);
        if (PackId::from(crypto::sha256(object).view()) != pack.id) ++wrong;
        const auto keys = format::PackKeys::open(key, ByteView(object).first(format::kPackHeaderSize), "a pack");
        format::FrameCipher cipher(keys);
        format::Decompressor decompressor;
        std::size_t at = format::kPackHeaderSize;
        std::size_t chunk = 0;
        for (std::uint32_t number = 0; number < pack.frames.size(); ++number) {
            const format::FrameRecord& frame = pack.frames[number];
            Bytes payload(frame.sealed_size - crypto::kAeadTagSize);
            const format::FrameCipher::Position position{number, frame.kind, frame.codec, frame.raw_size};
            bool opens = cipher.open(position, ByteView(object).subspan(at, frame.sealed_size), payload);
            Bytes raw(frame.raw_size);
            if (opens && frame.codec == format::Codec::zstd) opens = decompressor.decompress(payload, raw);
            if (opens && frame.codec == format::Codec::raw) raw = payload;
            std::size_t inside = 0;
            for (const std::uint32_t length : frame.chunk_lengths) {
                const Bytes& expected = load.chunks.at(pack.chunks[chunk++]);
                const ByteView found = ByteView(raw).subspan(inside, length);
                if (!opens || !std::equal(found.begin(), found.end(), expected.begin(), expected.end())) ++wrong;
                inside += length;
            }
            at += frame.sealed_size;
        }
    }
    return wrong;
}

}  // namespace

TEST_CASE("no bit that memory flips on the way from a file to a pack is ever committed", "[backup][fault]") {
    const Load load;
    const auto key = format::DataKey::generate(crypto::random_id<RepositoryId>());
    {
        signet::test::MemoryStore store;
        const auto packs = write(load, key, store, {});
        CHECK(packs.size() > 3);
        CHECK(count_wrong(load, key, store, packs) == 0);
    }
    std::map<Stage, int> noticed;
    int committed_wrong = 0;
    int tried = 0;
    for (const Stage stage :
         {Stage::gathered, Stage::compressed, Stage::sealed, Stage::opened, Stage::complete, Stage::hashed}) {
        for (int turn = 0;; ++turn) {
            std::atomic<int> seen{0};
            bool flipped = false;
            const auto flip = [&](Stage where, ByteView octets) {
                if (where != stage || seen++ != turn) return;
                // A watcher only looks; memory that fails does not ask.
                const std::size_t bit = static_cast<std::size_t>(turn) * 7919 % (octets.size() * 8);
                const_cast<std::uint8_t*>(octets.data())[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
                flipped = true;
            };
            signet::test::MemoryStore store;
            const Load copy = load;  // what is altered  NOLINT(performance-unnecessary-copy-initialization)
            try {
                const auto packs = write(copy, key, store, flip);
                if (flipped && count_wrong(load, key, store, packs) > 0) ++committed_wrong;
            } catch (const Error& error) {
                CHECK(error.code() == ErrorCode::failed);
                CHECK(std::string(error.what()).find("faulty") != std::string::npos);
                ++noticed[stage];
            }
            if (!flipped) break;
            ++tried;
        }
    }
    CHECK(committed_wrong == 0);
    CHECK(tried > 40);
    for (const Stage stage :
         {Stage::gathered, Stage::compressed, Stage::sealed, Stage::opened, Stage::complete, Stage::hashed})
        CHECK(noticed[stage] > 0);
}

TEST_CASE("octets that changed since their chunk got its id are not sealed", "[backup][fault]") {
    const auto key = format::DataKey::generate(crypto::random_id<RepositoryId>());
    signet::test::MemoryStore store;
    PackWriter packs(key, &store, {}, {});
    SealContext context(3);
    Bytes octets(3000, std::uint8_t{7});
    const std::vector<FreshChunk> chunks{fresh_chunk(crypto::random_id<ChunkId>(), octets)};
    octets[1234] ^= 1;
    CHECK_THROWS_MATCHES(packs.add(PackWriter::Lane::data, format::FrameKind::data, octets, chunks, context), Error,
                         has_code(ErrorCode::failed));
}
