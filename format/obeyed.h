// Journals and how far they were read: what an entry obeys, and what a condemnation has seen (docs/format.md sections 6
// and 7).
#pragma once

#include "core/byte_io.h"

#include <cstdint>
#include <vector>

namespace signet::format {

/// A journal that was read up to this entry.
struct ReadJournal {
    IdentityId identity;
    std::uint64_t sequence = 0;
    friend bool operator==(const ReadJournal&, const ReadJournal&) = default;
};

/// Ascending by identity, each once.
using ReadJournals = std::vector<ReadJournal>;

/// `varint` count, each: identity, `varint` sequence number.
void encode_read_journals(ByteWriter& writer, const ReadJournals& journals, std::size_t limit);
/// throws  Error{damaged}: more than `limit`, or they do not ascend
[[nodiscard]] ReadJournals decode_read_journals(ByteReader& reader, std::size_t limit);

/// How far one of them was read; 0: not at all.
[[nodiscard]] std::uint64_t read_up_to(const ReadJournals& journals, const IdentityId& identity);
/// Whether everything in `least` was read at least as far in `journals`.
[[nodiscard]] bool is_read_as_far(const ReadJournals& journals, const ReadJournals& least);
/// Of each journal the farther end.
[[nodiscard]] ReadJournals farthest(const ReadJournals& left, const ReadJournals& right);

}  // namespace signet::format
