#include "cli/proof.h"

#include "cli/signals.h"

namespace signet::cli {

Proof prove(Context& context, const ProtectorNeed& need) {
    if (!need.report.can_unwrap) {
        return {false, false,
                need.report.detail.empty() ? std::string(keyring::text(need.report.status)) : need.report.detail};
    }
    const restore::RunKey& key = need.newest != nullptr ? *need.newest : *need.newest_claim;
    try {
        (void)restore::unwrap_key_by(context.repository(), context.planner(), context.resolver(), key,
                                     need.report.thumbprint);
    } catch (const Error& error) {
        if (!restore::is_about_slots(error)) throw;
        // Anybody may have stored a slot that nobody signed.
        return {false, need.newest != nullptr, error.what()};
    }
    context.keyring().note_proven(need.report.thumbprint, context.clock().now());
    return {true, false, "opened data key " + key.dek.short_hex()};
}

std::set<std::string> unopenable(Context& context, const ProtectorNeeds& needs) {
    std::set<std::string> backups;
    for (const auto& [key, users] : needs.unproven) {
        stop_if_interrupted();
        try {
            (void)restore::unwrap_key(context.repository(), context.planner(), context.resolver(), *key);
        } catch (const Error& error) {
            if (!restore::is_about_slots(error)) throw;
            for (const restore::Backup* backup : users) backups.insert(backup->short_id());
        }
    }
    return backups;
}

}  // namespace signet::cli
