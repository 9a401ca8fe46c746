// What the encodings of several objects share: labels, text, counted lists (docs/format.md section 2).
#pragma once

#include "core/byte_io.h"

#include <string>
#include <string_view>

namespace signet::format {

/// A label of a key derivation or of associated data: its characters and the one zero octet that ends the literal.
template <std::size_t N>
[[nodiscard]] inline ByteView label(const char (&text)[N]) {
    return as_bytes(std::string_view(text, N));
}

/// `value` as eight octets, little-endian.
[[nodiscard]] std::array<std::uint8_t, 8> u64_octets(std::uint64_t value);

/// Whether octets are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(ByteView bytes);
/// The text itself when it is UTF-8; otherwise with U+FFFD in place of each octet that does not belong.
[[nodiscard]] std::string to_utf8(std::string_view text);

/// Writes a `text` that people gave. throws  Error{usage}: not UTF-8; `what` names it
void write_text(ByteWriter& writer, std::string_view text, std::string_view what);
/// Reads a `text` of at most `limit` octets. throws  Error{damaged}: also when it is not UTF-8
[[nodiscard]] std::string read_text(ByteReader& reader, std::size_t limit);
/// The same, limited by what is left.
[[nodiscard]] std::string read_text(ByteReader& reader);
/// A `blob` limited by what is left.
[[nodiscard]] std::string read_blob(ByteReader& reader);

/// Reads the count of a list whose items take at least `item_size` octets each, so that a hostile count cannot make
/// the reader allocate more than the object's own size allows.
/// throws  Error{damaged}: over `limit`, or more than the octets left can hold
[[nodiscard]] std::size_t read_count(ByteReader& reader, std::uint64_t limit, std::size_t item_size);

/// Checks the magic octets and the version that start an object.
/// throws  Error{damaged}: another magic; Error{unsupported}: another version
void read_magic(ByteReader& reader, std::string_view magic, std::string_view what);
/// Reads the suite. throws  Error{unsupported}
void read_suite(ByteReader& reader, std::string_view what);

[[noreturn]] void throw_damaged(std::string_view what, std::string_view why);
[[noreturn]] void throw_unsupported(std::string_view what, std::string_view why);

}  // namespace signet::format
