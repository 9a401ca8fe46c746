// Octets: owned, borrowed, and shown as hexadecimal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace signet {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

/// Views the characters of a text as octets. The text must outlive the view.
[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Views octets as characters. The octets must outlive the view; nothing is checked or converted.
[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Lower-case hexadecimal, two digits an octet.
[[nodiscard]] std::string to_hex(ByteView bytes);

/// Parses lower-case hexadecimal of exactly `out.size()` octets.
/// returns  false, with `out` unspecified, when the text has another length or another character
[[nodiscard]] bool from_hex(std::string_view text, MutableByteView out);

/// Standard base64 with padding (RFC 4648 section 4), on one line.
[[nodiscard]] std::string to_base64(ByteView bytes);

/// Parses what to_base64 makes.
/// throws  Error{damaged}: not canonical base64
[[nodiscard]] Bytes from_base64(std::string_view text);

}  // namespace signet
