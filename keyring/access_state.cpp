#include "keyring/access_state.h"

#include <cstdlib>

#include "core/error.h"

namespace signet::keyring {

std::string_view text(AccessState state) {
    switch (state) {
        case AccessState::none:
            return "none";
        case AccessState::ok:
            return "ok";
        case AccessState::degraded:
            return "degraded";
        case AccessState::inaccessible:
            return "inaccessible";
        case AccessState::needs_revalidation:
            return "needs-revalidation";
    }
    invariant(false, "a state of access has a name");
    return {};
}

bool is_refused(ProtectorStatus status) {
    switch (status) {
        case ProtectorStatus::usable:
        case ProtectorStatus::wrap_only:
        case ProtectorStatus::unreachable:
            return false;
        default:
            return true;
    }
}

AccessState judge_access(ProtectorStatus status, const std::optional<TimePoint>& lost_since, TimePoint now,
                         std::int64_t heal_window_ns) {
    // A loss that lies far ahead was noted by a clock that was set back since: nobody knows how long it lasts.
    const bool is_beyond = lost_since && std::abs(now.ns - lost_since->ns) > heal_window_ns;
    if (is_beyond) return AccessState::needs_revalidation;
    if (is_refused(status)) return AccessState::inaccessible;
    if (status != ProtectorStatus::unreachable) return AccessState::ok;
    // An outage after a refusal is no healing.
    return lost_since ? AccessState::inaccessible : AccessState::degraded;
}

}  // namespace signet::keyring
