#include "format/pack.h"

#include "format/compress.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/allocation_watch.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

PackKeys open_keys(const DataKey& dek, const Bytes& object) {
    return PackKeys::open(dek, ByteView(object).first(kPackHeaderSize), "pack");
}

std::vector<FrameRecord> open_directory(const PackKeys& keys, const Bytes& object) {
    return open_pack_directory(keys, object, object.size(), "pack");
}

FrameRecord record_of(std::uint32_t size) {
    FrameRecord record;
    record.raw_size = size;
    record.sealed_size = size + 16;
    record.chunk_lengths = {size};
    return record;
}

Bytes encoded(const FrameRecord& record) {
    ByteWriter writer;
    record.encode(writer);
    return writer.take();
}

}  // namespace

TEST_CASE("a pack opens under its DEK to what was sealed", "[format][pack]") {
    const DataKey dek = sample_dek();
    const SamplePack pack = sample_pack(dek, 7);
    CHECK(open_whole_pack(dek, pack.object) == pack.raw);
    const auto frames = open_directory(open_keys(dek, pack.object), pack.object);
    REQUIRE(frames.size() == 3);
    for (std::size_t i = 0; i < frames.size(); ++i) {
        CHECK(frames[i].kind == pack.frames[i].kind);
        CHECK(frames[i].codec == pack.frames[i].codec);
        CHECK(frames[i].sealed_size == pack.frames[i].sealed_size);
        CHECK(frames[i].chunk_lengths == pack.frames[i].chunk_lengths);
    }
    CHECK(PackKeys::dek_of(pack.object, "pack") == dek.id());
}

TEST_CASE("a pack's directory opens from the end of the object alone", "[format][pack]") {
    const DataKey dek = sample_dek();
    const Bytes object = sample_pack(dek).object;
    const PackKeys keys = open_keys(dek, object);
    const ByteView view(object);
    const std::uint32_t size = directory_size(view.last(16), object.size(), "pack");
    CHECK(open_pack_directory(keys, view.last(size + 16), object.size(), "pack").size() == 3);
    REQUIRE_THROWS_MATCHES(open_pack_directory(keys, view.last(size + 15), object.size(), "pack"), Error,
                           has_code(ErrorCode::damaged));
    REQUIRE_THROWS_MATCHES(open_pack_directory(keys, view.last(15), object.size(), "pack"), Error,
                           has_code(ErrorCode::damaged));
    REQUIRE_THROWS_MATCHES(directory_size(view.last(16), object.size() + 1, "pack"), Error,
                           has_code(ErrorCode::damaged));
    REQUIRE_THROWS_MATCHES(directory_size(view.last(16), 100, "pack"), Error, has_code(ErrorCode::damaged));
    for (const std::uint64_t length :
         {std::uint64_t{kMaxPack}, std::uint64_t{kMaxPack} + 1, std::uint64_t{144}, std::uint64_t{143}}) {
        ByteWriter trailer;
        trailer.u32(100);
        trailer.u64(length);
        trailer.raw("PKEN");
        const auto code = outcome([&] { (void)directory_size(trailer.view(), length, "pack"); });
        CHECK(code == (length == kMaxPack ? std::nullopt : std::optional(ErrorCode::damaged)));
        CHECK(outcome([&] { (void)directory_size(trailer.view().first(15), length, "pack"); }) == ErrorCode::damaged);
    }
}

TEST_CASE("every changed bit of a pack is refused", "[format][pack]") {
    const DataKey dek = sample_dek();
    require_all_changes_refused(sample_pack(dek).object,
                                [&](const Bytes& changed) { (void)open_whole_pack(dek, changed); });
}

TEST_CASE("two packs of one DEK share neither salt nor keys", "[format][pack]") {
    const DataKey dek = sample_dek();
    const PackKeys first = PackKeys::create(dek, 1);
    const PackKeys second = PackKeys::create(dek, 1);
    CHECK_FALSE(first.frame_key().equals(second.frame_key().reveal()));
    CHECK_FALSE(first.directory_key().equals(second.directory_key().reveal()));
    CHECK_FALSE(first.frame_key().equals(first.directory_key().reveal()));
    CHECK(as_text(first.header()) != as_text(second.header()));
    CHECK(to_hex(first.header().subspan(12, 4)) == "01000000");
}

TEST_CASE("a pack commits to one key, whatever else would open it", "[format][pack]") {
    const DataKey dek = sample_dek();
    const DataKey impostor(dek.repository(), dek.id(), sample_secret("impostor"));
    const Bytes object = sample_pack(impostor).object;
    CHECK_NOTHROW(open_whole_pack(impostor, object));
    REQUIRE_THROWS_MATCHES(open_keys(dek, object), Error, has_code(ErrorCode::damaged));
    // The header of one key before the frames of another: nothing opens.
    Bytes mixed = sample_pack(dek).object;
    std::copy(object.begin() + kPackHeaderSize, object.end(), mixed.begin() + kPackHeaderSize);
    REQUIRE_THROWS_MATCHES(open_whole_pack(dek, mixed), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("foreign packs are refused before anything is opened", "[format][pack]") {
    const DataKey dek = sample_dek();
    REQUIRE_THROWS_MATCHES(open_keys(dek, sample_pack(sample_dek("other")).object), Error,
                           has_code(ErrorCode::damaged));
    const DataKey elsewhere(sample_id<RepositoryId>("elsewhere"), dek.id(), dek.secret().clone());
    REQUIRE_THROWS_MATCHES(open_keys(dek, sample_pack(elsewhere).object), Error, has_code(ErrorCode::damaged));
    // The commitment is to the secret: two data keys with one secret are still two.
    const DataKey renamed(dek.repository(), sample_id<DekId>("renamed"), dek.secret().clone());
    REQUIRE_THROWS_MATCHES(open_keys(dek, sample_pack(renamed).object), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a frame opens only in its place, kind, codec and size", "[format][pack]") {
    const DataKey dek = sample_dek();
    const PackKeys keys = PackKeys::create(dek, 0);
    const PackKeys other_pack = PackKeys::create(dek, 1);
    FrameCipher cipher(keys);
    const FrameCipher::Position position{3, FrameKind::data, Codec::raw, 40};
    const Bytes payload = sample_octets("payload", 40);
    Bytes sealed(56);
    cipher.seal(position, payload, sealed);
    Bytes out(40);
    REQUIRE(cipher.open(position, sealed, out));
    CHECK(out == payload);
    const auto opens = [&](FrameCipher::Position at) { return cipher.open(at, sealed, out); };
    CHECK_FALSE(opens({2, FrameKind::data, Codec::raw, 40}));
    CHECK_FALSE(opens({3, FrameKind::metadata, Codec::raw, 40}));
    CHECK_FALSE(opens({3, FrameKind::data, Codec::zstd, 40}));
    CHECK_FALSE(opens({3, FrameKind::data, Codec::raw, 41}));
    CHECK_FALSE(FrameCipher(other_pack).open(position, sealed, out));
    CHECK(out != payload);
    Bytes short_out(39);
    CHECK_FALSE(cipher.open(position, sealed, short_out));
    CHECK_FALSE(cipher.open(position, ByteView(sealed).first(15), MutableByteView()));
}

TEST_CASE("the octets of a frame record stand where the format says", "[format][pack]") {
    FrameRecord record;
    record.kind = FrameKind::metadata;
    record.codec = Codec::zstd;
    record.sealed_size = 300;
    record.raw_size = 1000;
    record.chunk_lengths = {1, 999};
    CHECK(to_hex(encoded(record)) ==
          "02"
          "01"
          "ac02"
          "e807"
          "02"
          "01"
          "e707");
}

TEST_CASE("changed frame records are refused or mean something else", "[format][pack]") {
    FrameRecord record;
    record.codec = Codec::zstd;
    record.sealed_size = 300;
    record.raw_size = 1000;
    record.chunk_lengths = {1, 2, 997};
    const Bytes bytes = encoded(record);
    each_bit_flip(bytes, [&](const Bytes& changed, std::size_t bit) {
        std::optional<Bytes> again;
        const auto code = outcome([&] {
            ByteReader reader(changed, "record");
            const FrameRecord decoded = FrameRecord::decode(reader);
            reader.expect_end();
            again = encoded(decoded);
        });
        if (again ? *again != changed : code != ErrorCode::damaged) FAIL("bit " << bit);
    });
}

TEST_CASE("a pack has at most 65,535 frames and 80 MiB", "[format][pack]") {
    const DataKey dek = sample_dek();
    const PackKeys keys = PackKeys::create(dek, 0);
    const std::vector<FrameRecord> most(kMaxFrames, record_of(1));
    const std::uint64_t frames_size = kMaxFrames * 17;
    const Bytes end = seal_pack_end(keys, most, frames_size);
    const std::uint64_t object_size = kPackHeaderSize + frames_size + end.size();
    CHECK(open_pack_directory(keys, end, object_size, "pack").size() == kMaxFrames);
    REQUIRE_THROWS_MATCHES(open_pack_directory(keys, end, object_size + 1, "pack"), Error,
                           has_code(ErrorCode::damaged));
    const std::vector<FrameRecord> large(80, record_of(kMaxFrameRaw));
    REQUIRE_THROWS_MATCHES(seal_pack_end(keys, large, std::uint64_t{80} * (kMaxFrameRaw + 16)), Error,
                           has_code(ErrorCode::failed));
}

TEST_CASE("hostile lengths in a directory allocate nothing", "[format][pack][hostile]") {
    // A raw length of 1 MiB in as many chunks, in a few octets; and 65,535 frames in none.
    const Bytes bytes = from_hex_text("0101118080408080400101");
    const AllocationWatch watch;
    ByteReader reader(bytes, "record");
    REQUIRE_THROWS_MATCHES(FrameRecord::decode(reader), Error, has_code(ErrorCode::damaged));
    Bytes trailer = from_hex_text("ffffffffe803000000000000504b454e");
    REQUIRE_THROWS_MATCHES(directory_size(trailer, 1000, "pack"), Error, has_code(ErrorCode::damaged));
    CHECK(watch.largest() < 64 * 1024);
}
