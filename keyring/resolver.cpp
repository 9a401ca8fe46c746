#include "keyring/resolver.h"

#include <algorithm>

#include "core/error.h"
#include "format/limits.h"
#include "keyring/pkcs11_vault.h"

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
        case Outcome::integrity:
            return ProtectorStatus::unreachable;
        case Outcome::denied:
        case Outcome::credential_rejected:
        case Outcome::untrusted:
        case Outcome::misuse:
            return ProtectorStatus::denied;
    }
    return ProtectorStatus::denied;
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

/// The first location that answers, or why none does.
struct Resolver::Found {
    bool any = false;  ///< a location that can hold the private half
    Outcome outcome = Outcome::unavailable;
    Location location;  ///< that answered, or the first
    std::string detail;
    std::optional<KeyDescription> key;
};

Resolver::Resolver(KeyringSet& keyrings, Vaults& vaults, std::function<void(const std::string&)> warn)
    : keyrings_(keyrings), vaults_(vaults), warn_(std::move(warn)) {}

void Resolver::warn_once(const std::string& sentence) {
    if (!warn_ || std::find(warned_.begin(), warned_.end(), sentence) != warned_.end()) return;
    warned_.push_back(sentence);
    warn_(sentence);
}

Resolver::Found Resolver::look(const KnownProtector& protector, Use use, const std::vector<std::string>& skipped) {
    Found found;
    for (const std::string& place : protector.locations) {
        const Location location = Location::parse(place);
        if (!location.can_unwrap() || std::find(skipped.begin(), skipped.end(), place) != skipped.end()) continue;
        const bool is_first = !found.any;
        found.any = true;

        auto answer = keyrings_.own().describe(location, vaults_);
        if (answer.ok() && answer.value->thumbprint != protector.thumbprint) {
            answer = Answer<KeyDescription>::refuse(Outcome::not_found,
                                                    "another key is there: " + answer.value->thumbprint.short_text());
        }
        if (answer.ok()) {
            found.outcome = refusal_of(answer.value->state);
            found.location = location;
            found.detail.clear();
            found.key = std::move(answer.value);
            keyrings_.own().note_answer(place, "describe", found.outcome);
            return found;
        }
        keyrings_.own().note_answer(place, "describe", answer.outcome);
        const Refusal* latched = keyrings_.own().refusal(place);
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
    }
    return found;
}

ProtectorReport Resolver::status_locked(const format::Thumbprint& thumbprint) {
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
    const Found found = look(*protector);
    if (!found.any) {
        report.status = ProtectorStatus::wrap_only;
        report.detail = "only its public half is linked";
        report.hint = "link its private half: signet keyring link LOCATION --thumbprint " + thumbprint.short_text();
        return report;
    }
    report.status = status_of(found.outcome);
    report.can_unwrap = found.key && may_unwrap(found.key->state);
    if (found.key) report.not_before = found.key->attributes.not_before;
    if (found.key) report.expires = found.key->attributes.expires;
    report.detail = describe_refusal(found.outcome, found.location.text()) + in_brackets(found.detail);
    if (found.outcome != Outcome::ok) report.hint = hint_for(found.outcome, found.location, thumbprint);
    return report;
}

ProtectorReport Resolver::status(const format::Thumbprint& thumbprint) {
    const std::lock_guard lock(mutex_);
    return status_locked(thumbprint);
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
Resolver::Found Resolver::require_unwrapping(const KnownProtector& protector, const std::vector<std::string>& skipped,
                                             const std::string& why) {
    const std::string who = "protector " + label(protector.thumbprint, protector.name);
    Found found = look(protector, Use::unwrap, skipped);
    if (!found.any && skipped.empty()) {
        throw Error(
            ErrorCode::key_unavailable, who + " cannot unwrap: only its public half is linked",
            "link its private half: signet keyring link LOCATION --thumbprint " + protector.thumbprint.short_text());
    }
    if (!found.any) {
        throw Error(ErrorCode::key_unavailable, who + " is out of reach: " + skipped.back() + in_brackets(why),
                    hint_for(Outcome::unavailable, Location::parse(skipped.back()), protector.thumbprint));
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
        auto answer = vaults_.at(location).unwrap(location, slot.wrapped);
        if (answer.ok()) key = format::accept_unwrapped(slot, *answer.value);
        audit.outcome(intent, answer.outcome, answer.detail);
        return answer;
    } catch (const Error& error) {
        const bool damaged = error.code() == ErrorCode::damaged;
        audit.outcome(intent, damaged ? Outcome::integrity : Outcome::credential_rejected, error.what());
        keyrings_.own().note_rejected(location, "unwrap", error, vaults_);
        throw;
    }
}

format::DataKey Resolver::unwrap(const format::Slot& slot) {
    const std::lock_guard lock(mutex_);
    const auto protector = keyrings_.find(slot.thumbprint);
    if (!protector) {
        const std::string place = printable(slot.location);
        throw Error(ErrorCode::key_unavailable,
                    "protector " + slot.thumbprint.short_text() + " is missing from this keyring" +
                        in_brackets(place.empty() ? "" : "it was " + place),
                    "signet keyring link " + for_command(place));
    }
    std::vector<std::string> skipped;
    std::string why_skipped;
    for (;;) {
        const Found found = require_unwrapping(*protector, skipped, why_skipped);
        const std::string place = found.location.text();
        std::optional<format::DataKey> key;
        const auto answer = audited_unwrap(slot, found.location, key);
        // What does not decrypt says nothing about access.
        if (answer.outcome != Outcome::integrity) keyrings_.own().note_answer(place, "unwrap", answer.outcome);
        if (key) {
            keyrings_.own().note_unwrapped(slot.thumbprint);
            return std::move(*key);
        }

        const Refusal* latched = keyrings_.own().refusal(place);
        const bool remembered = latched != nullptr && stops_unwrapping(latched->outcome);
        if (may_fail_over(answer.outcome) && !remembered) {
            skipped.push_back(place);
            why_skipped = answer.detail;
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
    const Found found = look({link.thumbprint, link.name, link.role, link.locations, link.spki}, Use::wrap);
    if (found.any && may_fail_over(found.outcome)) {
        warn_once(who + " cannot be reached in " + found.location.text() +
                  "; wrapped with the public half that is linked");
    } else if (found.any && found.outcome != Outcome::ok) {
        throw Error(found.outcome == Outcome::integrity ? ErrorCode::damaged : ErrorCode::key_unavailable,
                    who + " must not wrap: " + describe_refusal(found.outcome, found.location.text()) +
                        in_brackets(found.detail),
                    hint_for(found.outcome, found.location, thumbprint));
    }

    format::Slot slot;
    slot.algorithm = format::WrapAlgorithm::rsa_oaep_256;
    slot.repository = key.repository();
    slot.dek = key.id();
    slot.thumbprint = thumbprint;
    slot.commitment = key.commitment();
    slot.location = Location::parse(link.locations.front()).public_text().substr(0, format::kMaxLocation);

    AuditLog& audit = keyrings_.own().audit();
    const std::uint64_t intent = audit.intent({"wrap", thumbprint, link.locations.front(), "dek " + key.id().hex()});
    slot.wrapped = link.public_key().wrap(format::wrap_plaintext(key, thumbprint).reveal());
    audit.outcome(intent, Outcome::ok);
    return slot;
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
