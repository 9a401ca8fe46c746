#include "format/encoding.h"

#include "core/error.h"

namespace signet::format {
namespace {

/// Octets of the UTF-8 sequence at the start of `bytes`; 0 when there is none.
std::size_t utf8_sequence(ByteView bytes) {
    const std::uint8_t first = bytes[0];
    if (first < 0x80) return 1;
    std::size_t size = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
        size = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        size = 3;
        if (first == 0xe0) low = 0xa0;   // overlong
        if (first == 0xed) high = 0x9f;  // surrogates
    } else if (first >= 0xf0 && first <= 0xf4) {
        size = 4;
        if (first == 0xf0) low = 0x90;   // overlong
        if (first == 0xf4) high = 0x8f;  // above U+10FFFF
    } else {
        return 0;
    }
    if (bytes.size() < size || bytes[1] < low || bytes[1] > high) return 0;
    for (std::size_t i = 2; i < size; ++i) {
        if ((bytes[i] & 0xc0U) != 0x80) return 0;
    }
    return size;
}

}  // namespace

std::array<std::uint8_t, 8> u64_octets(std::uint64_t value) {
    std::array<std::uint8_t, 8> octets{};
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(value >> (8 * i));
    return octets;
}

bool is_utf8(ByteView bytes) {
    while (!bytes.empty()) {
        const std::size_t size = utf8_sequence(bytes);
        if (size == 0) return false;
        bytes = bytes.subspan(size);
    }
    return true;
}

std::string to_utf8(std::string_view text) {
    if (is_utf8(as_bytes(text))) return std::string(text);
    std::string result;
    for (ByteView rest = as_bytes(text); !rest.empty();) {
        const std::size_t size = utf8_sequence(rest);
        if (size == 0) {
            result += "\xef\xbf\xbd";
            rest = rest.subspan(1);
        } else {
            result += as_text(rest.first(size));
            rest = rest.subspan(size);
        }
    }
    return result;
}

void write_text(ByteWriter& writer, std::string_view text, std::string_view what) {
    if (!is_utf8(as_bytes(text))) throw Error(ErrorCode::usage, std::string(what) + " is not UTF-8");
    writer.blob(text);
}

std::string read_text(ByteReader& reader, std::size_t limit) {
    const ByteView bytes = reader.blob(limit);
    if (!is_utf8(bytes)) reader.fail("text that is not UTF-8");
    return std::string(as_text(bytes));
}

std::string read_text(ByteReader& reader) { return read_text(reader, reader.remaining()); }

std::string read_blob(ByteReader& reader) { return std::string(as_text(reader.blob(reader.remaining()))); }

std::size_t read_count(ByteReader& reader, std::uint64_t limit, std::size_t item_size) {
    const std::uint64_t count = reader.varint(limit);
    if (count > reader.remaining() / item_size) reader.fail("count of more than is left");
    return static_cast<std::size_t>(count);
}

void read_magic(ByteReader& reader, std::string_view magic, std::string_view what) {
    if (as_text(reader.raw(magic.size())) != magic) throw_damaged(what, "does not start with " + std::string(magic));
    const unsigned version = reader.u16();
    if (version != 1) throw_unsupported(what, "made by another version (" + std::to_string(version) + ")");
}

void read_suite(ByteReader& reader, std::string_view what) {
    const unsigned suite = reader.u16();
    if (suite != 1) throw_unsupported(what, "unknown suite " + std::to_string(suite));
}

void throw_damaged(std::string_view what, std::string_view why) {
    throw Error(ErrorCode::damaged, std::string(what).append(": ").append(why));
}

void throw_unsupported(std::string_view what, std::string_view why) {
    throw Error(ErrorCode::unsupported, std::string(what).append(": ").append(why));
}

}  // namespace signet::format
