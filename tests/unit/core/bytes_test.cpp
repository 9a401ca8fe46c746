#include "core/bytes.h"

#include <array>

#include "core/id.h"
#include "tests/support/matchers.h"

using namespace signet;
using signet::test::has_code;

TEST_CASE("hexadecimal is lower case, two digits an octet", "[core][bytes]") {
    CHECK(to_hex(Bytes{}).empty());
    CHECK(to_hex(Bytes{0x00, 0x0f, 0xa0, 0xff}) == "000fa0ff");
}

TEST_CASE("hexadecimal of another length, case or alphabet is refused", "[core][bytes]") {
    std::array<std::uint8_t, 2> out{};
    CHECK(from_hex("00ff", out));
    CHECK(out == std::array<std::uint8_t, 2>{0x00, 0xff});
    const auto* text = GENERATE("", "00f", "00ff0", "00ff00", "00FF", "00fg", " 0ff", "0x00");
    CAPTURE(text);
    CHECK_FALSE(from_hex(text, out));
}

TEST_CASE("base64 meets the examples of RFC 4648 section 10", "[core][bytes]") {
    const std::array<std::pair<std::string, std::string>, 7> cases{{{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}}};
    for (const auto& [plain, encoded] : cases) {
        CHECK(to_base64(as_bytes(plain)) == encoded);
        CHECK(as_text(from_base64(encoded)) == plain);
    }
}

TEST_CASE("base64 gives back every octet", "[core][bytes]") {
    Bytes all;
    for (int i = 0; i < 256; ++i) all.push_back(static_cast<std::uint8_t>(i));
    for (std::size_t size = 0; size <= all.size(); ++size) {
        const Bytes part(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK(from_base64(to_base64(part)) == part);
    }
}

TEST_CASE("base64 that is not canonical is refused", "[core][bytes]") {
    const auto* text = GENERATE("Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", "Zm 9v", "Z===", "====", "=",
                                "Zg==Zg==", "Zm-_", "Zg=A", "Zm9vYg= ");
    CAPTURE(text);
    CHECK_THROWS_MATCHES(from_base64(text), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("an id is parsed from its own hexadecimal and from nothing else", "[core][id]") {
    const DekId id = DekId::from(Bytes(16, 0xab));
    CHECK(id.hex() == "abababababababababababababababab");
    CHECK(id.short_hex() == "abababab");
    CHECK(DekId::parse(id.hex()) == id);
    CHECK_FALSE(DekId::parse(id.hex().substr(2)));
    CHECK_FALSE(DekId::parse("ABababababababababababababababab"));
    CHECK(DekId{}.is_zero());
    CHECK_FALSE(id.is_zero());
}
