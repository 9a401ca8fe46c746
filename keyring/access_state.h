// The state of access to the protector that new backups are wrapped with: well, out of reach, or taken away, and for
// how long.
#pragma once

#include "core/clock.h"
#include "keyring/resolver.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace signet::keyring {

enum class AccessState {
    none,  ///< nothing wraps yet
    ok,
    degraded,            ///< out of reach: heals by itself, and backups go on with the public half that is known
    inaccessible,        ///< refused: new backups stop. Heals by itself when access comes back within the heal window
    needs_revalidation,  ///< was refused for longer than that: a person looks first (`keyring revalidate`)
};
/// "none", "ok", "degraded", "inaccessible", "needs-revalidation".
[[nodiscard]] std::string_view text(AccessState state);

/// Whether a status is the vault's or the key officer's decision, not an outage.
[[nodiscard]] bool is_refused(ProtectorStatus status);

/// The state that follows from what a vault says of the default protector now.
/// lost_since  when it was first refused, as the keyring remembers it. heal_window_ns  Policy::heal_window_ns
[[nodiscard]] AccessState judge_access(ProtectorStatus status, const std::optional<TimePoint>& lost_since,
                                       TimePoint now, std::int64_t heal_window_ns);

}  // namespace signet::keyring
