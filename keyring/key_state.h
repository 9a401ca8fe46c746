// The states of a key, and how the answers of a vault are classified.
#pragma once

#include "core/clock.h"

#include <optional>
#include <string_view>

namespace signet::keyring {

/// State of one key version at a moment.
enum class KeyState { enabled, disabled, not_yet_valid, expired, deleted };

/// "enabled", "disabled", "not-yet-valid", "expired", "deleted".
[[nodiscard]] std::string_view text(KeyState state);

/// What decides a key's state. Deleted outranks disabled, disabled outranks the dates.
struct KeyAttributes {
    bool enabled = true;
    std::optional<TimePoint> not_before;
    std::optional<TimePoint> expires;
    std::optional<TimePoint> deleted;
    std::optional<TimePoint> purge_at = std::nullopt;  ///< when what is deleted goes for good

    /// purge_at, or 90 days after the deletion where no date was kept; nothing for what is not deleted.
    [[nodiscard]] std::optional<TimePoint> purge_date() const;
    [[nodiscard]] KeyState state(TimePoint now) const;
    friend bool operator==(const KeyAttributes&, const KeyAttributes&) = default;
};

/// Only an enabled key wraps.
[[nodiscard]] constexpr bool may_wrap(KeyState state) { return state == KeyState::enabled; }
/// A key outside its dates still opens what it once wrapped; a disabled or deleted one opens nothing.
[[nodiscard]] constexpr bool may_unwrap(KeyState state) {
    return state != KeyState::disabled && state != KeyState::deleted;
}

/// What a vault answered. Whatever is ambiguous is `denied`: a withdrawal of access must never look like an outage.
enum class Outcome {
    ok,
    unavailable,  ///< no answer, or the vault says that it is broken
    throttled,    ///< allowed, but too many calls
    denied,       ///< permission, network rule or policy refuses
    key_disabled,
    key_not_yet_valid,
    key_expired,
    key_deleted,          ///< can be recovered
    not_found,            ///< key, version or vault does not exist
    credential_rejected,  ///< the login itself is refused
    untrusted,            ///< the other side is not who it should be
    misuse,               ///< wrong kind, size, algorithm: an error of configuration
    integrity,            ///< the wrapped key, or what the vault keeps, does not verify
};

/// "ok", "unavailable", "denied", "key-disabled", …: as audit lines have it.
[[nodiscard]] std::string_view text(Outcome outcome);
[[nodiscard]] std::optional<Outcome> parse_outcome(std::string_view name);

/// Whether a twin may be asked instead. Everything that a vault *says* is a decision and is never bypassed.
[[nodiscard]] constexpr bool may_fail_over(Outcome outcome) {
    return outcome == Outcome::unavailable || outcome == Outcome::throttled;
}
/// Whether the vault decided against us.
[[nodiscard]] constexpr bool is_refusal(Outcome outcome) { return outcome != Outcome::ok && !may_fail_over(outcome); }
/// Whether a refusal stops unwrapping too. Dates stop wrapping alone.
[[nodiscard]] constexpr bool stops_unwrapping(Outcome outcome) {
    return is_refusal(outcome) && outcome != Outcome::key_expired && outcome != Outcome::key_not_yet_valid;
}
/// The refusal that a state stands for; `ok` for an enabled key.
[[nodiscard]] Outcome refusal_of(KeyState state);

}  // namespace signet::keyring
