#include "backup/mandate.h"

#include "format/limits.h"
#include "keyring/officers.h"

namespace signet::backup {
namespace {

void take_statements(const std::list<storage::Journal>& officers, Mandate& mandate) {
    for (const auto& journal : officers) {
        visit_statements(journal, [&](const format::SignedEntry& entry, const storage::StatementOrder& order) {
            if (!mandate.trust.trusts(entry.identity, format::Role::officer, entry.head.sequence)) return;
            try {
                mandate.word.condemnations.take(entry);
                if (entry.kind == format::EntryKind::tombstone)
                    mandate.tombstones.take(entry, order, [](const auto&) { return true; });
            } catch (const Error& error) {
                // Who reads the repository is told of it; a backup goes on.
                if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
            }
        });
    }
}

}  // namespace

Mandate mandate_of(const storage::Repository& repository, const keyring::KeyringSet& keyrings,
                   std::list<storage::Journal>& journals) {
    std::vector<const keyring::RepositoryPin*> pins;
    for (const auto& keyring : keyrings.all()) {
        const auto* pin = keyring.pin(repository.config().repository);
        if (pin != nullptr) pins.push_back(pin);
    }
    const auto read = [&](const IdentityId& identity) -> keyring::OfficerJournal {
        const storage::Journal& journal = journals.emplace_back(repository.load_journal(identity));
        return {journal.entries, journal.problem};
    };
    keyring::Officers officers = keyring::read_officers(repository.config().officer, read, pins);
    officers.require_whole();
    Mandate mandate;
    mandate.newest = std::move(officers.newest);
    mandate.trust = std::move(officers.trust);
    for (const auto& [identity, newest] : mandate.newest) {
        if (mandate.word.read.size() < format::kMaxObeyed) mandate.word.read.push_back({identity, newest.sequence});
    }
    take_statements(journals, mandate);
    if (const auto& policy = mandate.trust.policy()) {
        mandate.policy = keyring::Policy::from_values(policy->values);
        mandate.policy_entry = policy->entry;
    }
    return mandate;
}

std::function<bool(const format::SignedEntry&)> counts(const Mandate& mandate) {
    return [&mandate](const format::SignedEntry& entry) {
        return mandate.trust.trusts(entry.identity, format::Role::officer, entry.head.sequence);
    };
}

}  // namespace signet::backup
