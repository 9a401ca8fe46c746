#include "keyring/key_state.h"

#include "core/error.h"

namespace signet::keyring {

std::string_view text(KeyState state) {
    switch (state) {
        case KeyState::enabled:
            return "enabled";
        case KeyState::disabled:
            return "disabled";
        case KeyState::not_yet_valid:
            return "not-yet-valid";
        case KeyState::expired:
            return "expired";
        case KeyState::deleted:
            return "deleted";
    }
    invariant(false, "a key state has a name");
    return {};
}

KeyState KeyAttributes::state(TimePoint now) const {
    if (deleted) return KeyState::deleted;
    if (!enabled) return KeyState::disabled;
    if (not_before && now < *not_before) return KeyState::not_yet_valid;
    if (expires && now >= *expires) return KeyState::expired;
    return KeyState::enabled;
}

std::optional<TimePoint> KeyAttributes::purge_date() const {
    if (!deleted) return std::nullopt;
    constexpr std::int64_t kNinetyDays = std::int64_t{90} * 86'400 * kNsPerSecond;
    return purge_at ? *purge_at : TimePoint{deleted->ns + kNinetyDays};
}

std::string_view text(Outcome outcome) {
    switch (outcome) {
        case Outcome::ok:
            return "ok";
        case Outcome::unavailable:
            return "unavailable";
        case Outcome::throttled:
            return "throttled";
        case Outcome::denied:
            return "denied";
        case Outcome::key_disabled:
            return "key-disabled";
        case Outcome::key_not_yet_valid:
            return "key-not-yet-valid";
        case Outcome::key_expired:
            return "key-expired";
        case Outcome::key_deleted:
            return "key-deleted";
        case Outcome::not_found:
            return "not-found";
        case Outcome::credential_rejected:
            return "credential-rejected";
        case Outcome::untrusted:
            return "untrusted";
        case Outcome::misuse:
            return "misuse";
        case Outcome::integrity:
            return "integrity";
    }
    invariant(false, "an outcome has a name");
    return {};
}

std::optional<Outcome> parse_outcome(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(Outcome::integrity); ++i) {
        if (text(static_cast<Outcome>(i)) == name) return static_cast<Outcome>(i);
    }
    return std::nullopt;
}

Outcome refusal_of(KeyState state) {
    switch (state) {
        case KeyState::enabled:
            return Outcome::ok;
        case KeyState::disabled:
            return Outcome::key_disabled;
        case KeyState::not_yet_valid:
            return Outcome::key_not_yet_valid;
        case KeyState::expired:
            return Outcome::key_expired;
        case KeyState::deleted:
            return Outcome::key_deleted;
    }
    invariant(false, "a key state has a refusal");
    return Outcome::denied;
}

}  // namespace signet::keyring
