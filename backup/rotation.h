// After a rotation: which earlier data keys a run may still refer to, and which of them it wraps under today's default
// (the policy after-rotation, docs/operations.md section 8).
#pragma once

#include "backup/history.h"
#include "keyring/proven_slots.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace signet::backup {

class Rotation {
public:
    /// All of them outlive this. warn  takes one sentence
    Rotation(const storage::Repository& repository, keyring::Resolver& resolver, History& history,
             keyring::ProvenSlots& proven, std::function<void(const std::string&)> warn)
        : repository_(repository), resolver_(resolver), history_(history), proven_(proven), warn_(std::move(warn)) {}

    /// Decides what a run of this series may refer to. today  the run's default protector
    void choose(const keyring::Policy& policy, const SeriesId& series, TimePoint now, const format::Thumbprint& today);
    /// Whether carry_out() would have something to do.
    [[nodiscard]] bool is_due(const std::vector<format::Reach>& reach) const;
    /// Wraps under today's default what a backup with this reach refers to, as far as the policy asks for it. What
    /// cannot be wrapped stays under its earlier protectors, with a warning.
    void carry_out(const std::vector<format::Reach>& reach);

private:
    [[nodiscard]] bool is_current(const KnownDek& dek) const;
    [[nodiscard]] bool can_unwrap(const KnownDek& dek);
    [[nodiscard]] bool is_withdrawn(const KnownDek& dek);
    /// What a vault says of a protector; asked once, however many data keys it wraps.
    struct Standing {
        bool unwraps = false;    ///< without asking a person
        bool withdrawn = false;  ///< disabled or deleted
    };
    const Standing& standing(const format::Thumbprint& thumbprint);
    [[nodiscard]] bool rewrap(const KnownDek& dek);
    [[nodiscard]] bool rewrap_by(const KnownDek& dek, const format::Slot& slot, const format::SlotName* claimed);
    const storage::Repository& repository_;
    keyring::Resolver& resolver_;
    History& history_;
    keyring::ProvenSlots& proven_;
    std::function<void(const std::string&)> warn_;
    format::Thumbprint today_;
    std::map<format::Thumbprint, Standing> standings_;
};

}  // namespace signet::backup
