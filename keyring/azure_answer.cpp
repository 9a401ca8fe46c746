#include "keyring/azure_answer.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "keyring/remote_location.h"

namespace signet::keyring {
namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

struct InnerCode {
    std::string_view code;
    Outcome outcome;
};
constexpr std::array kInnerCodes = {
    InnerCode{"KeyDisabled", Outcome::key_disabled},
    InnerCode{"KeyExpired", Outcome::key_expired},
    InnerCode{"KeyNotYetValid", Outcome::key_not_yet_valid},
    InnerCode{"ObjectIsDeletedButRecoverable", Outcome::key_deleted},
    InnerCode{"ObjectIsBeingDeleted", Outcome::key_deleted},
    InnerCode{"ObjectIsBeingRecovered", Outcome::key_deleted},
};

std::optional<Outcome> outcome_of(std::string_view inner) {
    for (const InnerCode& one : kInnerCodes) {
        if (one.code == inner) return one.outcome;
    }
    return std::nullopt;
}

Outcome outcome_of(long status, const std::string& inner, bool is_unwrap) {
    switch (status) {
        case 400:
            return is_unwrap ? Outcome::integrity : Outcome::misuse;
        case 401:
            return Outcome::credential_rejected;
        case 403:
        case 409:
            return outcome_of(inner).value_or(Outcome::denied);
        case 404:
            return Outcome::not_found;
        case 405:
        case 415:
            return Outcome::misuse;
        case 429:
            return Outcome::throttled;
        case 408:
            return Outcome::unavailable;
        default:
            return status >= 500 ? Outcome::unavailable : Outcome::denied;
    }
}

std::string host_of(std::string_view origin) {
    std::string_view host = origin.substr(origin.find("://") + 3);
    return lower(host.substr(0, host.rfind(':') == std::string_view::npos ? host.size() : host.rfind(':')));
}

std::optional<TimePoint> time_of(const SecretJson& object, const char* name) {
    const auto seconds = number_of(object, name);
    constexpr std::int64_t kLast = INT64_MAX / kNsPerSecond;
    if (!seconds || *seconds < 0 || *seconds > kLast) return std::nullopt;
    return TimePoint{*seconds * kNsPerSecond};
}

bool has_operation(const SecretJson& key, std::string_view wanted) {
    const auto operations = key.find("key_ops");
    if (operations == key.end() || !operations->is_array()) return true;
    return std::any_of(operations->begin(), operations->end(), [&](const SecretJson& one) {
        return one.is_string() && view_of(one.get_ref<const SecretText&>()) == wanted;
    });
}

crypto::RsaPublicKey public_key_of(const SecretJson& key) {
    const auto modulus = from_base64url(text_of(key, "n").value_or("!"));
    const auto exponent = from_base64url(text_of(key, "e").value_or("!"));
    if (!modulus || !exponent) throw RemoteError(Outcome::untrusted, "get key: no public key in the answer");
    try {
        return crypto::RsaPublicKey::from_numbers(modulus->reveal(), exponent->reveal());
    } catch (const Error& error) {
        throw RemoteError(Outcome::misuse, error.what());
    }
}

void set_attributes(KeyDescription& key, const SecretJson& bundle, TimePoint now) {
    const SecretJson* attributes = object_of(bundle, "attributes");
    const auto enabled = attributes == nullptr ? std::nullopt : boolean_of(*attributes, "enabled");
    if (!enabled) throw RemoteError(Outcome::untrusted, "get key: no attributes in the answer");
    key.attributes.enabled = *enabled;
    key.attributes.not_before = time_of(*attributes, "nbf");
    key.attributes.expires = time_of(*attributes, "exp");
    key.state = key.attributes.state(now);
    if (const auto level = text_of(*attributes, "recoveryLevel"))
        key.recovery = azure_recovery(*level, number_of(*attributes, "recoverableDays").value_or(0));
}

}  // namespace

Verdict judge_azure(const RemoteAnswer& answer, bool is_unwrap) {
    Verdict verdict;
    verdict.request = answer.header("x-ms-request-id");
    if (answer.ok()) {
        const bool is_empty = answer.status == 204 && answer.body.empty();
        if (answer.json || is_empty) return verdict;
        return foreign(answer);
    }
    const SecretJson* error = answer.json ? object_of(*answer.json, "error") : nullptr;
    const auto code = error == nullptr ? std::nullopt : text_of(*error, "code");
    if (!code) return foreign(answer);
    const SecretJson* deeper = object_of(*error, "innererror");
    if (deeper == nullptr) deeper = object_of(*error, "innerError");
    const std::string inner = deeper == nullptr ? "" : text_of(*deeper, "code").value_or("");
    verdict.code = *code + (inner.empty() ? "" : "/" + inner);
    verdict.message = text_of(*error, "message").value_or("");
    verdict.outcome = outcome_of(answer.status, inner.empty() ? *code : inner, is_unwrap);
    // Last of all the words: the inner codes of keys are not all written down.
    const bool says_disabled = verdict.message.find("disabled key") != std::string::npos;
    if (verdict.outcome == Outcome::denied && answer.status == 403 && says_disabled)
        verdict.outcome = Outcome::key_disabled;
    return verdict;
}

std::map<std::string, std::string> challenge_parameters(std::string_view header) {
    std::map<std::string, std::string> parameters;
    if (lower(header.substr(0, 7)) != "bearer ") return parameters;
    header.remove_prefix(7);
    while (!header.empty()) {
        const auto start = header.find_first_not_of(", \t");
        const auto equals = header.find('=');
        if (start == std::string_view::npos || equals == std::string_view::npos || equals < start) break;
        const std::string name = lower(header.substr(start, equals - start));
        header.remove_prefix(equals + 1);
        const bool is_quoted = header.starts_with('"');
        if (is_quoted) header.remove_prefix(1);
        const auto end = std::min(header.size(), is_quoted ? header.find('"') : header.find_first_of(", \t"));
        parameters[name] = header.substr(0, end);
        header.remove_prefix(std::min(header.size(), end + 1));
    }
    return parameters;
}

AzureChallenge AzureChallenge::parse(std::string_view header, const std::string& origin) {
    const auto parameters = challenge_parameters(header);
    const auto get = [&](const char* name) {
        const auto found = parameters.find(name);
        return found == parameters.end() ? std::string() : found->second;
    };
    AzureChallenge challenge;
    const std::string where = get("authorization").empty() ? get("authorization_uri") : get("authorization");
    std::string_view path;
    challenge.authority = secure_origin(where, path);
    if (path.starts_with('/')) path.remove_prefix(1);
    challenge.tenant = path.substr(0, path.find('/'));
    const std::string resource = get("resource").empty() ? get("scope") : get("resource");
    challenge.scope = get("scope").empty() ? resource + "/.default" : get("scope");
    challenge.claims = get("claims");
    std::string_view rest;
    const std::string resource_origin = secure_origin(resource, rest);
    if (challenge.authority.empty() || challenge.tenant.empty() || resource_origin.empty()) {
        throw RemoteError(Outcome::untrusted,
                          "log in: the answer says neither where nor for what: " + one_line(header));
    }
    const bool is_its_own = host_of(origin).ends_with("." + host_of(resource_origin));
    if (!is_its_own && !is_loopback(origin)) {
        throw RemoteError(Outcome::untrusted, "log in: " + origin + " asks for a token of " +
                                                  one_line(resource_origin) + ", which it is no host of");
    }
    return challenge;
}

Recoverability azure_recovery(std::string_view level, std::int64_t days) {
    Recoverability recovery;
    recovery.soft_delete = level.find("Recoverable") != std::string_view::npos;
    recovery.purge_protection = recovery.soft_delete && level.find("Purgeable") == std::string_view::npos;
    recovery.days = static_cast<int>(std::clamp<std::int64_t>(days, 0, 90));
    return recovery;
}

Location azure_id(const std::string& kid, const Location& location) {
    Location named;
    try {
        named = parse_azure(kid, "azure:" + kid);
    } catch (const Error&) {
        throw RemoteError(Outcome::untrusted, "the answer is about no key: " + one_line(kid));
    }
    const bool same_version = location.revision.empty() || named.revision == location.revision;
    if (named.revision.empty() || host_of(named.origin) != host_of(location.origin) ||
        lower(named.name) != lower(location.name) || !same_version) {
        throw RemoteError(Outcome::untrusted, "the answer is about another key: " + one_line(kid));
    }
    return location.with_revision(named.revision);
}

KeyDescription azure_key(const SecretJson& bundle, const Location& location, TimePoint now) {
    const SecretJson* jwk = object_of(bundle, "key");
    const auto kid = jwk == nullptr ? std::nullopt : text_of(*jwk, "kid");
    const auto type = jwk == nullptr ? std::nullopt : text_of(*jwk, "kty");
    if (!kid || !type) throw RemoteError(Outcome::untrusted, "get key: no key in the answer");
    KeyDescription key;
    key.location = azure_id(*kid, location);
    key.name = location.name;
    key.can_unwrap = true;
    key.origin = type->ends_with("-HSM") ? "generated-hsm" : "generated";
    set_attributes(key, bundle, now);
    if (*type == "RSA" || *type == "RSA-HSM") {
        key.public_key = public_key_of(*jwk);
        key.thumbprint = format::Thumbprint::of(*key.public_key);
        key.size_bits = key.public_key->bits();
        key.can_unwrap = has_operation(*jwk, "unwrapKey");
        return key;
    }
    if (*type != "oct-HSM") {
        throw RemoteError(Outcome::misuse, location.name + " is a key of type " + one_line(*type) + ", not RSA");
    }
    const SecretJson* attributes = object_of(bundle, "attributes");
    key.kind = "aes";
    key.size_bits = static_cast<int>(number_of(*attributes, "key_size").value_or(256));
    key.can_unwrap = has_operation(*jwk, "decrypt");
    key.thumbprint =
        format::Thumbprint::of_name("akv:" + lower(key.location.origin.substr(key.location.origin.find("://") + 3)) +
                                    "/keys/" + lower(key.location.name) + "/" + key.location.revision);
    return key;
}

}  // namespace signet::keyring
