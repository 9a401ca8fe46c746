// After a rotation: which earlier data keys a run may still refer to, and which of them it wraps under today's default
// (the policy after-rotation, docs/operations.md section 8).
//
// The fence: protectors that the policy calls retiring or compromised open nothing for a new backup. What only such
// protectors open is never referred to: it is wrapped under today's default before anything refers to it, where
// after-rotation=rewrap and the host may unwrap, else stored anew. What a compromised protector ever wrapped, also by
// the word of an unsigned slot alone, is stored anew in any case.
#pragma once

#include "backup/history.h"
#include "keyring/proven_slots.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace signet::backup {

class Rotation {
public:
    /// All of them outlive this. warn  takes one sentence
    Rotation(const storage::Repository& repository, keyring::Resolver& resolver, History& history,
             keyring::ProvenSlots& proven, std::function<void(const std::string&)> warn)
        : repository_(repository), resolver_(resolver), history_(history), proven_(proven), warn_(std::move(warn)) {}

    /// Decides what a run of this series may refer to, and wraps under `today` what only retiring protectors open.
    /// today  the run's default protector. dry_run  nothing is wrapped
    void choose(const keyring::Policy& policy, const SeriesId& series, TimePoint now, const format::Thumbprint& today,
                bool dry_run);
    /// Whether carry_out() would have something to do.
    /// needed  the data keys that the backup needs, but for its own
    [[nodiscard]] bool is_due(const std::set<DekId>& needed) const;
    /// Wraps under today's default what a backup needs, as far as the policy asks for it. What
    /// cannot be wrapped stays under its earlier protectors, with a warning.
    void carry_out(const std::set<DekId>& needed);

private:
    [[nodiscard]] bool is_current(const KnownDek& dek) const;
    [[nodiscard]] bool can_unwrap(const KnownDek& dek);
    template <class IsGone>
    [[nodiscard]] bool opens_by_none_but(const KnownDek& dek, const IsGone& is_gone) const;
    [[nodiscard]] bool is_withdrawn(const KnownDek& dek);
    [[nodiscard]] bool is_behind_fence(const KnownDek& dek);
    [[nodiscard]] bool is_exposed(const KnownDek& dek) const;
    [[nodiscard]] keyring::AfterRotation rule_of(const KnownDek& dek);
    void rewrap_what_retires();
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
    keyring::Policy policy_;
    format::Thumbprint today_;
    /// What choose() met, for one warning each.
    bool met_withdrawn_ = false, met_fenced_ = false, met_exposed_ = false, met_unopenable_ = false;
    std::map<format::Thumbprint, Standing> standings_;
};

}  // namespace signet::backup
