#include "keyring/trust.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace signet::keyring {
namespace {

using Entry = TrustInput::Entry;

/// An entry with its place in the order of all journals.
struct Ordered {
    const Entry* entry = nullptr;
    /// The latest time claimed in this journal so far: a clock set back does not reorder a journal.
    TimePoint time;

    [[nodiscard]] auto key() const { return std::tie(time, entry->signer, entry->sequence); }
    friend bool operator<(const Ordered& left, const Ordered& right) { return left.key() < right.key(); }
};

std::vector<Ordered> in_order(const std::vector<Entry>& entries) {
    std::vector<const Entry*> by_journal;
    by_journal.reserve(entries.size());
    for (const Entry& entry : entries) by_journal.push_back(&entry);
    std::sort(by_journal.begin(), by_journal.end(), [](const Entry* left, const Entry* right) {
        return std::tie(left->signer, left->sequence) < std::tie(right->signer, right->sequence);
    });

    std::vector<Ordered> ordered;
    ordered.reserve(by_journal.size());
    for (const Entry* entry : by_journal) {
        const bool same_journal = !ordered.empty() && ordered.back().entry->signer == entry->signer;
        const TimePoint time = same_journal ? std::max(ordered.back().time, entry->time) : entry->time;
        ordered.push_back({entry, time});
    }
    std::sort(ordered.begin(), ordered.end());
    return ordered;
}

TrustedIdentity trusted_by(const format::TrustStatement& statement, const EntryId& entry) {
    return {statement.identity, statement.role, statement.first_sequence, statement.last_sequence, entry};
}

using Settled = std::map<IdentityId, TrustedIdentity>;

/// Who was settled, and at which distance from the pinned officer.
struct Officers {
    Settled settled;
    std::vector<std::set<IdentityId>> levels;
};

bool speaks(const Settled& officers, const Entry& entry) {
    const auto officer = officers.find(entry.signer);
    return officer != officers.end() && entry.sequence >= officer->second.first_sequence &&
           entry.sequence <= officer->second.last_sequence;
}

/// What the officers of one level say in a role about identities that no nearer level has settled. The latest counts.
Settled said_by(const std::set<IdentityId>& level, const Settled& officers, format::Role role, const Settled& settled,
                const std::vector<Ordered>& entries) {
    Settled said;
    for (const Ordered& ordered : entries) {
        const Entry& entry = *ordered.entry;
        if (!entry.trust || !level.contains(entry.signer) || !speaks(officers, entry)) continue;
        for (const auto& statement : entry.trust->statements) {
            if (statement.role != role || settled.contains(statement.identity)) continue;
            said[statement.identity] = trusted_by(statement, entry.id);
        }
    }
    return said;
}

/// Level by level from the pinned officer; what a nearer level settled stays.
Officers settle_officers(const IdentityId& pinned, const std::vector<Ordered>& entries) {
    Officers officers;
    officers.settled[pinned] = {pinned, format::Role::officer, 1, UINT64_MAX, {}};
    std::set<IdentityId> level = {pinned};
    while (!level.empty()) {
        const Settled next = said_by(level, officers.settled, format::Role::officer, officers.settled, entries);
        officers.levels.push_back(std::move(level));
        level.clear();
        for (const auto& [identity, officer] : next) {
            officers.settled.emplace(identity, officer);
            level.insert(identity);
        }
    }
    return officers;
}

/// Over the same levels.
Settled settle_writers(const Officers& officers, const std::vector<Ordered>& entries) {
    Settled settled;
    for (const auto& level : officers.levels) {
        settled.merge(said_by(level, officers.settled, format::Role::writer, settled, entries));
    }
    return settled;
}

/// Those that count, in their order.
std::vector<PolicyInForce> policies_of(const Settled& officers, const std::vector<Ordered>& entries) {
    std::vector<PolicyInForce> policies;
    for (const Ordered& ordered : entries) {
        const Entry& entry = *ordered.entry;
        if (!entry.policy || !speaks(officers, entry)) continue;
        policies.push_back(
            {entry.policy->number, entry.id, entry.signer, {entry.policy->values.begin(), entry.policy->values.end()}});
    }
    return policies;
}

/// Of equal numbers the later entry counts.
std::optional<PolicyInForce> highest_of(const std::vector<PolicyInForce>& policies) {
    std::optional<PolicyInForce> highest;
    for (const PolicyInForce& policy : policies) {
        if (!highest || policy.number >= highest->number) highest = policy;
    }
    return highest;
}

}  // namespace

void TrustInput::add(const format::SignedEntry& entry) {
    TimePoint& latest = latest_.try_emplace(entry.identity, entry.head.time).first->second;
    latest = std::max(latest, entry.head.time);
    Entry decoded{entry.identity, entry.head.sequence, entry.id, latest, std::nullopt, std::nullopt};
    const std::string what = "entry " + entry.id.short_hex();
    if (entry.kind == format::EntryKind::trust) {
        decoded.trust = format::TrustFields::decode(entry.public_fields(), what);
    } else if (entry.kind == format::EntryKind::policy) {
        decoded.policy = format::PolicyFields::decode(entry.public_fields(), what);
    } else {
        return;
    }
    entries_.push_back(std::move(decoded));
}

Trust Trust::compute(const IdentityId& pinned_officer, const TrustInput& input) {
    const std::vector<Ordered> entries = in_order(input.entries());
    const Officers officers = settle_officers(pinned_officer, entries);

    Trust trust;
    for (const auto& [identity, officer] : officers.settled)
        trust.trusted_[{identity, format::Role::officer}] = officer;
    for (const auto& [identity, writer] : settle_writers(officers, entries)) {
        trust.trusted_[{identity, format::Role::writer}] = writer;
    }
    const std::vector<PolicyInForce> policies = policies_of(officers.settled, entries);
    trust.policy_ = highest_of(policies);
    for (const PolicyInForce& policy : policies) trust.policies_.emplace(policy.entry, policy);
    return trust;
}

const TrustedIdentity* Trust::find(const IdentityId& identity, format::Role role) const {
    const auto found = trusted_.find({identity, role});
    return found == trusted_.end() ? nullptr : &found->second;
}

bool Trust::trusts(const IdentityId& identity, format::Role role, std::uint64_t sequence) const {
    const TrustedIdentity* found = find(identity, role);
    return found != nullptr && sequence >= found->first_sequence && sequence <= found->last_sequence;
}

std::vector<TrustedIdentity> Trust::all() const {
    std::vector<TrustedIdentity> all;
    all.reserve(trusted_.size());
    for (const auto& [key, identity] : trusted_) all.push_back(identity);
    return all;
}

}  // namespace signet::keyring
