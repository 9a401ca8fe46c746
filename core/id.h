// Fixed-size names that never convert to another kind of name.
#pragma once

#include "core/bytes.h"

#include <array>
#include <compare>
#include <cstring>
#include <functional>
#include <optional>

namespace signet {

/// N octets that name one kind of thing; `Tag` keeps kinds apart at compile time.
template <class Tag, std::size_t N>
struct Id {
    static constexpr std::size_t kSize = N;
    std::array<std::uint8_t, N> octets{};

    [[nodiscard]] ByteView view() const { return octets; }
    [[nodiscard]] std::string hex() const { return to_hex(octets); }
    /// The first `digits` hexadecimal digits, for people.
    [[nodiscard]] std::string short_hex(std::size_t digits = 8) const { return hex().substr(0, digits); }
    [[nodiscard]] bool is_zero() const { return octets == std::array<std::uint8_t, N>{}; }

    /// Copies exactly N octets; the caller has checked the size.
    [[nodiscard]] static Id from(ByteView bytes) {
        Id id;
        std::memcpy(id.octets.data(), bytes.data(), N);
        return id;
    }
    [[nodiscard]] static std::optional<Id> parse(std::string_view hex_text) {
        Id id;
        if (!from_hex(hex_text, id.octets)) return std::nullopt;
        return id;
    }
    friend auto operator<=>(const Id&, const Id&) = default;
};

/// SHA-256 of something.
using Digest = Id<struct DigestTag, 32>;
/// A repository, random, made by `init`.
using RepositoryId = Id<struct RepositoryTag, 16>;
/// A data key (DEK), random, made for one run.
using DekId = Id<struct DekTag, 16>;
/// An identity: SHA-256 of the DER SubjectPublicKeyInfo of its Ed25519 key (docs/format.md, "Identities").
using IdentityId = Id<struct IdentityTag, 32>;
/// A chunk: keyed hash of its kind and bytes (docs/format.md, "Chunks").
using ChunkId = Id<struct ChunkTag, 16>;
/// A pack: SHA-256 of the whole object.
using PackId = Id<struct PackTag, 32>;
/// An index segment: SHA-256 of the whole object.
using IndexId = Id<struct IndexTag, 32>;
/// A journal entry: SHA-256 of the whole object. The entry of a backup names the backup.
using EntryId = Id<struct EntryTag, 32>;
/// A series of backups: keyed hash of its name (docs/format.md, "Labels").
using SeriesId = Id<struct SeriesTag, 16>;

}  // namespace signet

template <class Tag, std::size_t N>
struct std::hash<signet::Id<Tag, N>> {
    /// Ids are uniformly distributed, so their first octets are a hash. Not for ids an attacker chooses freely.
    std::size_t operator()(const signet::Id<Tag, N>& id) const noexcept {
        std::size_t value = 0;
        std::memcpy(&value, id.octets.data(), sizeof value < N ? sizeof value : N);
        return value;
    }
};
