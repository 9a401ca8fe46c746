#include "keyring/keyring.h"

#include <algorithm>

namespace signet::keyring {

KeyringSet::KeyringSet(std::vector<Keyring> keyrings) : keyrings_(std::move(keyrings)) {
    invariant(!keyrings_.empty(), "a set of keyrings has the host's own");
}

void KeyringSet::take_notes_of_others() noexcept {
    for (Keyring& keyring : keyrings_) keyring.take_notes_of_others();
}

std::optional<KnownProtector> KeyringSet::find(const format::Thumbprint& thumbprint) const {
    std::optional<KnownProtector> known;
    for (const Keyring& keyring : keyrings_) {
        const Link* link = keyring.find(thumbprint);
        if (link == nullptr) continue;
        if (!known) known = KnownProtector{thumbprint, link->name, std::nullopt, {}, link->spki};
        if (&keyring == &keyrings_.front()) known->role = link->role;
        for (const std::string& location : link->locations) {
            const auto& all = known->locations;
            if (std::find(all.begin(), all.end(), location) == all.end()) known->locations.push_back(location);
        }
    }
    return known;
}

std::vector<KnownProtector> KeyringSet::protectors() const {
    std::vector<KnownProtector> all;
    for (const Keyring& keyring : keyrings_) {
        for (const Link& link : keyring.links()) {
            const bool known = std::any_of(all.begin(), all.end(), [&](const KnownProtector& protector) {
                return protector.thumbprint == link.thumbprint;
            });
            if (!known) all.push_back(*find(link.thumbprint));
        }
    }
    return all;
}

std::optional<SecretBytes> KeyringSet::label_key(const RepositoryId& repository, const IdentityId& writer) const {
    for (const Keyring& keyring : keyrings_) {
        if (auto key = keyring.label_key(repository, writer)) return key;
    }
    return std::nullopt;
}

}  // namespace signet::keyring
