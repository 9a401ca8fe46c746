// Who is trusted for what, computed from signed entries alone (docs/format.md sections 5 and 7). No input or output.
//
// The pinned officer is always trusted as an officer. Officers made by statements are settled first, level by level
// from the pinned one: what a nearer level said about an officer, no farther level can change, so that nobody can undo
// who appointed them. Writers likewise: of what the nearest level said about a writer the latest statement counts. The
// order within a level is that of running time (below), then identity and sequence number; so within a journal it is
// that of its sequence numbers, whatever the clocks claimed.
#pragma once

#include "format/officer_entry.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace signet::keyring {

/// The officers' entries of a repository, from all journals, verified and chained by the caller.
class TrustInput {
public:
    /// Takes a journal's entries in their order. Trust and policy entries are kept; of the others only the running time
    /// counts. throws  Error{damaged}
    void add(const format::SignedEntry& entry);

    struct Entry {
        IdentityId signer;
        std::uint64_t sequence = 0;
        EntryId id;
        TimePoint time;  ///< running: the latest claimed in the journal up to and with this entry
        std::optional<format::TrustFields> trust;
        std::optional<format::PolicyFields> policy;
    };
    /// For entries that are decoded already.
    void add(Entry entry) { entries_.push_back(std::move(entry)); }
    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

private:
    std::vector<Entry> entries_;
    std::map<IdentityId, TimePoint> latest_;
};

/// An identity trusted in a role, for entries with first <= sequence <= last.
struct TrustedIdentity {
    IdentityId identity;
    format::Role role = format::Role::writer;
    std::uint64_t first_sequence = 1;
    std::uint64_t last_sequence = UINT64_MAX;
    EntryId said_by;  ///< the trust entry; zero for the pinned officer
};

/// The policy entry that counts.
struct PolicyInForce {
    std::uint64_t number = 0;
    EntryId entry;
    IdentityId officer;
    std::map<std::string, std::string> values;
};

class Trust {
public:
    [[nodiscard]] static Trust compute(const IdentityId& pinned_officer, const TrustInput& input);
    [[nodiscard]] bool trusts(const IdentityId& identity, format::Role role, std::uint64_t sequence) const;
    [[nodiscard]] const TrustedIdentity* find(const IdentityId& identity, format::Role role) const;
    [[nodiscard]] std::vector<TrustedIdentity> all() const;
    /// Nothing: the defaults hold.
    [[nodiscard]] const std::optional<PolicyInForce>& policy() const { return policy_; }
    /// Every policy that an officer said with effect, by its entry: what manifests name as the one that they obeyed.
    [[nodiscard]] const std::map<EntryId, PolicyInForce>& policies() const { return policies_; }

private:
    std::map<std::pair<IdentityId, format::Role>, TrustedIdentity> trusted_;
    std::optional<PolicyInForce> policy_;
    std::map<EntryId, PolicyInForce> policies_;
};

}  // namespace signet::keyring
