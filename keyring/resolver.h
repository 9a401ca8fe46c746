// The resolver: what can be done with a protector, and doing it, over all keyrings and vaults.
#pragma once

#include "format/slot.h"
#include "keyring/keyring.h"

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace signet::keyring {

enum class ProtectorStatus {
    usable,
    wrap_only,
    missing,
    disabled,
    not_yet_valid,
    expired,
    deleted,
    denied,
    unreachable
};
/// "usable", "wrap-only", "missing", …: as plans and `keyring show` have it.
[[nodiscard]] std::string_view text(ProtectorStatus status);

/// A location from a repository as it can stand in a command that a person is asked to copy, quoted for the shell where
/// it must be; "LOCATION" for what cannot. A query is not taken over: it could name a module to load.
[[nodiscard]] std::string for_command(std::string_view location);

/// What it takes to ask a key manager.
struct RemoteUse {
    std::string vault;                   ///< "aws:eu-west-1/111122223333", for people
    int lanes = 1;                       ///< so many calls at once
    std::chrono::milliseconds per_call;  ///< as long as the last one took; 0: not known
};

/// What is known of a protector without using it.
struct ProtectorReport {
    format::Thumbprint thumbprint;
    ProtectorStatus status = ProtectorStatus::missing;
    std::string name;
    std::optional<LinkRole> role;  ///< in the host's own keyring
    std::vector<std::string> locations;
    bool can_unwrap = false;  ///< usable, or outside its dates (which still unwraps)
    std::string detail;       ///< "disabled in local:prod-2025/1"
    std::string hint;         ///< the command that would help
    std::optional<TimePoint> not_before;
    std::optional<TimePoint> expires;
    std::optional<RemoteUse> remote = std::nullopt;  ///< where a key manager is to unwrap
};

/// For several threads at once.
class Resolver {
public:
    /// Waits before a vault that has too many calls is asked again; empty: really.
    using Wait = std::function<void(std::chrono::milliseconds)>;
    /// keyrings, vaults  outlive the resolver. warn  takes one sentence, at most once for each
    Resolver(KeyringSet& keyrings, Vaults& vaults, std::function<void(const std::string&)> warn = {}, Wait wait = {});

    /// Describes; never unwraps and never asks for a passphrase.
    [[nodiscard]] ProtectorReport status(const format::Thumbprint& thumbprint);
    /// The same for what new data keys are to be wrapped with: what stops wrapping alone is remembered as well while
    /// the vault is out of reach.
    [[nodiscard]] ProtectorReport status_for_wrapping(const format::Thumbprint& thumbprint);
    /// Whether unwrap() could work without asking a person: a location with the private half, and a passphrase that is
    /// known or comes unattended.
    [[nodiscard]] bool unwraps_unattended(const format::Thumbprint& thumbprint);

    /// Opens a data key. A twin is tried only when a location is out of reach, never when it refuses; a warning and a
    /// line of the audit log say so.
    /// The slot's own location is shown when the protector is missing.
    /// throws  Error{key_unavailable}, Error{wrong_passphrase}, Error{damaged}: the slot is not what its protector
    /// wrapped
    [[nodiscard]] format::DataKey unwrap(const format::Slot& slot);
    /// Opens data keys that unwrap() will be asked for, as many at once as their key managers take. Other vaults are
    /// left to unwrap(), and so is whatever fails here. Each is kept until it is asked for.
    void unwrap_ahead(const std::vector<format::Slot>& slots);
    /// Has a key manager wrap a data key anew under another of its keys, without showing it to this host. What the slot
    /// holds is not looked at: it must be a trusted signer's, or have been opened before.
    /// returns  nothing when the two keys are in no vault that can, or when it cannot now
    [[nodiscard]] std::optional<format::Slot> rewrap(const format::Slot& slot, const format::Thumbprint& target);
    /// Wraps a data key: in its vault where that is a key manager, else with the linked public half, once its vault
    /// says that it may be used. While the vault is out of reach the public half wraps, where there is one. throws
    /// Error{key_unavailable}: disabled, expired, deleted, not linked, …; Error{refused}: its role does not wrap
    [[nodiscard]] format::Slot wrap(const format::DataKey& key, const format::Thumbprint& thumbprint);
    /// The same for a link that is `linked` only (a re-wrap on demand towards a named protector).
    [[nodiscard]] format::Slot wrap_any_role(const format::DataKey& key, const format::Thumbprint& thumbprint);
    /// The default of the repository's provider and region, first, and every recovery link.
    /// throws  Error{key_unavailable}: there is no default; the hint has the command
    [[nodiscard]] std::vector<format::Thumbprint> wrapping_protectors(const std::string& provider = "local",
                                                                      const std::string& region = "local") const;
    /// One slot for each of these protectors, whatever their roles: wrapping_for() chose them.
    [[nodiscard]] std::vector<format::Slot> wrap_for_backup(const format::DataKey& key,
                                                            const std::vector<format::Thumbprint>& protectors);

    [[nodiscard]] KeyringSet& keyrings() { return keyrings_; }
    [[nodiscard]] Vaults& vaults() { return vaults_; }

private:
    struct Found;
    /// A location that is out of reach, so that a twin may be asked.
    struct Passed {
        std::string place;
        Outcome outcome = Outcome::unavailable;
        std::string detail;
    };
    /// What a protector is looked at for: its dates stop wrapping alone.
    enum class Use { unwrap, wrap };
    [[nodiscard]] Found look(const KnownProtector& protector, Use use = Use::unwrap,
                             const std::vector<Passed>& skipped = {});
    [[nodiscard]] Answer<KeyDescription> ask(const format::Thumbprint& thumbprint, const Location& location);
    [[nodiscard]] Answer<KeyDescription> ask_once(const Location& location);
    [[nodiscard]] const Refusal* refusal(const std::string& place) const;
    template <class Ask>
    [[nodiscard]] auto patiently(const std::string& place, const Ask& ask);
    [[nodiscard]] Found require_unwrapping(const KnownProtector& protector, const std::vector<Passed>& skipped);
    void warn_of_twin(const KnownProtector& protector, const std::string& place, const std::string& twin);
    void note_failover(const format::Slot& slot, const std::vector<Passed>& passed, const std::string& twin);
    [[nodiscard]] Answer<SecretBytes> audited_unwrap(const format::Slot& slot, const Location& location,
                                                     std::optional<format::DataKey>& key);
    [[nodiscard]] ProtectorReport status_locked(const format::Thumbprint& thumbprint, Use use);
    [[nodiscard]] format::Slot wrap_locked(const format::DataKey& key, const format::Thumbprint& thumbprint,
                                           bool any_role);
    [[nodiscard]] bool wraps_there(const Found& found, const Link& link);
    [[noreturn]] static void refuse_to_wrap(const Found& found, const format::Thumbprint& thumbprint,
                                            const std::string& who);
    [[nodiscard]] std::optional<Bytes> wrap_there(const Found& found, const format::Slot& slot,
                                                  const SecretBytes& plaintext, const std::string& who);
    void wrap_here(const Link& link, format::Slot& slot, const SecretBytes& plaintext, const std::string& who,
                   const Found& found);
    void warn_once(const std::string& sentence);
    // Key managers (resolver_remote.cpp).
    class Ahead;
    struct Described {
        Answer<KeyDescription> answer;
        std::chrono::steady_clock::time_point when;
    };
    [[nodiscard]] const Answer<KeyDescription>* recalled(const std::string& place) const;
    void recall(const Location& location, const Answer<KeyDescription>& answer,
                std::chrono::steady_clock::duration took);
    [[nodiscard]] std::optional<RemoteUse> remote_use(const Location& location);
    [[nodiscard]] std::optional<format::DataKey> take_ahead(const format::Slot& slot);

    mutable std::recursive_mutex mutex_;
    KeyringSet& keyrings_;
    Vaults& vaults_;
    std::function<void(const std::string&)> warn_;
    Wait wait_;
    std::set<std::string> impatient_;  ///< places that had too many calls to the end; not waited for again
    std::vector<std::string> warned_;
    std::map<std::string, Described> described_;             ///< by key managers, by place
    std::map<std::string, std::chrono::milliseconds> took_;  ///< to describe a key, by place
    std::map<Digest, format::DataKey> ahead_;                ///< opened, and not asked for yet; by digest of the slot
};

}  // namespace signet::keyring
