#include "core/byte_io.h"

#include <limits>

#include "tests/support/matchers.h"

using namespace signet;
using signet::test::has_code;

namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

std::uint64_t read_varint(const Bytes& bytes) {
    ByteReader reader(bytes, "test");
    const std::uint64_t value = reader.varint();
    reader.expect_end();
    return value;
}

}  // namespace

TEST_CASE("integers are little-endian", "[core][byte_io]") {
    ByteWriter writer;
    writer.u8(0x01);
    writer.u16(0x0203);
    writer.u32(0x04050607);
    writer.u64(0x08090a0b0c0d0e0f);
    writer.i64(-2);
    CHECK(to_hex(writer.view()) == "010302070605040f0e0d0c0b0a0908feffffffffffffff");
    ByteReader reader(writer.view(), "test");
    CHECK(reader.u8() == 0x01);
    CHECK(reader.u16() == 0x0203);
    CHECK(reader.u32() == 0x04050607);
    CHECK(reader.u64() == 0x08090a0b0c0d0e0f);
    CHECK(reader.i64() == -2);
    CHECK(reader.at_end());
}

TEST_CASE("varints at every border of length come back, as short as possible", "[core][byte_io]") {
    for (unsigned bits = 0; bits <= 64; ++bits) {
        const std::uint64_t border = bits == 64 ? 0 : std::uint64_t{1} << bits;
        for (const std::uint64_t value : {border - 1, border, border + 1}) {
            CAPTURE(value);
            ByteWriter writer;
            writer.varint(value);
            std::size_t needed = 1;
            while (needed < 10 && value >> (7 * needed) != 0) ++needed;
            CHECK(writer.size() == needed);
            CHECK(read_varint(writer.bytes()) == value);
        }
    }
}

TEST_CASE("signed varints come back", "[core][byte_io]") {
    const auto value = GENERATE(std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{-64}, std::int64_t{64},
                                std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
    ByteWriter writer;
    writer.signed_varint(value);
    ByteReader reader(writer.view(), "test");
    CHECK(reader.signed_varint() == value);
    if (value >= -64 && value < 64) CHECK(writer.size() == 1);
}

TEST_CASE("a varint that is longer than necessary is refused", "[core][byte_io]") {
    CHECK(read_varint({0x00}) == 0);
    CHECK_THROWS_MATCHES(read_varint({0x80, 0x00}), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(read_varint({0xff, 0x00}), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(read_varint({0x80, 0x80, 0x00}), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a varint over 64 bits or without an end is refused", "[core][byte_io]") {
    Bytes largest(9, 0xff);
    largest.push_back(0x01);
    CHECK(read_varint(largest) == kLargest);
    largest.back() = 0x02;
    CHECK_THROWS_MATCHES(read_varint(largest), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(read_varint(Bytes(10, 0xff)), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(read_varint(Bytes(11, 0x80)), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(read_varint({0x80}), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(read_varint({}), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a varint over its limit is refused", "[core][byte_io]") {
    const Bytes bytes{0x65};
    ByteReader fits(bytes, "test");
    CHECK(fits.varint(101) == 101);
    ByteReader over(bytes, "test");
    CHECK_THROWS_MATCHES(over.varint(100), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("every truncation of a record is refused", "[core][byte_io]") {
    ByteWriter writer;
    writer.u16(7);
    writer.blob("some text");
    writer.id(DekId::from(Bytes(16, 1)));
    writer.u64(9);
    const auto read = [](ByteView bytes) {
        ByteReader reader(bytes, "record");
        static_cast<void>(reader.u16());
        static_cast<void>(reader.text(100));
        static_cast<void>(reader.id<DekId>());
        static_cast<void>(reader.u64());
        reader.expect_end();
    };
    CHECK_NOTHROW(read(writer.view()));
    for (std::size_t size = 0; size < writer.size(); ++size) {
        CHECK_THROWS_MATCHES(read(writer.view().first(size)), Error, has_code(ErrorCode::damaged));
    }
    writer.u8(0);
    CHECK_THROWS_MATCHES(read(writer.view()), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a blob that announces more than there is is refused before anything is allocated", "[core][byte_io]") {
    ByteWriter writer;
    writer.varint(kLargest);
    ByteReader reader(writer.view(), "test");
    CHECK_THROWS_MATCHES(reader.blob(std::numeric_limits<std::size_t>::max()), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a failure names the object and the offset", "[core][byte_io]") {
    const Bytes bytes{1, 2, 3};
    ByteReader reader(bytes, "pack 12ab");
    static_cast<void>(reader.u16());
    try {
        static_cast<void>(reader.u16());
        FAIL("read beyond the end");
    } catch (const Error& error) {
        CHECK(std::string(error.what()) == "pack 12ab: truncated at offset 2");
    }
}
