#include "core/byte_io.h"

namespace signet {

void ByteWriter::varint(std::uint64_t value) {
    while (value >= 0x80) {
        bytes_.push_back(static_cast<std::uint8_t>(value | 0x80U));
        value >>= 7U;
    }
    bytes_.push_back(static_cast<std::uint8_t>(value));
}

void ByteWriter::signed_varint(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    varint(bits << 1U ^ (value < 0 ? UINT64_MAX : 0));
}

std::uint64_t ByteReader::little_endian(int octets) {
    const ByteView bytes = raw(static_cast<std::size_t>(octets));
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8U | bytes[i];
    return value;
}

std::uint64_t ByteReader::varint(std::uint64_t limit) {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (at_end()) fail("truncated");
        const std::uint8_t octet = bytes_[position_++];
        // The tenth octet holds the 64th bit and nothing else.
        if (shift == 63 && octet > 1) fail("number over 64 bits");
        value |= static_cast<std::uint64_t>(octet & 0x7fU) << shift;
        if (octet < 0x80) {
            if (octet == 0 && shift > 0) fail("number encoded longer than necessary");
            break;
        }
    }
    if (value > limit) fail("number over its limit");
    return value;
}

std::int64_t ByteReader::signed_varint() {
    const std::uint64_t bits = varint();
    return static_cast<std::int64_t>(bits >> 1U ^ ((bits & 1U) != 0 ? UINT64_MAX : 0));
}

ByteView ByteReader::raw(std::size_t count) {
    if (count > remaining()) fail("truncated");
    const ByteView view = bytes_.subspan(position_, count);
    position_ += count;
    return view;
}

ByteView ByteReader::blob(std::size_t limit) { return raw(static_cast<std::size_t>(varint(limit))); }

std::string ByteReader::text(std::size_t limit) { return std::string(as_text(blob(limit))); }

void ByteReader::expect_end() const {
    if (!at_end()) fail("octets left over");
}

void ByteReader::fail(std::string_view why) const {
    std::string message = what_;
    message.append(": ").append(why).append(" at offset ").append(std::to_string(position_));
    throw Error(ErrorCode::damaged, message);
}

}  // namespace signet
