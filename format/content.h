// Contents: strings of octets as references to chunks (docs/format.md section 11).
#pragma once

#include "core/byte_io.h"

#include <cstdint>
#include <vector>

namespace signet::format {

enum class ChunkKind : std::uint8_t { data = 1, tree = 2, list = 3 };

struct Reference {
    ChunkId id;
    std::uint32_t length = 0;  ///< octets of the chunk
    std::uint64_t span = 0;    ///< octets of the content it covers; equal to length at level 0
    friend bool operator==(const Reference&, const Reference&) = default;
};

struct Content {
    std::uint64_t size = 0;
    unsigned level = 0;
    std::vector<Reference> references;

    void encode(ByteWriter& writer) const;
    [[nodiscard]] static Content decode(ByteReader& reader);
    friend bool operator==(const Content&, const Content&) = default;
};

/// A list chunk: level (u8), then references of that level.
[[nodiscard]] Bytes encode_list(unsigned level, const std::vector<Reference>& references);
/// expected_level, expected_span  what the parent said. throws  Error{damaged}
[[nodiscard]] std::vector<Reference> decode_list(ByteView chunk, unsigned expected_level, std::uint64_t expected_span,
                                                 std::string_view what);

}  // namespace signet::format
