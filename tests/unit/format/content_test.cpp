#include "format/content.h"

#include "format/limits.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/allocation_watch.h"
#include "tests/unit/format/samples.h"

#include <random>

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

Bytes encoded(const Content& content) {
    ByteWriter writer;
    content.encode(writer);
    return writer.take();
}

Content decoded(ByteView bytes) {
    ByteReader reader(bytes, "content");
    Content content = Content::decode(reader);
    reader.expect_end();
    return content;
}

/// References of `level` that cover `size` octets (0: as many as it takes).
std::vector<Reference> random_references(std::mt19937_64& random, unsigned level, std::size_t count) {
    std::vector<Reference> references(count);
    for (Reference& reference : references) {
        for (auto& octet : reference.id.octets) octet = static_cast<std::uint8_t>(random());
        reference.length = static_cast<std::uint32_t>(1 + random() % (random() % 2 == 0 ? 300 : kMaxFrameRaw));
        reference.span = level == 0 ? reference.length : 1 + random() % (std::uint64_t{1} << (random() % 40));
    }
    return references;
}

std::uint64_t span_of(const std::vector<Reference>& references) {
    std::uint64_t span = 0;
    for (const Reference& reference : references) span += reference.span;
    return span;
}

Content random_content(std::mt19937_64& random) {
    Content content;
    if (random() % 10 == 0) return content;
    content.level = static_cast<unsigned>(random() % (kMaxContentLevel + 1));
    content.references = random_references(random, content.level, 1 + random() % 20);
    content.size = span_of(content.references);
    return content;
}

/// Refused, or read as something that is written in exactly these octets: nothing has two spellings.
void require_canonical(const Bytes& bytes) {
    std::optional<Content> content;
    const auto code = outcome([&] { content = decoded(bytes); });
    if (content ? encoded(*content) != bytes : code != ErrorCode::damaged) FAIL(to_hex(bytes));
}

}  // namespace

TEST_CASE("the octets of contents stand where the format says", "[format][content]") {
    const auto a = ChunkId::parse("000102030405060708090a0b0c0d0e0f").value();
    const auto b = ChunkId::parse("101112131415161718191a1b1c1d1e1f").value();
    CHECK(to_hex(encoded({})) == "00");
    CHECK(to_hex(encoded({300, 0, {{a, 300, 300}}})) ==
          "ac02"
          "00"
          "01" +
              a.hex());
    CHECK(to_hex(encoded({301, 0, {{a, 300, 300}, {b, 1, 1}}})) ==
          "ad02"
          "00"
          "02"
          "ac02"
          "01" +
              a.hex() + b.hex());
    CHECK(to_hex(encoded({1000, 2, {{a, 40, 1000}}})) ==
          "e807"
          "02"
          "01"
          "28"
          "e807" +
              a.hex());
    CHECK(to_hex(encode_list(0, {{a, 5, 5}})) ==
          "00"
          "01"
          "05" +
              a.hex());
    CHECK(to_hex(encode_list(1, {{a, 5, 128}, {b, 6, 1}})) ==
          "01"
          "02"
          "05"
          "06"
          "8001"
          "01" +
              a.hex() + b.hex());
}

TEST_CASE("random contents come back as they were", "[format][content][property]") {
    const auto seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    for (int i = 0; i < 500; ++i) {
        CAPTURE(i);
        const Content content = random_content(random);
        if (!(decoded(encoded(content)) == content)) FAIL("another content");
        if (content.size == 0 || content.level == 0) continue;
        const Bytes list = encode_list(content.level - 1, random_references(random, content.level - 1, 7));
        ByteReader reader(list, "list");
        CHECK(reader.u8() == content.level - 1);
    }
}

TEST_CASE("random lists come back as they were", "[format][content][property]") {
    const auto seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    for (int i = 0; i < 300; ++i) {
        CAPTURE(i);
        const auto level = static_cast<unsigned>(random() % kMaxContentLevel);
        const auto references = random_references(random, level, 1 + random() % 200);
        const Bytes list = encode_list(level, references);
        CHECK(decode_list(list, level, span_of(references), "list") == references);
        REQUIRE_THROWS_MATCHES(decode_list(list, level, span_of(references) + 1, "list"), Error,
                               has_code(ErrorCode::damaged));
        REQUIRE_THROWS_MATCHES(decode_list(list, level, span_of(references) - 1, "list"), Error,
                               has_code(ErrorCode::damaged));
        REQUIRE_THROWS_MATCHES(decode_list(list, level + 1, span_of(references), "list"), Error,
                               has_code(ErrorCode::damaged));
    }
}

TEST_CASE("every changed bit of a content is refused or means something else", "[format][content]") {
    const auto seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    for (int i = 0; i < 10; ++i) {
        const Bytes bytes = encoded(random_content(random));
        each_bit_flip(bytes, [](const Bytes& changed, std::size_t) { require_canonical(changed); });
        each_truncation(bytes, [](const Bytes& cut) {
            if (outcome([&] { (void)decoded(cut); }) != ErrorCode::damaged) FAIL(to_hex(cut));
        });
    }
}

TEST_CASE("a content has at most 65,536 references", "[format][content]") {
    Content content;
    content.references.assign(kMaxReferences, {sample_id<ChunkId>("c"), 1, 1});
    content.size = kMaxReferences;
    const Bytes bytes = encoded(content);
    CHECK(decoded(bytes) == content);
    // One more, by hand: the writer would not.
    ByteWriter writer;
    writer.varint(kMaxReferences + 1);
    writer.varint(0);
    writer.varint(kMaxReferences + 1);
    for (std::size_t i = 0; i <= kMaxReferences; ++i) writer.u8(1);
    writer.raw(Bytes(16 * (kMaxReferences + 1)));
    REQUIRE_THROWS_MATCHES(decoded(writer.view()), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a list larger than a chunk is refused", "[format][content]") {
    // Right in all else: 65,536 references, each with a length of one octet.
    ByteWriter list;
    list.u8(0);
    list.varint(kMaxReferences);
    for (std::size_t i = 0; i < kMaxReferences; ++i) list.u8(1);
    list.raw(Bytes(16 * kMaxReferences));
    REQUIRE(list.size() > kMaxFrameRaw);
    REQUIRE_THROWS_MATCHES(decode_list(list.view(), 0, kMaxReferences, "list"), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("hostile counts of references allocate nothing", "[format][content][hostile]") {
    ByteWriter writer;
    writer.varint(kMaxFileSize);
    writer.varint(4);
    writer.varint(kMaxReferences);
    writer.raw(Bytes(64));
    const AllocationWatch watch;
    REQUIRE_THROWS_MATCHES(decoded(writer.view()), Error, has_code(ErrorCode::damaged));
    CHECK(watch.largest() < 64 * 1024);
}
