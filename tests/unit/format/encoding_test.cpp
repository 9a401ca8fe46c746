#include "format/encoding.h"

#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

bool is_text(std::string_view text) { return is_utf8(as_bytes(text)); }

}  // namespace

TEST_CASE("text is UTF-8 without overlong forms and surrogates", "[format][encoding]") {
    CHECK(is_text(""));
    CHECK(is_text("plain"));
    CHECK(is_text(std::string_view("with\0zero", 9)));
    CHECK(is_text(
        "\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
    const std::string bad = GENERATE(as<std::string>{}, "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41",
                                     "\xe0\x9f\xbf", "\xe1\x80", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
                                     "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff");
    CAPTURE(bad);
    CHECK_FALSE(is_text(bad));
    CHECK_FALSE(is_text("before" + bad));
    CHECK_FALSE(is_text(bad + "after"));
    CHECK(is_text(to_utf8("a" + bad + "b")));
}

TEST_CASE("what is not UTF-8 is replaced octet by octet", "[format][encoding]") {
    CHECK(to_utf8("caf\xc3\xa9") == "caf\xc3\xa9");
    CHECK(to_utf8("caf\xe9!") == "caf\xef\xbf\xbd!");
    CHECK(to_utf8("\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd");
    CHECK(to_utf8("\xff\xc3\xa9") == "\xef\xbf\xbd\xc3\xa9");
}

TEST_CASE("text that people gave is refused when it is not UTF-8", "[format][encoding]") {
    ByteWriter writer;
    REQUIRE_THROWS_MATCHES(write_text(writer, "\xff", "a tag"), Error, has_code(ErrorCode::usage));
    CHECK(writer.size() == 0);
}

TEST_CASE("a count is believed only as far as what is left can hold", "[format][encoding]") {
    ByteWriter writer;
    writer.varint(3);
    writer.raw(sample_octets("x", 12));
    ByteReader four(writer.view(), "list");
    CHECK(read_count(four, 10, 4) == 3);
    ByteReader five(writer.view(), "list");
    REQUIRE_THROWS_MATCHES(read_count(five, 10, 5), Error, has_code(ErrorCode::damaged));
    ByteReader limited(writer.view(), "list");
    REQUIRE_THROWS_MATCHES(read_count(limited, 2, 1), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a label ends in its zero octet", "[format][encoding]") {
    CHECK(to_hex(label("signet/x")) == "7369676e65742f7800");
    CHECK(to_hex(u64_octets(0x0102030405060708)) == "0807060504030201");
}
