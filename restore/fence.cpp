#include "restore/fence.h"

#include <algorithm>
#include <set>

#include "keyring/policy.h"

namespace signet::restore {
namespace {

/// The policies that say so. One that this version cannot obey in full says too
/// little to rely on.
std::set<EntryId> fences_of(const keyring::Trust& trust, const format::Thumbprint& protector, FenceWord word) {
    std::set<EntryId> fences;
    for (const auto& [entry, said] : trust.policies()) {
        try {
            const auto policy = keyring::Policy::from_values(said.values);
            if (word == FenceWord::to_go ? policy.is_fenced(protector) : policy.is_compromised(protector))
                fences.insert(entry);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::unsupported) throw;
        }
    }
    return fences;
}

bool is_wrapped_under(const Backup& backup, const format::Thumbprint& protector) {
    return std::any_of(backup.fields->slots.begin(), backup.fields->slots.end(),
                       [&](const format::Slot& slot) { return slot.thumbprint == protector; });
}

bool is_live(const keyring::Trust& trust, const storage::Journal& journal) {
    const keyring::TrustedIdentity* writer = trust.find(journal.identity, format::Role::writer);
    return writer != nullptr && writer->first_sequence <= writer->last_sequence &&
           writer->last_sequence > journal.entries.size();
}

}  // namespace

std::vector<WaitingWriter> waiting_writers(const Catalogue& catalogue, const format::Thumbprint& protector,
                                           FenceWord word) {
    const std::set<EntryId> fences = fences_of(catalogue.trust(), protector, word);
    std::vector<WaitingWriter> waiting;
    for (const storage::Journal& journal : catalogue.journals()) {
        if (!is_live(catalogue.trust(), journal)) continue;
        const Backup* newest = nullptr;
        for (const Backup& backup : catalogue.backups()) {
            if (backup.writer == journal.identity && (newest == nullptr || newest->sequence < backup.sequence))
                newest = &backup;
        }
        if (newest == nullptr) continue;
        // A program that does not know these names puts the policy's id into its manifests and obeys nothing.
        const bool has_obeyed = fences.contains(newest->entry->head.policy) && !is_wrapped_under(*newest, protector);
        if (has_obeyed) continue;
        waiting.push_back({journal.identity, newest->labels ? newest->labels->host : std::string(), newest->time(),
                           journal.entries.size()});
    }
    return waiting;
}

}  // namespace signet::restore
