// What locations refused, and since when: refusals outlive the process, so that no later one takes them for an outage.
#include "keyring/keyring.h"

#include <algorithm>

namespace signet::keyring {
namespace {

/// Whether a refusal is the key's own state, rather than a withheld permission or a private half that is not there.
bool is_state(Outcome outcome) {
    return outcome == Outcome::key_disabled || outcome == Outcome::key_not_yet_valid ||
           outcome == Outcome::key_expired || outcome == Outcome::key_deleted;
}

}  // namespace

const Refusal* Keyring::refusal(const std::string& location) const {
    const Refusal* found = nullptr;
    for (const Refusal& refusal : content_.refusals) {
        if (refusal.location != location) continue;
        if (found == nullptr || stops_unwrapping(refusal.outcome)) found = &refusal;
    }
    return found;
}

bool Keyring::has_refused_login(const std::string& location) const {
    return std::any_of(content_.refusals.begin(), content_.refusals.end(), [&](const Refusal& refusal) {
        return refusal.location == location && refusal.outcome == Outcome::credential_rejected;
    });
}

void Keyring::note_answer(const std::string& location, const std::string& operation, Outcome outcome) noexcept {
    if (may_fail_over(outcome)) return;
    // The state of a key is seen by describing it; whether we are allowed to use it only by using it.
    const bool proves_all = operation == "unwrap" || operation == "test";
    const std::string what = is_state(outcome)                         ? "describe"
                             : outcome == Outcome::credential_rejected ? "login"
                                                                       : operation;
    const auto is_answered = [&](const Refusal& refusal) {
        // That a key is outside its dates is not undone by its unwrapping.
        const bool is_undone = outcome == Outcome::ok && proves_all && stops_unwrapping(refusal.outcome);
        return refusal.location == location && (refusal.operation == what || is_undone);
    };
    const auto& known = content_.refusals;
    const auto found = std::find_if(known.begin(), known.end(), is_answered);
    const bool same = outcome == Outcome::ok ? found == known.end() : found != known.end() && found->outcome == outcome;
    if (same) return;
    try {
        change([&](Content& next) {
            std::erase_if(next.refusals, is_answered);
            if (outcome != Outcome::ok) next.refusals.push_back({location, what, outcome, clock_->now()});
        });
    } catch (const std::exception&) {
        // A keyring on a medium that cannot be written still serves.
    }
}

void Keyring::note_rejected(const Location& location, const std::string& operation, const Error& error,
                            const Vaults& vaults) noexcept {
    if (error.code() != ErrorCode::wrong_passphrase || !vaults.gives_secrets_unattended(location)) return;
    note_answer(location.text(), operation, Outcome::credential_rejected);
}

}  // namespace signet::keyring
