#include "format/index.h"

#include "core/crypto/digest.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

IndexedPack indexed(const SamplePack& pack, std::string_view name) {
    IndexedPack result;
    result.id = PackId::from(crypto::sha256(pack.object).view());
    result.size = pack.object.size();
    result.frames = pack.frames;
    for (int i = 0; i < 6; ++i) result.chunks.push_back(sample_id<ChunkId>(std::string(name) + std::to_string(i)));
    return result;
}

IndexSegment sample_segment() {
    const DataKey dek = sample_dek();
    return {dek.id(), {indexed(sample_pack(dek, 0), "a"), indexed(sample_pack(dek, 1), "b")}};
}

const IdentityId kWriter = sample_signer().verify_key().identity();

IndexSegment open(const Bytes& object) {
    return IndexSegment::open(object, sample_repository(), kWriter, sample_writer_keys().index_key, "index");
}

}  // namespace

TEST_CASE("an index segment opens under its writer's key to what was sealed", "[format][index]") {
    const IndexSegment segment = sample_segment();
    const Bytes object = segment.seal(sample_repository(), kWriter, sample_writer_keys().index_key);
    const IndexSegment opened = open(object);
    CHECK(opened.dek == segment.dek);
    REQUIRE(opened.packs.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
        CHECK(opened.packs[i].id == segment.packs[i].id);
        CHECK(opened.packs[i].size == segment.packs[i].size);
        CHECK(opened.packs[i].chunks == segment.packs[i].chunks);
        REQUIRE(opened.packs[i].frames.size() == 3);
        CHECK(opened.packs[i].frames[1].chunk_lengths == segment.packs[i].frames[1].chunk_lengths);
    }
}

TEST_CASE("an index segment of no packs comes back", "[format][index]") {
    const Bytes object =
        IndexSegment{sample_dek().id(), {}}.seal(sample_repository(), kWriter, sample_writer_keys().index_key);
    CHECK(open(object).packs.empty());
}

TEST_CASE("every changed bit of an index segment is refused", "[format][index]") {
    const Bytes object = sample_segment().seal(sample_repository(), kWriter, sample_writer_keys().index_key);
    require_all_changes_refused(object, [](const Bytes& changed) { (void)open(changed); });
}

TEST_CASE("an index segment of another repository, writer or key is refused", "[format][index]") {
    const SecretBytes key = sample_writer_keys().index_key.clone();
    const auto other_repository = sample_id<RepositoryId>("other");
    const auto other_writer = sample_id<IdentityId>("other");
    const IndexSegment segment = sample_segment();
    REQUIRE_THROWS_MATCHES(open(segment.seal(other_repository, kWriter, key)), Error, has_code(ErrorCode::damaged));
    REQUIRE_THROWS_MATCHES(open(segment.seal(sample_repository(), other_writer, key)), Error,
                           has_code(ErrorCode::damaged));
    REQUIRE_THROWS_MATCHES(open(segment.seal(sample_repository(), kWriter, sample_secret("other"))), Error,
                           has_code(ErrorCode::damaged));
}

TEST_CASE("two seals of one segment have nothing in common", "[format][index]") {
    const SecretBytes key = sample_writer_keys().index_key.clone();
    const IndexSegment segment = sample_segment();
    const Bytes first = segment.seal(sample_repository(), kWriter, key);
    const Bytes second = segment.seal(sample_repository(), kWriter, key);
    CHECK(Bytes(first.begin() + 60, first.end()) != Bytes(second.begin() + 60, second.end()));
}

TEST_CASE("an index segment of more than 64 MiB is not made", "[format][index]") {
    FrameRecord frame;
    frame.codec = Codec::zstd;
    frame.sealed_size = 1000;
    frame.raw_size = kMaxFrameRaw;
    frame.chunk_lengths.assign(65'536, 16);
    IndexedPack pack;
    pack.size = kMaxPack;
    pack.frames.assign(62, frame);
    pack.chunks.resize(62 * 65'536);
    IndexSegment segment{sample_dek().id(), {pack}};
    REQUIRE_THROWS_MATCHES(segment.seal(sample_repository(), kWriter, sample_writer_keys().index_key), Error,
                           has_code(ErrorCode::failed));
    segment.packs[0].frames.resize(55);
    segment.packs[0].chunks.resize(55 * 65'536);
    const Bytes object = segment.seal(sample_repository(), kWriter, sample_writer_keys().index_key);
    CHECK(open(object).packs[0].chunks.size() == 55 * 65'536);
}
