// What a key officer does in an Azure Key Vault.
#include <algorithm>

#include "core/crypto/rsa_numbers.h"
#include "core/percent.h"
#include "keyring/azure_answer.h"
#include "keyring/azure_vault.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kMostVersions = 10'000;
constexpr int kMostPolls = 60;
constexpr std::chrono::milliseconds kBetweenPolls{2'000};

SecretJson operations() { return SecretJson::array({"wrapKey", "unwrapKey"}); }

void add_dates(SecretJson& body, const KeyDates& dates) {
    SecretJson attributes = SecretJson::object();
    attributes["enabled"] = true;
    if (dates.not_before) attributes["nbf"] = dates.not_before->ns / kNsPerSecond;
    if (dates.expires) attributes["exp"] = dates.expires->ns / kNsPerSecond;
    body["attributes"] = std::move(attributes);
}

std::string key_path(const Location& location) { return "/keys/" + location.name; }
std::string deleted_path(const Location& location) { return "/deletedkeys/" + location.name; }

/// The path of the next page, which the service gives whole. throws  RemoteError{untrusted}: it leads elsewhere
std::string next_page(const SecretJson& page, const std::string& origin) {
    const auto link = text_of(page, "nextLink");
    if (!link || link->empty()) return {};
    if (!link->starts_with(origin + "/")) throw RemoteError(Outcome::untrusted, "list: the next page is elsewhere");
    return link->substr(origin.size());
}

}  // namespace

/// A role on the key alone cannot list what else there is.
std::vector<std::string> AzureVault::excess_rights(const Location& location) {
    static_cast<void>(location);
    try {
        std::string request;
        const std::string path = "/keys?maxresults=1&api-version=" + percent_encoded(api_version_);
        static_cast<void>(ask({"list keys", HttpMethod::get, path}, request));
        return {"list the keys of the vault"};
    } catch (const RemoteError&) {
        return {};
    }
}

bool AzureVault::can(AdminVerb verb) const { return verb != AdminVerb::replicate; }

bool AzureVault::is_there(const Location& location) {
    std::string request;
    try {
        static_cast<void>(read(location.without_version(), request));
        return true;
    } catch (const RemoteError& error) {
        if (error.outcome() == Outcome::not_found) return false;
        throw;
    }
}

/// A call that answers with the key as it is then.
KeyDescription AzureVault::change(const Call& call, const Location& location) {
    std::string request;
    const RemoteAnswer answer = ask(call, request);
    KeyDescription key = azure_key(*answer.json, location.without_version(), client_.clock().now());
    key.region = region();
    return key;
}

std::vector<KeyDescription> AzureVault::versions(const Location& location) {
    std::vector<KeyDescription> all;
    std::string path = key_path(location) + "/versions";
    std::string request;
    while (!path.empty() && all.size() < kMostVersions) {
        const RemoteAnswer answer = ask({"list versions", HttpMethod::get, path}, request);
        const auto items = answer.json->find("value");
        if (items == answer.json->end() || !items->is_array())
            throw RemoteError(Outcome::untrusted, "list versions: no list in the answer");
        for (const SecretJson& item : *items) {
            const Location version = azure_id(text_of(item, "kid").value_or(""), location.without_version());
            all.push_back(read(version, request));
        }
        path = next_page(*answer.json, origin_);
    }
    return all;
}

KeyDescription AzureVault::create(const Location& location, const NewKey& wanted) {
    constexpr int kUsual = 3072;
    if (is_there(location)) {
        throw Error(ErrorCode::refused, "there is a key " + location.text() + " already",
                    "a new version of it: signet key rotate " + location.without_version().text());
    }
    SecretJson body;
    body["kty"] = is_hsm() ? "RSA-HSM" : "RSA";
    body["key_size"] = wanted.bits == 0 ? kUsual : wanted.bits;
    body["key_ops"] = operations();
    add_dates(body, wanted.dates);
    return change({"create key", HttpMethod::post, key_path(location) + "/create", &body}, location);
}

/// By the key's own policy, unless something else is said.
KeyDescription AzureVault::rotate(const Location& location, int bits, const KeyDates& dates) {
    if (bits == 0 && !dates.not_before && !dates.expires)
        return change({"rotate key", HttpMethod::post, key_path(location) + "/rotate"}, location);
    std::string request;
    const KeyDescription before = read(location.without_version(), request);
    SecretJson body;
    body["kty"] = before.origin == "generated-hsm" ? "RSA-HSM" : "RSA";
    body["key_size"] = bits == 0 ? before.size_bits : bits;
    body["key_ops"] = operations();
    add_dates(body, dates);
    return change({"create version", HttpMethod::post, key_path(location) + "/create", &body}, location);
}

KeyDescription AzureVault::import_key(const Location& location, const crypto::RsaPrivateKey& key,
                                      const KeyDates& dates) {
    const crypto::RsaNumbers numbers = crypto::numbers_of(key);
    SecretJson jwk;
    jwk["kty"] = is_hsm() ? "RSA-HSM" : "RSA";
    jwk["key_ops"] = operations();
    jwk["n"] = secret_base64url(numbers.modulus.reveal());
    jwk["e"] = secret_base64url(numbers.public_exponent.reveal());
    jwk["d"] = secret_base64url(numbers.private_exponent.reveal());
    jwk["p"] = secret_base64url(numbers.prime_1.reveal());
    jwk["q"] = secret_base64url(numbers.prime_2.reveal());
    jwk["dp"] = secret_base64url(numbers.exponent_1.reveal());
    jwk["dq"] = secret_base64url(numbers.exponent_2.reveal());
    jwk["qi"] = secret_base64url(numbers.coefficient.reveal());
    SecretJson body;
    body["key"] = std::move(jwk);
    add_dates(body, dates);
    return change({"import key", HttpMethod::put, key_path(location), &body}, location);
}

/// Only hardware opens such a file: the key is one of the vault's hardware security module.
KeyDescription AzureVault::import_byok(const Location& location, ByteView file, const KeyDates& dates) {
    SecretJson body;
    body["key"]["kty"] = "RSA-HSM";
    body["key"]["key_ops"] = operations();
    body["key"]["key_hsm"] = secret_base64url(file);
    add_dates(body, dates);
    return change({"import key", HttpMethod::put, key_path(location), &body}, location);
}

void AzureVault::set_enabled(const Location& location, bool enabled) {
    std::string request;
    const Location place = with_version(location, request);
    SecretJson body;
    body["attributes"]["enabled"] = enabled;
    static_cast<void>(change(
        {enabled ? "enable key" : "disable key", HttpMethod::patch, key_path(place) + "/" + place.revision, &body},
        place));
}

RemovedKey AzureVault::remove(const Location& location) {
    if (!location.revision.empty()) {
        throw Error(ErrorCode::usage, "Azure deletes a key with all its versions",
                    "name it without a version, or disable the version: signet key disable " + location.text());
    }
    std::string request;
    const RemoteAnswer answer = ask({"delete key", HttpMethod::del, key_path(location)}, request);
    const auto purge = number_of(*answer.json, "scheduledPurgeDate");
    RemovedKey removed{location.name, std::nullopt};
    if (purge && *purge > 0 && *purge < UINT32_MAX) removed.purge_at = TimePoint{*purge * kNsPerSecond};
    return removed;
}

/// The service takes its time: until then the key is in neither place.
KeyDescription AzureVault::recover(const Location& location) {
    std::string request;
    static_cast<void>(ask({"recover key", HttpMethod::post, deleted_path(location) + "/recover"}, request));
    for (int poll = 0;; ++poll) {
        try {
            return read(location.without_version(), request);
        } catch (const RemoteError& error) {
            const bool may_come = error.outcome() == Outcome::not_found || error.outcome() == Outcome::key_deleted;
            if (!may_come || poll == kMostPolls) throw;
        }
        client_.settings().sleep(kBetweenPolls);
    }
}

void AzureVault::purge(const Location& location) {
    std::string request;
    static_cast<void>(ask({"purge key", HttpMethod::del, deleted_path(location)}, request));
}

SecretBytes AzureVault::backup(const Location& location) {
    std::string request;
    const RemoteAnswer answer = ask({"back up key", HttpMethod::post, key_path(location) + "/backup"}, request);
    const SecretText* value = secret_of(*answer.json, "value");
    if (value == nullptr || value->empty()) throw RemoteError(Outcome::untrusted, "back up key: nothing in the answer");
    return SecretBytes(as_bytes(view_of(*value)));
}

/// backup  base64url as the service writes it, or the octets that stand for
KeyDescription AzureVault::restore(const Location& vault, const SecretBytes& backup) {
    const std::string_view text = as_text(backup.reveal());
    const bool is_text = from_base64url(text).has_value();
    SecretJson body;
    body["value"] = is_text ? SecretText(text.begin(), text.end()) : secret_base64url(backup.reveal());
    return change({"restore key", HttpMethod::post, "/keys/restore", &body}, vault);
}

}  // namespace signet::keyring
