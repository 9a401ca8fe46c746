#include "backup/rotation.h"

#include <algorithm>

#include "core/crypto/digest.h"
#include "core/error.h"

namespace signet::backup {

/// Whether today's default opens a data key for certain: by a signed slot, or one that this host wrapped or opened.
bool Rotation::is_current(const KnownDek& dek) const {
    return std::any_of(dek.slots.begin(), dek.slots.end(),
                       [&](const auto& slot) { return slot.thumbprint == today_; }) ||
           std::any_of(dek.claims.begin(), dek.claims.end(),
                       [&](const auto& claim) { return claim.slot.thumbprint == today_ && proven_.has(claim.name); });
}

const Rotation::Standing& Rotation::standing(const format::Thumbprint& thumbprint) {
    const auto known = standings_.find(thumbprint);
    if (known != standings_.end()) return known->second;
    const keyring::ProtectorStatus status = resolver_.status(thumbprint).status;
    const bool withdrawn = status == keyring::ProtectorStatus::disabled || status == keyring::ProtectorStatus::deleted;
    return standings_.emplace(thumbprint, Standing{resolver_.unwraps_unattended(thumbprint), withdrawn}).first->second;
}

bool Rotation::can_unwrap(const KnownDek& dek) {
    return std::any_of(dek.slots.begin(), dek.slots.end(),
                       [&](const auto& slot) { return standing(slot.thumbprint).unwraps; }) ||
           std::any_of(dek.claims.begin(), dek.claims.end(),
                       [&](const auto& claim) { return standing(claim.slot.thumbprint).unwraps; });
}

/// Whether each of its openers is gone in some sense; claims that this host has not proven open nothing.
template <class IsGone>
bool Rotation::opens_by_none_but(const KnownDek& dek, const IsGone& is_gone) const {
    return std::all_of(dek.slots.begin(), dek.slots.end(),
                       [&](const auto& slot) { return is_gone(slot.thumbprint); }) &&
           std::all_of(dek.claims.begin(), dek.claims.end(),
                       [&](const auto& claim) { return is_gone(claim.slot.thumbprint) || !proven_.has(claim.name); });
}

/// Whether everything that opens it was disabled or deleted: what refers to it could not be restored.
bool Rotation::is_withdrawn(const KnownDek& dek) {
    return opens_by_none_but(dek, [&](const auto& protector) { return standing(protector).withdrawn; });
}

/// Whether only protectors that are to go, or are gone, open it.
bool Rotation::is_behind_fence(const KnownDek& dek) {
    if (policy_.retiring.empty() && policy_.compromised.empty()) return false;
    return opens_by_none_but(
        dek, [&](const auto& protector) { return policy_.is_fenced(protector) || standing(protector).withdrawn; });
}

/// Whether somebody else may have it. Here a claim counts, as the worse of two possibilities.
bool Rotation::is_exposed(const KnownDek& dek) const {
    return std::any_of(dek.slots.begin(), dek.slots.end(),
                       [&](const auto& slot) { return policy_.is_compromised(slot.thumbprint); }) ||
           std::any_of(dek.claims.begin(), dek.claims.end(),
                       [&](const auto& claim) { return policy_.is_compromised(claim.slot.thumbprint); });
}

keyring::AfterRotation Rotation::rule_of(const KnownDek& dek) {
    if (is_exposed(dek)) {
        met_exposed_ = true;
        return keyring::AfterRotation::fresh;
    }
    const bool unwraps = can_unwrap(dek);
    if (!unwraps && is_withdrawn(dek)) {
        met_withdrawn_ = true;
        return keyring::AfterRotation::fresh;
    }
    const auto rule = policy_.rotation_rule(unwraps);
    const bool can_rewrap = rule == keyring::AfterRotation::rewrap && unwraps;
    if (!can_rewrap && is_behind_fence(dek)) {
        met_fenced_ = true;
        return keyring::AfterRotation::fresh;
    }
    if (rule != keyring::AfterRotation::rewrap || unwraps) return rule;
    met_unopenable_ = true;
    return keyring::AfterRotation::inherit;
}

void Rotation::choose(const keyring::Policy& policy, const SeriesId& series, TimePoint now,
                      const format::Thumbprint& today, bool dry_run) {
    policy_ = policy;
    today_ = today;
    History::Choice choice;
    choice.series = series;
    choice.horizon_ns = policy.dedup_horizon_ns;
    choice.max_deks = policy.max_deks;
    choice.now = now;
    choice.is_current = [&](const KnownDek& dek) { return is_current(dek) && !is_exposed(dek); };
    choice.rule = [&](const KnownDek& dek) { return rule_of(dek); };
    history_.choose(choice);
    if (!dry_run) rewrap_what_retires();
    if (met_exposed_) {
        warn_(
            "a protector of earlier backups is compromised: nothing that it ever wrapped is referred to any more, and "
            "what was stored under it is stored anew");
    }
    if (met_fenced_) {
        warn_(
            "protectors of earlier backups are to go: nothing that only they open is referred to any more, and what "
            "was stored under them is stored anew");
    }
    if (met_withdrawn_) {
        warn_(
            "protectors of earlier backups are disabled or deleted: nothing that only they open is referred to any "
            "more, and what was stored under them is stored anew");
    }
    if (met_unopenable_) {
        warn_(
            "the policy after-rotation=rewrap cannot be followed here for some data keys, since no protector that "
            "opens them can be used unattended: they are inherited until the dedup-horizon");
    }
}

/// Before anything refers to them: what cannot be wrapped anew now must not be referred to at all.
void Rotation::rewrap_what_retires() {
    for (auto& [id, dek] : history_.deks()) {
        if (!dek.referable || !dek.needs_rewrap || !is_behind_fence(dek)) continue;
        if (rewrap(dek)) {
            dek.needs_rewrap = false;
        } else {
            met_fenced_ = true;
            history_.leave_out(id);
        }
    }
}

bool Rotation::is_due(const std::set<DekId>& needed) const {
    return std::any_of(needed.begin(), needed.end(),
                       [&](const DekId& id) { return history_.deks().at(id).needs_rewrap; });
}

void Rotation::carry_out(const std::set<DekId>& needed) {
    for (const DekId& id : needed) {
        const KnownDek& dek = history_.deks().at(id);
        if (dek.needs_rewrap && !rewrap(dek))
            warn_("data key " + id.short_hex() + " stays under its earlier protectors");
    }
}

/// By the first slot that serves. A claim that today's default opens it is worth a look before another slot is added.
bool Rotation::rewrap(const KnownDek& dek) {
    const auto by_claim = [&](bool of_today) {
        return std::any_of(dek.claims.begin(), dek.claims.end(), [&](const auto& claim) {
            return (claim.slot.thumbprint == today_) == of_today && rewrap_by(dek, claim.slot, &claim.name);
        });
    };
    return by_claim(true) ||
           std::any_of(dek.slots.begin(), dek.slots.end(),
                       [&](const auto& slot) { return rewrap_by(dek, slot, nullptr); }) ||
           by_claim(false);
}

/// Opens a data key by one slot and makes sure that today's default opens it too.
bool Rotation::rewrap_by(const KnownDek& dek, const format::Slot& slot, const format::SlotName* claimed) {
    if (!resolver_.unwraps_unattended(slot.thumbprint)) return false;
    try {
        // A slot that holds the data key for certain may be wrapped anew by a key manager, which shows it to nobody.
        const bool is_certain = slot.commitment == dek.commitment && (claimed == nullptr || proven_.has(*claimed));
        if (is_certain) {
            if (const auto added = resolver_.rewrap(slot, today_)) {
                repository_.put_slot(*added);
                proven_.add({added->thumbprint, added->dek, crypto::sha256(added->encode())});
                return true;
            }
        }
        const auto key = resolver_.unwrap(slot);
        if (key.commitment() != dek.commitment) {
            throw Error(ErrorCode::damaged, "a slot of " + slot.thumbprint.short_text() + " holds another data key");
        }
        if (claimed != nullptr && slot.thumbprint == today_) {
            proven_.add(*claimed);
            return true;
        }
        const auto added = resolver_.wrap_any_role(key, today_);
        repository_.put_slot(added);
        proven_.add({added.thumbprint, added.dek, crypto::sha256(added.encode())});
        return true;
    } catch (const Error& error) {
        warn_("data key " + dek.id.short_hex() + ": " + error.what());
        return false;
    }
}

}  // namespace signet::backup
