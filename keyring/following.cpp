// Links that follow the newest version of a key.
#include "keyring/escrow_mark.h"
#include "keyring/keyring.h"

#include <algorithm>

namespace signet::keyring {
namespace {

/// The version that the link stands for at the place it follows; 0 when none.
std::uint32_t followed_version(const Link& link, const Location& place) {
    std::uint32_t version = 0;
    for (const std::string& text : link.locations) {
        const Location location = Location::parse(text);
        // On a token the way there may differ, the key does not.
        if (location.without_version().public_text() != place.public_text()) continue;
        version = std::max(version, location.named_version().value_or(0));
    }
    return version;
}

}  // namespace

/// Only its owner writes a local vault. To a token anybody may add a public half under the next label: a key there, or
/// in a key manager, is followed once that has unwrapped with it. Never asks a person. returns  empty when nothing is
/// in the way
std::string Keyring::why_not_followed(const Link& link, const KeyDescription& key, Vaults& vaults) {
    const bool is_proven = find(key.thumbprint) != nullptr;
    const bool is_own_word = key.location.scheme == Location::Scheme::local;
    if (is_own_word || is_proven) return {};
    const std::string& place = link.locations.front();
    const Refusal* known = refusal(place, vaults);
    if (known != nullptr && known->outcome == Outcome::credential_rejected) {
        return std::string(key.location.is_remote() ? "the login is refused since "
                                                    : "its token refuses the PIN since ") +
               to_rfc3339(known->since) + "; see signet keyring test";
    }
    if (!vaults.at(key.location).unwraps_unattended(key.location)) {
        return "it must unwrap first, and no PIN is at hand: signet keyring link '" + key.location.text() + "'";
    }
    try {
        const auto tested = audited_test(key.thumbprint, key.location, vaults);
        return tested.ok() ? "" : tested.detail;
    } catch (const Error& error) {
        // The next run must not spend another try.
        if (error.code() == ErrorCode::wrong_passphrase)
            note_answer(place, "test", Outcome::credential_rejected, vaults);
        return error.what();
    }
}

/// Does not log in once the place has refused that: every run would spend another try.
Answer<KeyDescription> Keyring::newest_at(const Location& place, const std::string& linked, Vaults& vaults) {
    Vault& vault = vaults.at(place);
    if (has_refused_login(linked, vaults) && vaults.gives_secrets_unattended(place)) return vault.newest_shown(place);
    try {
        return vault.newest(place);
    } catch (const Error& error) {
        note_rejected(Location::parse(linked), "login", error, vaults);
        if (error.code() != ErrorCode::wrong_passphrase || !has_refused_login(linked, vaults)) throw;
        return Answer<KeyDescription>::refuse(Outcome::credential_rejected, error.what());
    }
}

void Keyring::follow(const Link& link, Vaults& vaults, FollowReport& report) {
    const Location place = Location::parse(link.follow);
    const auto newest = newest_at(place, link.locations.front(), vaults);
    if (!newest.ok()) {
        report.warnings.push_back(place.text() + ": " + newest.detail + "; the newest version is not known");
        return;
    }
    const KeyDescription& key = *newest.value;
    if (key.thumbprint == link.thumbprint) return;
    // Only ever forward: when the newest version is disabled, an older one must not take its place again. Where
    // versions have no numbers, the key manager itself says which is the newest, whatever its state.
    const auto version = key.location.named_version();
    if (version && *version <= followed_version(link, place)) return;

    const std::string obstacle = why_not_followed(link, key, vaults);
    if (!obstacle.empty()) {
        report.warnings.push_back(key.location.text() + " is newer and is not followed yet: " + obstacle);
        return;
    }
    if (link.role == LinkRole::default_) {
        const std::vector<std::string> waiting = replicas_waiting_for(key.thumbprint, vaults);
        for (const std::string& why : waiting) {
            report.warnings.push_back(key.location.text() + " does not take over from " + link.thumbprint.short_text() +
                                      " yet: " + why);
        }
        if (!waiting.empty()) return;
    }
    if (key.public_key) audited_wrap(*key.public_key, key.location.text(), "test of a new version");
    change([&](Content& next) {
        Link* old = next.find(link.thumbprint);
        if (old == nullptr || old->follow != link.follow) return;  // another process was faster
        Link* fresh = next.find(key.thumbprint);
        if (fresh == nullptr) {
            Link added = *old;
            added.thumbprint = key.thumbprint;
            added.name = key.name;
            added.role = LinkRole::linked;
            added.locations = {key.location.text()};
            added.spki = key.public_key ? key.public_key->spki() : Bytes();
            added.linked = clock_->now();
            // What was seen of the old version says nothing about the new one.
            added.last_proven = added.last_unwrapped = std::nullopt;
            added.lost_since = std::nullopt;
            added.lost_why.clear();
            next.links.push_back(std::move(added));
            fresh = &next.links.back();
            old = next.find(link.thumbprint);
        }
        old->follow.clear();
        fresh->follow = link.follow;
        const bool same_place = same_provider(fresh->provider, old->provider) && fresh->region == old->region;
        const bool stays = old->role == LinkRole::recovery && !next.replica_keyrings.empty();
        if (fresh->role == LinkRole::linked && same_place) {
            std::swap(fresh->role, old->role);
            if (stays) old->role = LinkRole::recovery;
        }
        fresh->note_state("enabled", clock_->now());
        pass_on_escrow_mark(next.settings, link.thumbprint, key.thumbprint);
        report.changes.push_back({link.thumbprint, key.thumbprint, key.location.text(), fresh->role});
    });
    audit_.note({"follow", key.thumbprint, key.location.text(), {}}, "after " + link.thumbprint.text());
}

FollowReport Keyring::refresh_followed(Vaults& vaults) {
    refresh();
    FollowReport report;
    const std::vector<Link> links = content_.links;
    for (const Link& link : links) {
        if (link.follow_newest()) follow(link, vaults, report);
    }
    return report;
}

}  // namespace signet::keyring
