#include "keyring/resolver_found.h"

#include <algorithm>
#include <array>
#include <thread>

#include "core/crypto/random.h"
#include "core/error.h"
#include "format/limits.h"
#include "keyring/pkcs11_uri.h"
#include "keyring/pkcs11_vault.h"
#include "keyring/remote_error.h"
#include "keyring/vault_place.h"

namespace signet::keyring {
namespace {

ProtectorStatus status_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::ok:
            return ProtectorStatus::usable;
        case Outcome::key_disabled:
            return ProtectorStatus::disabled;
        case Outcome::key_not_yet_valid:
            return ProtectorStatus::not_yet_valid;
        case Outcome::key_expired:
            return ProtectorStatus::expired;
        case Outcome::key_deleted:
        case Outcome::not_found:
            return ProtectorStatus::deleted;
        case Outcome::unavailable:
        case Outcome::throttled:
            return ProtectorStatus::unreachable;
        case Outcome::integrity:
        case Outcome::denied:
        case Outcome::credential_rejected:
        case Outcome::untrusted:
        case Outcome::misuse:
            return ProtectorStatus::denied;
    }
    return ProtectorStatus::denied;
}

/// Between the attempts at a vault that has too many calls.
constexpr std::array kWaits = {std::chrono::seconds(1), std::chrono::seconds(2), std::chrono::seconds(4),
                               std::chrono::seconds(8)};

/// Three to five quarters of it: hosts that were turned away together do not come back together.
std::chrono::milliseconds about(std::chrono::milliseconds wait) {
    std::array<std::uint8_t, 1> random{};
    crypto::random_fill(random);
    return wait * 3 / 4 + wait * random[0] / (2 * 256);
}

/// A text from a repository, fit for a terminal.
std::string printable(std::string_view text) {
    std::string clean;
    for (const char c : text.substr(0, 200)) {
        const auto octet = static_cast<unsigned char>(c);
        clean += octet < 0x20 || octet == 0x7f ? '?' : c;
    }
    return clean;
}

/// "sha256:ab12cd34ef56 (prod-2025)".
std::string label(const format::Thumbprint& thumbprint, const std::string& name) {
    return thumbprint.short_text() + (name.empty() ? "" : " (" + name + ")");
}

std::string in_brackets(const std::string& text) { return text.empty() ? "" : " (" + text + ")"; }

std::string key_of(const Location& location) {
    return location.name + (location.version ? "/" + std::to_string(*location.version) : "");
}

/// The command that would make the protector usable again.
std::string hint_for(Outcome outcome, const Location& location, const format::Thumbprint& thumbprint) {
    if (location.scheme == Location::Scheme::pkcs11) return pkcs11_hint(outcome, location);
    if (location.is_remote()) return remote_hint(outcome, location);
    const std::string vault = location.folder.empty() ? "" : " --vault " + location.folder;
    switch (outcome) {
        case Outcome::key_disabled:
            return "signet key enable " + key_of(location) + vault;
        case Outcome::key_deleted:
            return "signet key recover " + key_of(location) + vault;
        case Outcome::key_expired:
            return "signet key rotate " + location.name + vault;
        case Outcome::not_found:
            return "bring the key back into its vault, or link it where it is: signet keyring link LOCATION "
                   "--thumbprint " +
                   thumbprint.short_text();
        case Outcome::unavailable:
            return "make the vault of " + location.text() + " reachable, or name it with --vault";
        case Outcome::denied:
            return "check the permissions on the vault of " + location.text();
        default:
            return {};
    }
}

std::string describe_refusal(Outcome outcome, const std::string& place) {
    switch (outcome) {
        case Outcome::ok:
            return "usable in " + place;
        case Outcome::key_disabled:
            return "disabled in " + place;
        case Outcome::key_not_yet_valid:
            return "not yet valid in " + place;
        case Outcome::key_expired:
            return "expired in " + place;
        case Outcome::key_deleted:
            return "deleted in " + place;
        case Outcome::not_found:
            return "no longer in " + place;
        case Outcome::unavailable:
            return "out of reach: " + place;
        case Outcome::throttled:
            return "throttled: " + place;
        case Outcome::denied:
            return "access is denied: " + place;
        case Outcome::credential_rejected:
            return "the login is rejected: " + place;
        case Outcome::untrusted:
            return "not to be trusted: " + place;
        case Outcome::misuse:
            return "not usable as it is set up: " + place;
        case Outcome::integrity:
            return "damaged: " + place;
    }
    return place;
}

}  // namespace

std::string for_command(std::string_view text) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/#._-";
    constexpr std::string_view kQuoted = ";=%+()@!,~";  // of pkcs11: URIs
    if (text.empty() || text.front() == '-') return "LOCATION";
    if (text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
    if (text.find_first_not_of(std::string(kPlain) + std::string(kQuoted)) != std::string_view::npos) return "LOCATION";
    return "'" + std::string(text) + "'";
}

std::string_view text(ProtectorStatus status) {
    switch (status) {
        case ProtectorStatus::usable:
            return "usable";
        case ProtectorStatus::wrap_only:
            return "wrap-only";
        case ProtectorStatus::missing:
            return "missing";
        case ProtectorStatus::disabled:
            return "disabled";
        case ProtectorStatus::not_yet_valid:
            return "not-yet-valid";
        case ProtectorStatus::expired:
            return "expired";
        case ProtectorStatus::deleted:
            return "deleted";
        case ProtectorStatus::denied:
            return "denied";
        case ProtectorStatus::unreachable:
            return "unreachable";
    }
    invariant(false, "a status has a name");
    return {};
}

Resolver::Resolver(KeyringSet& keyrings, Vaults& vaults, std::function<void(const std::string&)> warn, Wait wait)
    : keyrings_(keyrings), vaults_(vaults), warn_(std::move(warn)), wait_(std::move(wait)) {
    if (!wait_) wait_ = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
}

void Resolver::warn_once(const std::string& sentence) {
    if (!warn_ || std::find(warned_.begin(), warned_.end(), sentence) != warned_.end()) return;
    warned_.push_back(sentence);
    warn_(sentence);
}

namespace {

/// The place without the key: the folder of a vault, the token.
std::string vault_of(const std::string& place) {
    const Location location = Location::parse(place);
    if (location.is_remote()) return location.provider() + ":" + location.vault_name();
    if (location.scheme != Location::Scheme::pkcs11) return location.folder;
    return Pkcs11Uri::parse(location.uri).without_key().text();
}

}  // namespace

/// Of each vault that is away once: whoever restores may need many keys of it. The audit log has every use.
void Resolver::warn_of_twin(const KnownProtector& protector, const std::string& place, const std::string& twin) {
    const std::string way = vault_of(place) + " -> " + vault_of(twin);
    if (std::find(warned_.begin(), warned_.end(), way) != warned_.end()) return;
    warned_.push_back(way);
    warn_once("protector " + label(protector.thumbprint, protector.name) + " cannot be reached in " + place +
              "; its twin is used: " + twin);
}

/// What any of the keyrings remembers; one that stops unwrapping before one that only stops wrapping.
const Refusal* Resolver::refusal(const std::string& place) const {
    const Refusal* found = nullptr;
    for (const Keyring& keyring : keyrings_.all()) {
        const Refusal* known = keyring.refusal(place, vaults_);
        if (known == nullptr) continue;
        if (found == nullptr || (!stops_unwrapping(found->outcome) && stops_unwrapping(known->outcome))) found = known;
    }
    return found;
}

/// Asks again, a few times, while the vault says that it has too many calls. Whatever else fails is not waited for: a
/// disk or a token that is away stays away. Key managers have been asked again by the time they answer.
template <class Ask>
auto Resolver::patiently(const std::string& place, const Ask& ask) {
    auto answer = ask();
    if (impatient_.contains(place) || Location::parse(place).is_remote()) return answer;
    for (const auto& wait : kWaits) {
        if (answer.outcome != Outcome::throttled) return answer;
        wait_(about(wait));
        answer = ask();
    }
    if (answer.outcome == Outcome::throttled) impatient_.insert(place);
    return answer;
}

/// What a location says, as all keyrings together know it. throws  Error{wrong_passphrase}: a person typed a wrong one
Answer<KeyDescription> Resolver::ask_once(const Location& location) {
    const auto& all = keyrings_.all();
    const std::string place = location.text();
    const bool is_login_refused =
        vaults_.gives_secrets_unattended(location) &&
        std::any_of(all.begin(), all.end(), [&](const Keyring& one) { return one.has_refused_login(place, vaults_); });
    try {
        auto answer = keyrings_.own().describe(location, vaults_, is_login_refused ? Login::spared : Login::allowed);
        const std::string folder = vault_folder(location, vaults_.default_folder());
        if (folder.empty() || !may_fail_over(answer.outcome)) return answer;
        if (std::any_of(all.begin(), all.end(), [&](const Keyring& one) { return one.is_taken_away(folder); }))
            return Keyring::taken_away(folder);
        return answer;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::wrong_passphrase || !vaults_.gives_secrets_unattended(location)) throw;
        keyrings_.own().note_rejected(location, "login", error, vaults_);
        return Answer<KeyDescription>::refuse(Outcome::credential_rejected, error.what());
    }
}

/// The same, where another key in its place is none.
Answer<KeyDescription> Resolver::ask(const format::Thumbprint& thumbprint, const Location& location) {
    const Answer<KeyDescription>* known = recalled(location.text());
    const auto start = std::chrono::steady_clock::now();
    auto answer = known != nullptr ? *known : patiently(location.text(), [&] { return ask_once(location); });
    if (known == nullptr) recall(location, answer, std::chrono::steady_clock::now() - start);
    if (!answer.ok() || answer.value->thumbprint == thumbprint) return answer;
    return Answer<KeyDescription>::refuse(Outcome::not_found,
                                          "another key is there: " + answer.value->thumbprint.short_text());
}

Resolver::Found Resolver::look(const KnownProtector& protector, Use use, const std::vector<Passed>& skipped) {
    const auto is_skipped = [&](const std::string& place) {
        return std::any_of(skipped.begin(), skipped.end(), [&](const Passed& one) { return one.place == place; });
    };
    Found found;
    for (const std::string& place : protector.locations) {
        const Location location = Location::parse(place);
        if (!location.can_unwrap() || is_skipped(place)) continue;
        const bool is_first = !found.any;
        found.any = true;

        auto answer = ask(protector.thumbprint, location);
        if (answer.ok()) {
            found.outcome = refusal_of(answer.value->state);
            found.location = location;
            found.detail.clear();
            found.key = std::move(answer.value);
            keyrings_.own().note_answer(place, "describe", found.outcome, vaults_);
            const bool serves = use == Use::wrap ? found.outcome == Outcome::ok : may_unwrap(found.key->state);
            if (!is_first && serves) warn_of_twin(protector, found.passed.front().place, place);
            return found;
        }
        keyrings_.own().note_answer(place, "describe", answer.outcome, vaults_);
        // Another process may have met a refusal since this one began.
        if (may_fail_over(answer.outcome)) keyrings_.take_notes_of_others();
        const Refusal* latched = refusal(place);
        const bool counts = latched != nullptr && (use == Use::wrap || stops_unwrapping(latched->outcome));
        const bool remembered = may_fail_over(answer.outcome) && counts;
        const Outcome outcome = remembered ? latched->outcome : answer.outcome;
        if (is_first || !may_fail_over(outcome)) {
            found.outcome = outcome;
            found.location = location;
            found.detail = answer.detail;
            if (remembered) found.detail += "; refused since " + to_rfc3339(latched->since);
        }
        // What refuses is a decision, and no twin undoes it.
        if (!may_fail_over(outcome)) return found;
        found.passed.push_back({place, outcome, answer.detail});
    }
    return found;
}

ProtectorReport Resolver::status_locked(const format::Thumbprint& thumbprint, Use use) {
    ProtectorReport report;
    report.thumbprint = thumbprint;
    const auto protector = keyrings_.find(thumbprint);
    if (!protector) {
        report.detail = "missing from this keyring";
        report.hint = "signet keyring link LOCATION --thumbprint " + thumbprint.short_text();
        return report;
    }
    report.name = protector->name;
    report.role = protector->role;
    report.locations = protector->locations;
    const Found found = look(*protector, use);
    if (!found.any) {
        report.status = ProtectorStatus::wrap_only;
        report.detail = "only its public half is linked";
        report.hint = "link its private half: signet keyring link LOCATION --thumbprint " + thumbprint.short_text();
        return report;
    }
    report.status = status_of(found.outcome);
    report.can_unwrap = found.key && may_unwrap(found.key->state);
    if (report.can_unwrap) report.remote = remote_use(found.location);
    if (found.key) report.not_before = found.key->attributes.not_before;
    if (found.key) report.expires = found.key->attributes.expires;
    report.detail = describe_refusal(found.outcome, found.location.text()) + in_brackets(found.detail);
    if (found.outcome != Outcome::ok) report.hint = hint_for(found.outcome, found.location, thumbprint);
    return report;
}

ProtectorReport Resolver::status(const format::Thumbprint& thumbprint) {
    const std::lock_guard lock(mutex_);
    return status_locked(thumbprint, Use::unwrap);
}

ProtectorReport Resolver::status_for_wrapping(const format::Thumbprint& thumbprint) {
    const std::lock_guard lock(mutex_);
    return status_locked(thumbprint, Use::wrap);
}

bool Resolver::unwraps_unattended(const format::Thumbprint& thumbprint) {
    const std::lock_guard lock(mutex_);
    const auto protector = keyrings_.find(thumbprint);
    if (!protector) return false;
    const Found found = look(*protector);
    if (!found.key || !may_unwrap(found.key->state) || !found.key->can_unwrap) return false;
    return vaults_.at(found.location).unwraps_unattended(found.location);
}

/// A location whose key may unwrap now. throws  Error{key_unavailable}, Error{damaged}: there is none
Resolver::Found Resolver::require_unwrapping(const KnownProtector& protector, const std::vector<Passed>& skipped) {
    const std::string who = "protector " + label(protector.thumbprint, protector.name);
    Found found = look(protector, Use::unwrap, skipped);
    if (!found.any && skipped.empty()) {
        throw Error(
            ErrorCode::key_unavailable, who + " cannot unwrap: only its public half is linked",
            "link its private half: signet keyring link LOCATION --thumbprint " + protector.thumbprint.short_text());
    }
    if (!found.any) {
        throw Error(ErrorCode::key_unavailable,
                    who + " is out of reach: " + skipped.front().place + in_brackets(skipped.front().detail),
                    hint_for(Outcome::unavailable, Location::parse(skipped.front().place), protector.thumbprint));
    }
    if (!found.key || !may_unwrap(found.key->state)) {
        const bool damaged = found.outcome == Outcome::integrity;
        throw Error(damaged ? ErrorCode::damaged : ErrorCode::key_unavailable,
                    who + " is " + describe_refusal(found.outcome, found.location.text()) + in_brackets(found.detail),
                    hint_for(found.outcome, found.location, protector.thumbprint));
    }
    if (!may_wrap(found.key->state)) {
        warn_once(who + " is " + std::string(text(found.key->state)) + " in " + found.location.text() +
                  "; it still unwraps");
    }
    return found;
}

/// An intent line, one unwrap, an outcome line. key  is set when the answer is ok and the slot is what it claims
Answer<SecretBytes> Resolver::audited_unwrap(const format::Slot& slot, const Location& location,
                                             std::optional<format::DataKey>& key) {
    AuditLog& audit = keyrings_.own().audit();
    const std::uint64_t intent = audit.intent({"unwrap", slot.thumbprint, location.text(), "dek " + slot.dek.hex()});
    try {
        auto answer = vaults_.at(location).unwrap(location, slot.wrapped, slot.binding());
        if (answer.ok()) key = format::accept_unwrapped(slot, *answer.value);
        audit.outcome(intent, answer.outcome, audit_text(answer));
        return answer;
    } catch (const Error& error) {
        const bool damaged = error.code() == ErrorCode::damaged;
        audit.outcome(intent, damaged ? Outcome::integrity : Outcome::credential_rejected, error.what());
        keyrings_.own().note_rejected(location, "unwrap", error, vaults_);
        throw;
    }
}

/// Before a twin is used: from where, why, and to where.
void Resolver::note_failover(const format::Slot& slot, const std::vector<Passed>& passed, const std::string& twin) {
    std::string from;
    for (const Passed& one : passed) {
        from += (from.empty() ? "from " : "; from ") + one.place + ": " + std::string(keyring::text(one.outcome)) +
                in_brackets(one.detail);
    }
    keyrings_.own().audit().note({"failover", slot.thumbprint, twin, "dek " + slot.dek.hex()}, from);
}

format::DataKey Resolver::unwrap(const format::Slot& slot) {
    const std::lock_guard lock(mutex_);
    if (auto key = take_ahead(slot)) return std::move(*key);
    const auto protector = keyrings_.find(slot.thumbprint);
    if (!protector) {
        const std::string place = printable(slot.location);
        throw Error(ErrorCode::key_unavailable,
                    "protector " + slot.thumbprint.short_text() + " is missing from this keyring" +
                        in_brackets(place.empty() ? "" : "it was " + place),
                    "signet keyring link " + for_command(place));
    }
    std::vector<Passed> passed;
    for (;;) {
        const Found found = require_unwrapping(*protector, passed);
        const std::string place = found.location.text();
        passed.insert(passed.end(), found.passed.begin(), found.passed.end());
        if (!passed.empty()) {
            warn_of_twin(*protector, passed.front().place, place);
            note_failover(slot, passed, place);
        }
        std::optional<format::DataKey> key;
        const auto answer = patiently(place, [&] { return audited_unwrap(slot, found.location, key); });
        // What does not decrypt says nothing about access.
        if (answer.outcome != Outcome::integrity) keyrings_.own().note_answer(place, "unwrap", answer.outcome, vaults_);
        if (key) {
            keyrings_.own().note_unwrapped(slot.thumbprint);
            return std::move(*key);
        }
        described_.erase(place);

        if (may_fail_over(answer.outcome)) keyrings_.take_notes_of_others();
        const Refusal* latched = refusal(place);
        const bool remembered = latched != nullptr && stops_unwrapping(latched->outcome);
        if (may_fail_over(answer.outcome) && !remembered) {
            passed.push_back({place, answer.outcome, answer.detail});
            continue;
        }
        const Outcome why = remembered ? latched->outcome : answer.outcome;
        throw Error(why == Outcome::integrity ? ErrorCode::damaged : ErrorCode::key_unavailable,
                    "data key " + slot.dek.short_hex() + ": protector " + label(slot.thumbprint, protector->name) +
                        " is " + describe_refusal(why, place) + in_brackets(answer.detail),
                    hint_for(why, found.location, slot.thumbprint));
    }
}

format::Slot Resolver::wrap_locked(const format::DataKey& key, const format::Thumbprint& thumbprint, bool any_role) {
    const Link* linked = keyrings_.own().find(thumbprint);
    if (linked == nullptr) {
        throw Error(ErrorCode::key_unavailable,
                    "protector " + thumbprint.short_text() + " is missing from this keyring",
                    "signet keyring link LOCATION --thumbprint " + thumbprint.short_text());
    }
    const Link link = *linked;
    const std::string who = "protector " + label(thumbprint, link.name);
    if (!any_role && !link.wraps()) {
        throw Error(ErrorCode::refused, who + " is linked for unwrapping only",
                    "make it the default: signet keyring default " + thumbprint.short_text());
    }
    format::Slot slot;
    slot.algorithm = format::algorithm_for(thumbprint);
    slot.repository = key.repository();
    slot.dek = key.id();
    slot.thumbprint = thumbprint;
    slot.commitment = key.commitment();
    slot.location = Location::parse(link.locations.front()).public_text().substr(0, format::kMaxLocation);
    const SecretBytes plaintext = format::wrap_plaintext(key, thumbprint);
    const KnownProtector protector{link.thumbprint, link.name, link.role, link.locations, link.spki};
    std::vector<Passed> passed;
    Found found = look(protector, Use::wrap);
    for (;;) {
        const bool is_away = found.any && may_fail_over(found.outcome);
        if (found.any && !is_away && found.outcome != Outcome::ok) refuse_to_wrap(found, thumbprint, who);
        if (!found.any || is_away || !wraps_there(found, link)) break;
        const std::string place = found.location.text();
        passed.insert(passed.end(), found.passed.begin(), found.passed.end());
        if (!passed.empty()) {
            warn_of_twin(protector, passed.front().place, place);
            note_failover(slot, passed, place);
        }
        if (auto wrapped = wrap_there(found, slot, plaintext, who)) {
            slot.wrapped = std::move(*wrapped);
            return slot;
        }
        if (!link.spki.empty()) break;  // the public half serves
        passed.push_back({place, Outcome::unavailable, "does not wrap"});
        Found next = look(protector, Use::wrap, passed);
        if (!next.any) break;
        found = std::move(next);
    }
    wrap_here(link, slot, plaintext, who, found);
    return slot;
}

/// Whether the vault is to wrap: it has to for symmetric keys, and it does for others unless the keyring says that the
/// public half is enough (local-wrap).
bool Resolver::wraps_there(const Found& found, const Link& link) {
    if (!vaults_.at(found.location).wraps_itself()) return false;
    const auto& settings = keyrings_.own().settings();
    const auto local = settings.find("local-wrap");
    return link.spki.empty() || local == settings.end() || local->second != "yes";
}

void Resolver::refuse_to_wrap(const Found& found, const format::Thumbprint& thumbprint, const std::string& who) {
    throw Error(
        found.outcome == Outcome::integrity ? ErrorCode::damaged : ErrorCode::key_unavailable,
        who + " must not wrap: " + describe_refusal(found.outcome, found.location.text()) + in_brackets(found.detail),
        hint_for(found.outcome, found.location, thumbprint));
}

/// An intent line, one wrap by the vault, an outcome line. returns  nothing when the vault is out of reach by now
/// throws  Error{key_unavailable}, Error{damaged}: it refuses
std::optional<Bytes> Resolver::wrap_there(const Found& found, const format::Slot& slot, const SecretBytes& plaintext,
                                          const std::string& who) {
    const std::string place = found.location.text();
    AuditLog& audit = keyrings_.own().audit();
    const std::uint64_t intent = audit.intent({"wrap", slot.thumbprint, place, "dek " + slot.dek.hex()});
    auto answer = vaults_.at(found.location).wrap(found.location, plaintext.reveal(), slot.binding());
    audit.outcome(intent, answer.outcome, audit_text(answer));
    keyrings_.own().note_answer(place, "wrap", answer.outcome, vaults_);
    if (answer.ok()) return std::move(answer.value);
    described_.erase(place);
    if (may_fail_over(answer.outcome)) keyrings_.take_notes_of_others();
    const Refusal* latched = refusal(place);
    if (may_fail_over(answer.outcome) && latched == nullptr) return std::nullopt;
    Found refused;
    refused.outcome = may_fail_over(answer.outcome) ? latched->outcome : answer.outcome;
    refused.location = found.location;
    refused.detail = answer.detail;
    refuse_to_wrap(refused, slot.thumbprint, who);
}

/// With the linked public half. throws  Error{key_unavailable}: there is none, and the vault is out of reach
void Resolver::wrap_here(const Link& link, format::Slot& slot, const SecretBytes& plaintext, const std::string& who,
                         const Found& found) {
    if (link.spki.empty()) {
        throw Error(ErrorCode::key_unavailable,
                    who + " is out of reach, and a symmetric key wraps in its key manager alone: " +
                        found.location.text() + in_brackets(found.detail),
                    hint_for(Outcome::unavailable, found.location, slot.thumbprint));
    }
    if (found.any && (may_fail_over(found.outcome) || wraps_there(found, link))) {
        warn_once(who + " cannot be reached in " + found.location.text() +
                  "; wrapped with the public half that is linked");
    }
    AuditLog& audit = keyrings_.own().audit();
    const std::uint64_t intent =
        audit.intent({"wrap", slot.thumbprint, link.locations.front(), "dek " + slot.dek.hex()});
    slot.wrapped = link.public_key().wrap(plaintext.reveal());
    audit.outcome(intent, Outcome::ok);
}

format::Slot Resolver::wrap(const format::DataKey& key, const format::Thumbprint& thumbprint) {
    const std::lock_guard lock(mutex_);
    return wrap_locked(key, thumbprint, false);
}

format::Slot Resolver::wrap_any_role(const format::DataKey& key, const format::Thumbprint& thumbprint) {
    const std::lock_guard lock(mutex_);
    return wrap_locked(key, thumbprint, true);
}

std::vector<format::Thumbprint> Resolver::wrapping_protectors(const std::string& provider,
                                                              const std::string& region) const {
    const std::lock_guard lock(mutex_);
    const Link* chosen = keyrings_.own().default_link(provider, region);
    if (chosen == nullptr) {
        throw Error(ErrorCode::key_unavailable,
                    "no default protector for " + provider + "/" + region + " in this keyring",
                    "signet keyring link LOCATION --default" + (region == "local" ? "" : " --region " + region));
    }
    std::vector<format::Thumbprint> all = {chosen->thumbprint};
    for (const Link& link : keyrings_.own().links()) {
        if (link.role == LinkRole::recovery) all.push_back(link.thumbprint);
    }
    return all;
}

std::vector<format::Slot> Resolver::wrap_for_backup(const format::DataKey& key,
                                                    const std::vector<format::Thumbprint>& protectors) {
    const std::lock_guard lock(mutex_);
    std::vector<format::Slot> slots;
    slots.reserve(protectors.size());
    for (const format::Thumbprint& thumbprint : protectors) slots.push_back(wrap_locked(key, thumbprint, true));
    return slots;
}

}  // namespace signet::keyring
