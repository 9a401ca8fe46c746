#include "restore/chunk_table.h"

#include <array>
#include <cstring>

#include "core/crypto/random.h"
#include "core/error.h"

namespace signet::restore {
namespace {

constexpr std::size_t kFewestSlots = 1024;

__extension__ using Product = unsigned __int128;

std::uint64_t random_number() {
    std::uint64_t value = 0;
    std::array<std::uint8_t, sizeof value> octets{};
    crypto::random_fill(octets);
    std::memcpy(&value, octets.data(), sizeof value);
    return value;
}

/// Ids are uniformly distributed unless their writer chose them: nobody may know which ones meet in a slot. Both halves
/// of a product of secret numbers: its low octets alone would not depend on the high ones of an id.
std::uint64_t hash_of(const ChunkId& id) {
    static const std::array<std::uint64_t, 2> kSecret = {random_number(), random_number()};
    std::array<std::uint64_t, 2> halves{};
    static_assert(sizeof halves == sizeof id.octets);
    std::memcpy(halves.data(), id.octets.data(), sizeof halves);
    const Product product = Product{halves[0] ^ kSecret[0]} * (halves[1] ^ kSecret[1]);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

}  // namespace

void ChunkTable::add(const format::IndexedPack& pack, const DekId& dek, std::string_view what) {
    if (packs_.size() >= UINT32_MAX - 1 || frames_.size() > UINT32_MAX - pack.frames.size()) {
        throw Error(ErrorCode::failed, std::string(what) + ": more frames than a backup can have");
    }
    const auto pack_number = static_cast<std::uint32_t>(packs_.size());
    if (!pack_numbers_.emplace(pack.id, pack_number).second) return;
    packs_.push_back({pack.id, pack.size, dek});
    reserve(chunk_count_ + pack.chunks.size());
    std::uint64_t offset = format::kPackHeaderSize;
    std::size_t chunk = 0;
    for (std::size_t number = 0; number < pack.frames.size(); ++number) {
        const format::FrameRecord& record = pack.frames[number];
        const auto frame = static_cast<std::uint32_t>(frames_.size());
        frames_.push_back({offset, pack_number, static_cast<std::uint32_t>(number), record.sealed_size, record.raw_size,
                           record.kind, record.codec});
        offset += record.sealed_size;
        std::uint32_t start = 0;
        for (const std::uint32_t length : record.chunk_lengths) {
            invariant(chunk < pack.chunks.size(), "an index segment has an id for each chunk");
            insert(pack.chunks[chunk++], {frame, start, length});
            start += length;
        }
    }
}

void ChunkTable::add_alias(const ChunkId& id, const ChunkId& alias) {
    const ChunkPlace* const place = find(id);
    invariant(place != nullptr, "only a chunk of the table has another id");
    const ChunkPlace copy = *place;
    reserve(chunk_count_ + 1);
    insert(alias, copy);
}

std::optional<std::uint32_t> ChunkTable::number_of(const ChunkId& id) const {
    if (slots_.empty()) return std::nullopt;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = hash_of(id) & mask; slots_[slot] != kEmpty; slot = (slot + 1) & mask) {
        if (row(slots_[slot]).id == id) return slots_[slot];
    }
    return std::nullopt;
}

const ChunkPlace* ChunkTable::find(const ChunkId& id) const {
    const auto number = number_of(id);
    return number ? &row(*number).place : nullptr;
}

std::size_t ChunkTable::memory() const {
    return blocks_.size() * kBlockRows * sizeof(Row) + slots_.capacity() * sizeof(std::uint32_t) +
           frames_.capacity() * sizeof(FramePlace) + packs_.capacity() * sizeof(PackPlace);
}

void ChunkTable::reserve(std::size_t chunks) {
    if (chunks >= kEmpty) throw Error(ErrorCode::failed, "more chunks than a backup can have");
    while (blocks_.size() * kBlockRows < chunks) blocks_.push_back(std::make_unique_for_overwrite<Row[]>(kBlockRows));
    // At most three quarters full, so that a search ends soon.
    std::size_t wanted = std::max(kFewestSlots, slots_.size());
    while (wanted - wanted / 4 < chunks) wanted *= 2;
    if (wanted == slots_.size()) return;
    slots_.assign(wanted, kEmpty);
    for (std::uint32_t number = 0; number < chunk_count_; ++number) {
        std::size_t slot = hash_of(row(number).id) & (wanted - 1);
        while (slots_[slot] != kEmpty) slot = (slot + 1) & (wanted - 1);
        slots_[slot] = number;
    }
}

void ChunkTable::insert(const ChunkId& id, const ChunkPlace& place) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = hash_of(id) & mask;
    for (; slots_[slot] != kEmpty; slot = (slot + 1) & mask) {
        // Any place is right; the first is kept.
        if (row(slots_[slot]).id == id) return;
    }
    const auto number = static_cast<std::uint32_t>(chunk_count_++);
    blocks_[number >> kBlockBits][number & (kBlockRows - 1)] = {id, place};
    slots_[slot] = number;
}

}  // namespace signet::restore
