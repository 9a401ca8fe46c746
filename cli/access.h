// The state of access of this host's keyring: asked before commands that depend on it, remembered, and told to hooks
// when it changes.
#pragma once

#include "cli/context.h"
#include "keyring/access_state.h"
#include "keyring/policy.h"

#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

struct Access {
    keyring::AccessState state = keyring::AccessState::none;
    std::optional<format::Thumbprint> thumbprint;  ///< of the default that decides
    std::string protector;                         ///< name and thumbprint of the default that decides
    std::string why;                               ///< what its vault says, or said first
    std::optional<TimePoint> since;                ///< since when it is refused
    std::int64_t heal_left_ns = 0;  ///< while inaccessible: how long access may come back and heal by itself
};

/// The policy of the repository where one is named and there, else the defaults.
[[nodiscard]] keyring::Policy policy_in_force(Context& context);

/// Which protectors wrap in the repository now: the default first. Warns of what its policy changes in that.
/// throws  Error{refused}: the policy forbids one of them; Error{key_unavailable}: there is no default protector
[[nodiscard]] std::vector<format::Thumbprint> require_wrapping(Context& context);

/// Asks the vaults of the default protectors, remembers what they say, and tells whoever wants to know
/// (state_notice.h) where the state is another than the last time. Never unwraps.
[[nodiscard]] Access look_at_access(Context& context);

/// "inaccessible since 2026-03-14 09:30:05: disabled in local:prod/1; heals by itself for another 7:12:00"
[[nodiscard]] std::string access_text(const Access& access);

/// throws  Error{refused}: this keyring needs revalidation first
void require_revalidated(const Access& access);

/// Whether the vault refuses, or has for so long that a person has to look.
[[nodiscard]] bool is_lost(const Access& access);
/// While access is lost, keys, restores, status and revalidation go on, and settings stay as they are.
/// throws  Error{refused}: it is lost
void require_settings_open(const Access& access);

/// A default that was rotated elsewhere takes over before the run.
void follow_rotation(Context& context);
/// Looks, tells who is to be told, and warns. A protector that is refused stops the run when it wraps. After a long
/// loss a person may have to look first. throws  Error{refused}: that is so
void check_access(Context& context);

}  // namespace signet::cli
