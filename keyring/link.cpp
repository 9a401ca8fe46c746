// Links of a keyring: finding them, and asking their vaults.
#include "core/crypto/random.h"
#include "core/error.h"
#include "format/encoding.h"
#include "keyring/keyring.h"
#include "keyring/vault_place.h"

#include <algorithm>

namespace signet::keyring {
namespace {

constexpr std::size_t kProbeSize = 32;

std::string quoted(std::string_view value) { return "\"" + std::string(value) + "\""; }

bool is_named(const Link& link, std::string_view reference) {
    if (link.name == reference) return true;
    // "prod/2": the version that a location names.
    return std::any_of(link.locations.begin(), link.locations.end(), [&](const std::string& text) {
        const Location location = Location::parse(text);
        return location.version && location.name + "/" + std::to_string(*location.version) == reference;
    });
}

bool is_linked(const std::vector<Link>& links, const std::string& location) {
    return std::any_of(links.begin(), links.end(), [&](const Link& link) {
        return std::find(link.locations.begin(), link.locations.end(), location) != link.locations.end();
    });
}

}  // namespace

std::string_view text(LinkRole role) {
    switch (role) {
        case LinkRole::default_:
            return "default";
        case LinkRole::recovery:
            return "recovery";
        case LinkRole::linked:
            return "linked";
    }
    invariant(false, "a role has a name");
    return {};
}

void Link::note_state(std::string state, TimePoint now) {
    last_state = std::move(state);
    last_state_time = now;
}

Link* Keyring::Content::find(const format::Thumbprint& thumbprint) {
    const auto found =
        std::find_if(links.begin(), links.end(), [&](const Link& link) { return link.thumbprint == thumbprint; });
    return found == links.end() ? nullptr : &*found;
}

Link& Keyring::Content::require(const format::Thumbprint& thumbprint) {
    Link* link = find(thumbprint);
    if (link == nullptr) throw Error(ErrorCode::usage, "protector " + thumbprint.short_text() + " is not linked");
    return *link;
}

bool Link::wrap_only() const {
    return std::none_of(locations.begin(), locations.end(),
                        [](const std::string& location) { return Location::parse(location).can_unwrap(); });
}

bool LinkTest::Result::leads_on() const { return may_fail_over(outcome) && !refused_since; }

bool LinkTest::ok() const {
    for (const Result& result : results) {
        if (!result.leads_on()) return result.outcome == Outcome::ok;
    }
    return false;
}

// Looking up.

const Link* Keyring::find(const format::Thumbprint& thumbprint) const {
    for (const Link& link : content_.links) {
        if (link.thumbprint == thumbprint) return &link;
    }
    return nullptr;
}

const Link& Keyring::get(std::string_view reference) const {
    std::vector<const Link*> matches;
    for (const Link& link : content_.links) {
        if (is_named(link, reference)) matches.push_back(&link);
    }
    if (matches.empty()) {
        for (const Link& link : content_.links) {
            if (link.thumbprint.matches_prefix(reference)) matches.push_back(&link);
        }
    }
    if (matches.size() == 1) return *matches.front();
    // Not repeated: who takes it for a location may have put a PIN into it.
    if (matches.empty() && reference.starts_with("pkcs11:")) {
        throw Error(ErrorCode::usage, "a linked protector is named by its name or thumbprint, not by its location",
                    "see signet keyring show");
    }
    if (matches.empty()) {
        throw Error(ErrorCode::usage, "no protector " + quoted(reference) + " is linked", "see signet keyring show");
    }
    std::string names;
    for (const Link* link : matches) names += (names.empty() ? "" : ", ") + link->thumbprint.short_text();
    throw Error(ErrorCode::usage, quoted(reference) + " stands for several protectors: " + names,
                "say which thumbprint");
}

const Link* Keyring::default_link(std::string_view provider, std::string_view region) const {
    for (const Link& link : content_.links) {
        if (link.role != LinkRole::default_ || link.region != region) continue;
        if (same_provider(link.provider, provider)) return &link;
    }
    return nullptr;
}

// What vaults say.

bool Keyring::is_taken_away(const std::string& folder) const {
    const auto known = content_.vault_places.find(format::to_utf8(folder));
    return known != content_.vault_places.end() && is_vault_missing(folder) && file_system_of(folder) == known->second;
}

Answer<KeyDescription> Keyring::taken_away(const std::string& folder) {
    return Answer<KeyDescription>::refuse(
        Outcome::not_found, "the vault is gone from " + folder + ", and the file system that held it is there");
}

bool Keyring::knows_vault(const std::string& folder, const std::string& default_folder) const {
    if (content_.vault_places.contains(format::to_utf8(folder))) return true;
    if (content_.officer && content_.officer->vault == format::to_utf8(folder)) return true;
    // Files of earlier versions knew no places; else a location without a folder says nothing about where it was used.
    const bool counts_default = content_.vault_places.empty();
    return std::any_of(content_.links.begin(), content_.links.end(), [&](const Link& link) {
        return std::any_of(link.locations.begin(), link.locations.end(), [&](const std::string& text) {
            const Location location = Location::parse(text);
            if (location.folder.empty() && !counts_default) return false;
            return vault_folder(location, default_folder) == folder;
        });
    });
}

bool Keyring::is_out_of_reach(const std::string& folder, const std::string& default_folder) const {
    return !folder.empty() && is_vault_missing(folder) && knows_vault(folder, default_folder) && !is_taken_away(folder);
}

void Keyring::note_vault_place(const std::string& folder) noexcept {
    if (is_vault_missing(folder)) return;
    try {
        const std::string file_system = file_system_of(folder);
        const std::string name = format::to_utf8(folder);
        const auto known = content_.vault_places.find(name);
        const bool is_known = known != content_.vault_places.end() && known->second == file_system;
        if (file_system.empty() || is_known) return;
        change([&](Content& next) { next.vault_places[name] = file_system; });
    } catch (const std::exception&) {
        // A keyring on a medium that cannot be written still serves.
    }
}

Answer<KeyDescription> Keyring::describe(const Location& location, Vaults& vaults, Login login) {
    Vault& vault = vaults.at(location);
    auto answer = login == Login::spared ? vault.describe_shown(location) : vault.describe(location);
    const std::string folder = vault_folder(location, vaults.default_folder());
    if (folder.empty()) return answer;
    if (answer.ok()) {
        note_vault_place(folder);
    } else if (may_fail_over(answer.outcome) && is_taken_away(folder)) {
        return taken_away(folder);
    }
    return answer;
}

// Testing.

Answer<KeyDescription> Keyring::audited_test(const format::Thumbprint& thumbprint, const Location& location,
                                             Vaults& vaults) {
    const std::string place = location.text();
    // Of what is only about to be linked nothing is kept.
    const bool is_known = is_linked(content_.links, place);
    const std::uint64_t intent = audit_.intent({"test", thumbprint, place, {}});
    try {
        auto answer = is_known ? describe(location, vaults) : vaults.at(location).describe(location);
        if (answer.ok() && answer.value->thumbprint != thumbprint) {
            answer = Answer<KeyDescription>::refuse(Outcome::not_found,
                                                    "another key is there: " + answer.value->thumbprint.short_text());
        }
        if (answer.ok()) answer = vaults.at(location).test(location);
        audit_.outcome(intent, answer.outcome, audit_text(answer));
        // It may be known from a keyring beside this one, and a refusal of it be remembered here.
        if (is_known || answer.ok()) note_answer(place, "test", answer.outcome, vaults);
        return answer;
    } catch (const Error& error) {
        audit_.outcome(intent, Outcome::credential_rejected, error.what());
        if (is_known) note_rejected(location, "test", error, vaults);
        throw;
    }
}

void Keyring::audited_wrap(const crypto::RsaPublicKey& key, const std::string& location, const std::string& object) {
    const std::uint64_t intent = audit_.intent({"wrap", format::Thumbprint::of(key), location, object});
    static_cast<void>(key.wrap(crypto::random_secret(kProbeSize).reveal()));
    audit_.outcome(intent, Outcome::ok);
}

LinkTest::Result Keyring::test_location(const Link& link, const std::string& place, Vaults& vaults) {
    const Location location = Location::parse(place);
    if (!location.can_unwrap()) {
        // The keyring's own copy is what wraps; the file it came from no longer matters.
        audited_wrap(link.public_key(), place, "test");
        return {place, Outcome::ok, {}, false, "enabled"};
    }
    const auto answer = audited_test(link.thumbprint, location, vaults);
    const bool proven = answer.ok() && answer.value->can_unwrap;
    LinkTest::Result result{place, answer.outcome, answer.detail, proven, state_after(answer)};
    // An outage after a refusal opens no way to a twin, and a test says no better.
    const Refusal* known = may_fail_over(answer.outcome) ? refusal(place, vaults) : nullptr;
    if (known == nullptr || !stops_unwrapping(known->outcome)) return result;
    result.refused_since = known->since;
    result.state = text(known->outcome);
    result.detail += (result.detail.empty() ? "" : "; ") + std::string(text(known->outcome)) + ", refused since " +
                     to_rfc3339(known->since);
    return result;
}

LinkTest Keyring::test(const format::Thumbprint& thumbprint, Vaults& vaults) {
    refresh();
    const Link link = content_.require(thumbprint);
    LinkTest report{thumbprint, {}};
    for (const std::string& location : link.locations) report.results.push_back(test_location(link, location, vaults));
    const auto answered = std::find_if(report.results.begin(), report.results.end(),
                                       [](const LinkTest::Result& result) { return !result.leads_on(); });
    const std::string state = answered == report.results.end() ? report.results.front().state : answered->state;
    const bool unwrapped = std::any_of(report.results.begin(), report.results.end(),
                                       [](const LinkTest::Result& result) { return result.proven; });
    change([&](Content& next) {
        Link& tested = next.require(thumbprint);
        tested.note_state(state, clock_->now());
        if (unwrapped) tested.last_unwrapped = clock_->now();
    });
    return report;
}

}  // namespace signet::keyring
