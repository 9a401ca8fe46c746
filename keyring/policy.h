// The policy on backups: values that an officer signs, with their defaults.
#pragma once

#include "core/clock.h"
#include "format/thumbprint.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signet::keyring {

/// What a backup may inherit from runs before a rotation.
enum class AfterRotation {
    rewrap,   ///< the first run after it adds slots under the new default for the data keys it refers to
    inherit,  ///< older chunks are referred to until the horizon; the plan shows it
    fresh,    ///< a full backup after each rotation
};
/// "rewrap", "inherit", "fresh".
[[nodiscard]] std::string_view text(AfterRotation value);

/// Whose the default protector is.
enum class Mode {
    escrow,            ///< Signet's own, under a passphrase, kept in the repository
    customer_managed,  ///< in the customer's vault
};
/// "escrow", "customer-managed".
[[nodiscard]] std::string_view text(Mode mode);

struct Policy {
    std::optional<AfterRotation> after_rotation;  ///< unset: by what the host can do, see rotation_rule()
    std::int64_t dedup_horizon_ns =
        90LL * 86'400 * kNsPerSecond;          ///< chunks older than this are stored anew after a rotation
    std::uint32_t max_deks = 64;               ///< data keys that one run may refer to; 1 to 4096
    std::uint32_t min_protectors = 1;          ///< default and recovery protectors that wrap every new data key
    bool require_twin = false;                 ///< the default protector must be linked at two places at least
    std::vector<std::uint32_t> allowed_sizes;  ///< of wrapping keys, in bits, ascending; empty: any
    std::vector<std::string>
        allowed_providers;  ///< where wrapping keys may be: "local", "pkcs11", …, ascending; empty: anywhere
    std::optional<Mode> mode;  ///< what the default protector must be; unset: a keyring may change it
    std::int64_t heal_window_ns = 8LL * 3600 * kNsPerSecond;  ///< access that comes back within it needs no person
    bool backups_wait = false;                    ///< a keyring that needs revalidation makes no backups before it
    std::vector<std::string> replicas;            ///< regions that may hold a replica, ascending; four at most
    std::vector<format::Thumbprint> retiring;     ///< protectors that are to go, ascending: the fence of `key retire`
    std::vector<format::Thumbprint> compromised;  ///< the same of `key compromised`: others have them
    std::optional<std::int64_t> keep_within_ns;   ///< backups older than this may be forgotten; unset: no promise
    std::optional<format::Thumbprint> default_protector;  ///< that new backups are to be wrapped with first
    /// Public halves (canonical DER) that hosts may link by themselves, by the protector that they belong to.
    std::map<format::Thumbprint, Bytes> public_keys;
    std::int64_t require_proof_ns = 0;  ///< the default protector was proven within it, or no backup; 0: off
    std::map<std::string, std::string> others;  ///< names this version does not know: kept and shown

    /// Sets one value as people write it: "after-rotation=rewrap", "dedup-horizon=90d", "max-deks=64".
    /// An empty value is the default. Unknown names are kept. throws  Error{usage}: not a value of that name;
    /// Error{refused}: more than four replicas
    void set(const std::string& name, const std::string& value);
    /// A policy entry's values over the defaults. throws  Error{unsupported}: a value that this version cannot obey
    [[nodiscard]] static Policy from_values(const std::map<std::string, std::string>& values);
    /// Name and value of everything that is not the default, as a policy entry has it.
    [[nodiscard]] std::map<std::string, std::string> values() const;

    /// Whether a protector is retiring or compromised: nothing new is wrapped under it, and it opens nothing for
    /// others.
    [[nodiscard]] bool is_fenced(const format::Thumbprint& protector) const;
    [[nodiscard]] bool is_compromised(const format::Thumbprint& protector) const;
    /// When an officer last proved a protector, as `keyring check --publish` signed it ("proven:<thumbprint>").
    [[nodiscard]] std::optional<TimePoint> proven(const format::Thumbprint& thumbprint) const;
    void set_proven(const format::Thumbprint& thumbprint, TimePoint when);
    void forget_proofs();

    /// What this host does. unwraps_unattended  whether it may unwrap without asking a person:
    /// Resolver::unwraps_unattended
    [[nodiscard]] AfterRotation rotation_rule(bool unwraps_unattended) const {
        return after_rotation.value_or(unwraps_unattended ? AfterRotation::rewrap : AfterRotation::inherit);
    }
};

/// The name of the value that carries a protector's public half: "public-key:sha256:…".
[[nodiscard]] std::string public_key_name(const format::Thumbprint& protector);

/// The names that this version knows, with their defaults and one sentence each, for `keyring policy show`.
struct PolicyName {
    std::string_view name, default_value, meaning;
};
[[nodiscard]] const std::vector<PolicyName>& policy_names();

}  // namespace signet::keyring
