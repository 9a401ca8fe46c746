// What locations refused, and since when: refusals outlive the process, so that no later one takes them for an outage.
#include "format/encoding.h"
#include "keyring/keyring.h"
#include "keyring/vault_place.h"

#include <algorithm>

namespace signet::keyring {
namespace {

/// Whether a refusal is the key's own state, rather than a withheld permission or a private half that is not there.
bool is_state(Outcome outcome) {
    return outcome == Outcome::key_disabled || outcome == Outcome::key_not_yet_valid ||
           outcome == Outcome::key_expired || outcome == Outcome::key_deleted;
}

/// "prod/1" of local:prod/1 and of local:DIR#prod/1.
std::string_view key_in(std::string_view location) {
    const auto mark = location.rfind('#');
    if (mark != std::string_view::npos) return location.substr(mark + 1);
    const auto colon = location.find(':');
    return colon == std::string_view::npos ? location : location.substr(colon + 1);
}

/// A key in a vault, however it is written: a text that names no folder means another one when the vault is another.
class Place {
public:
    Place(const std::string& location, const Vaults& vaults)
        : text_(location), folder_(format::to_utf8(vault_folder(Location::parse(location), vaults.default_folder()))) {}

    [[nodiscard]] const std::string& folder() const { return folder_; }
    [[nodiscard]] bool is_of(const Refusal& refusal) const {
        if (refusal.folder.empty() || folder_.empty()) return refusal.location == text_;
        return refusal.folder == folder_ && key_in(refusal.location) == key_in(text_);
    }

private:
    std::string text_;
    std::string folder_;
};

}  // namespace

bool is_of(const Refusal& refusal, const std::string& location, const Vaults& vaults) {
    return Place(location, vaults).is_of(refusal);
}

const Refusal* Keyring::refusal(const std::string& location, const Vaults& vaults) const {
    const Place place(location, vaults);
    const Refusal* found = nullptr;
    for (const Refusal& refusal : content_.refusals) {
        if (!place.is_of(refusal)) continue;
        if (found == nullptr || stops_unwrapping(refusal.outcome)) found = &refusal;
    }
    return found;
}

bool Keyring::has_refused_login(const std::string& location, const Vaults& vaults) const {
    const Place place(location, vaults);
    return std::any_of(content_.refusals.begin(), content_.refusals.end(), [&](const Refusal& refusal) {
        return place.is_of(refusal) && refusal.outcome == Outcome::credential_rejected;
    });
}

void Keyring::note_answer(const std::string& location, const std::string& operation, Outcome outcome,
                          const Vaults& vaults) noexcept {
    if (may_fail_over(outcome)) return;
    try {
        const Place place(location, vaults);
        // The state of a key is seen by describing it; whether we are allowed to use it only by using it.
        const bool proves_all = operation == "unwrap" || operation == "test";
        const std::string what = is_state(outcome)                         ? "describe"
                                 : outcome == Outcome::credential_rejected ? "login"
                                                                           : operation;
        const auto is_answered = [&](const Refusal& refusal) {
            // That a key is outside its dates is not undone by its unwrapping.
            const bool is_undone = outcome == Outcome::ok && proves_all && stops_unwrapping(refusal.outcome);
            return place.is_of(refusal) && (refusal.operation == what || is_undone);
        };
        const auto& known = content_.refusals;
        const auto found = std::find_if(known.begin(), known.end(), is_answered);
        const bool same = outcome == Outcome::ok
                              ? found == known.end()
                              : found != known.end() && found->outcome == outcome && found->folder == place.folder();
        if (same) return;
        change([&](Content& next) {
            std::erase_if(next.refusals, is_answered);
            // Told to people in whole seconds.
            const TimePoint now = clock_->now();
            if (outcome != Outcome::ok)
                next.refusals.push_back(
                    {location, place.folder(), what, outcome, TimePoint{now.ns - now.ns % kNsPerSecond}});
        });
    } catch (const std::exception&) {
        // A keyring on a medium that cannot be written still serves.
    }
}

void Keyring::note_rejected(const Location& location, const std::string& operation, const Error& error,
                            const Vaults& vaults) noexcept {
    if (error.code() != ErrorCode::wrong_passphrase || !vaults.gives_secrets_unattended(location)) return;
    note_answer(location.text(), operation, Outcome::credential_rejected, vaults);
}

}  // namespace signet::keyring
