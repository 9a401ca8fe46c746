// Bounded cursors over octets: every stored value is read and written through these (docs/format.md, "Encodings").
#pragma once

#include "core/bytes.h"
#include "core/error.h"
#include "core/id.h"

namespace signet {

/// Appends canonical encodings to an owned buffer. Integers are little-endian.
class ByteWriter {
public:
    ByteWriter() = default;
    explicit ByteWriter(Bytes initial) : bytes_(std::move(initial)) {}

    void u8(std::uint8_t value) { bytes_.push_back(value); }
    void u16(std::uint16_t value) { little_endian(value, 2); }
    void u32(std::uint32_t value) { little_endian(value, 4); }
    void u64(std::uint64_t value) { little_endian(value, 8); }
    void i64(std::int64_t value) { u64(static_cast<std::uint64_t>(value)); }
    /// LEB128: seven bits an octet, least significant first, as few octets as possible.
    void varint(std::uint64_t value);
    /// ZigZag, then varint.
    void signed_varint(std::int64_t value);
    /// The octets alone.
    void raw(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    void raw(std::string_view text) { raw(as_bytes(text)); }
    /// varint length, then the octets.
    void blob(ByteView bytes) {
        varint(bytes.size());
        raw(bytes);
    }
    void blob(std::string_view text) { blob(as_bytes(text)); }
    template <class Tag, std::size_t N>
    void id(const Id<Tag, N>& value) {
        raw(value.view());
    }

    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] ByteView view() const { return bytes_; }
    [[nodiscard]] Bytes& bytes() { return bytes_; }
    [[nodiscard]] Bytes take() { return std::move(bytes_); }

private:
    void little_endian(std::uint64_t value, int octets) {
        for (int i = 0; i < octets; ++i) bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    Bytes bytes_;
};

/// Reads canonical encodings from borrowed octets; never beyond their end.
/// `what` names the object in errors ("pack 12ab… directory"); every failure throws Error{damaged}.
class ByteReader {
public:
    ByteReader(ByteView bytes, std::string_view what) : bytes_(bytes), what_(what) {}

    [[nodiscard]] std::uint8_t u8() { return static_cast<std::uint8_t>(little_endian(1)); }
    [[nodiscard]] std::uint16_t u16() { return static_cast<std::uint16_t>(little_endian(2)); }
    [[nodiscard]] std::uint32_t u32() { return static_cast<std::uint32_t>(little_endian(4)); }
    [[nodiscard]] std::uint64_t u64() { return little_endian(8); }
    [[nodiscard]] std::int64_t i64() { return static_cast<std::int64_t>(u64()); }
    /// Refuses encodings longer than necessary and values over `limit`.
    [[nodiscard]] std::uint64_t varint(std::uint64_t limit = UINT64_MAX);
    [[nodiscard]] std::int64_t signed_varint();
    /// A view into the underlying octets.
    [[nodiscard]] ByteView raw(std::size_t count);
    [[nodiscard]] ByteView blob(std::size_t limit);
    [[nodiscard]] std::string text(std::size_t limit);
    template <class IdType>
    [[nodiscard]] IdType id() {
        return IdType::from(raw(IdType::kSize));
    }

    [[nodiscard]] std::size_t remaining() const { return bytes_.size() - position_; }
    [[nodiscard]] std::size_t position() const { return position_; }
    [[nodiscard]] bool at_end() const { return remaining() == 0; }
    /// throws  Error{damaged} when octets are left over
    void expect_end() const;
    /// throws  Error{damaged}: "<what>: <why> at offset N"
    [[noreturn]] void fail(std::string_view why) const;

private:
    std::uint64_t little_endian(int octets);
    ByteView bytes_;
    std::string what_;
    std::size_t position_ = 0;
};

}  // namespace signet
