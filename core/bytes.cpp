#include "core/bytes.h"

#include <array>

#include "core/error.h"

namespace signet {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    return -1;
}

int base64_value(char digit) {
    if (digit >= 'A' && digit <= 'Z') return digit - 'A';
    if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9') return digit - '0' + 52;
    if (digit == '+') return 62;
    if (digit == '/') return 63;
    return -1;
}

[[noreturn]] void fail_base64() { throw Error(ErrorCode::damaged, "not canonical base64"); }

}  // namespace

std::string to_hex(ByteView bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (std::uint8_t octet : bytes) {
        text.push_back(kHexDigits[octet >> 4U]);
        text.push_back(kHexDigits[octet & 15U]);
    }
    return text;
}

bool from_hex(std::string_view text, MutableByteView out) {
    if (text.size() != out.size() * 2) return false;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = hex_value(text[2 * i]);
        const int low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return true;
}

std::string to_base64(ByteView bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j) group = group << 8U | (j < count ? bytes[i + j] : 0U);
        for (std::size_t j = 0; j < 4; ++j) {
            text.push_back(j <= count ? kBase64Digits[group >> (18 - 6 * j) & 63U] : '=');
        }
    }
    return text;
}

Bytes from_base64(std::string_view text) {
    if (text.size() % 4 != 0) fail_base64();
    std::size_t padding = 0;
    if (!text.empty() && text.back() == '=') padding = text[text.size() - 2] == '=' ? 2 : 1;
    const std::string_view digits = text.substr(0, text.size() - padding);

    Bytes bytes;
    bytes.reserve(text.size() / 4 * 3);
    std::uint32_t group = 0;
    unsigned bits = 0;
    for (char digit : digits) {
        const int value = base64_value(digit);
        if (value < 0) fail_base64();
        group = (group << 6U | static_cast<std::uint32_t>(value)) & 0xffffU;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<std::uint8_t>(group >> bits));
        }
    }
    // The bits that the last digit has too many must be zero: one text for one value.
    if ((group & ((1U << bits) - 1)) != 0) fail_base64();
    return bytes;
}

}  // namespace signet
