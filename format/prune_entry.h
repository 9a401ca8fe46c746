// Condemnations, verdicts and acknowledgements: how objects go without anybody losing what he relies on
// (docs/format.md sections 7 and 14).
#pragma once

#include "format/entry.h"
#include "format/obeyed.h"

#include <vector>

namespace signet::format {

enum class CondemnedFor : std::uint8_t {
    spared = 0,    ///< in a verdict: no reason to go
    unneeded = 1,  ///< nothing needs them
    replaced = 2,  ///< others stand for them
};

/// Packs of one entry.
struct CondemnedPacks {
    IdentityId identity;  ///< whose journal holds the entry
    std::uint64_t sequence = 0;
    DekId dek;  ///< of the entry
    CondemnedFor why = CondemnedFor::unneeded;
    Bytes bitmap;  ///< bitmap_has()
};

/// What is to go, or is spared.
struct CondemnedObjects {
    std::vector<CondemnedPacks> packs;  ///< ascending by (identity, sequence, why); no pack stands twice
    std::vector<PackId> loose;          ///< in no entry; ascending
    std::vector<IndexId> indexes;       ///< index segments in no entry; ascending
    std::vector<DekId> deks;            ///< whose stored slots are to go; ascending

    [[nodiscard]] bool empty() const { return packs.empty() && loose.empty() && indexes.empty() && deks.empty(); }
};

/// The public part of kind 8, after the common fields.
struct CondemnationFields {
    CondemnedObjects objects;
    ReadJournals seen;
    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static CondemnationFields decode(ByteView fields, std::string_view what);
};

/// The public part of kind 9.
struct VerdictFields {
    EntryId condemnation;
    CondemnedObjects spared;
    ReadJournals seen;
    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static VerdictFields decode(ByteView fields, std::string_view what);
};

/// The public part of kind 10.
struct AcknowledgementFields {
    ReadJournals obeyed;
    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static AcknowledgementFields decode(ByteView fields, std::string_view what);
};

}  // namespace signet::format
