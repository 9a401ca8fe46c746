#include "keyring/azure_vault.h"

#include <algorithm>

#include "core/crypto/random.h"
#include "core/percent.h"
#include "keyring/azure_answer.h"
#include "keyring/azure_login.h"

namespace signet::keyring {
namespace {

constexpr const char* kApiVersion = "2025-07-01";
constexpr std::size_t kIvSize = 12;
constexpr std::size_t kTagSize = 16;

/// What a call wrapped, which is one key's, and one version's.
SecretBytes value_of(const RemoteAnswer& answer, const char* name, const std::string& operation) {
    auto octets = from_base64url(text_of(*answer.json, name).value_or("!"));
    if (!octets || octets->empty())
        throw RemoteError(Outcome::untrusted, operation + ": no " + std::string(name) + " in the answer");
    return std::move(*octets);
}

void check_id(const RemoteAnswer& answer, const Location& location) {
    static_cast<void>(azure_id(text_of(*answer.json, "kid").value_or(""), location));
}

SecretJson value_body(const char* algorithm, ByteView value) {
    SecretJson body;
    body["alg"] = algorithm;
    body["value"] = secret_base64url(value);
    return body;
}

}  // namespace

AzureVault::AzureVault(RemoteClient& client, const Location& vault)
    : client_(client),
      origin_(vault.origin),
      api_version_(client.settings().variable("SIGNET_AZURE_API_VERSION").value_or(kApiVersion)),
      recent_(client.clock()),
      login_(std::make_unique<AzureLogin>(client, vault.origin)) {}

AzureVault::~AzureVault() = default;

/// path  of the service; what the service itself made has its version already
std::string AzureVault::url_of(const std::string& path) const {
    const bool is_whole = path.find('?') != std::string::npos;
    return origin_ + path + (is_whole ? "" : "?api-version=" + percent_encoded(api_version_));
}

void AzureVault::note_region(const RemoteAnswer& answer) {
    std::string region = answer.header("x-ms-keyvault-region");
    const std::lock_guard lock(mutex_);
    if (!region.empty()) region_ = std::move(region);
}

std::optional<std::string> AzureVault::region() {
    const std::lock_guard lock(mutex_);
    return region_;
}

/// The first request goes out with nothing in it: the vault says where tokens come from.
AzureChallenge AzureVault::ask_challenge(const Call& call) {
    const auto make = [&] {
        RemoteRequest request;
        request.operation = call.operation;
        request.method = call.method;
        request.url = url_of(call.path);
        request.headers = {"Accept: application/json", "x-ms-client-request-id: " + random_uuid()};
        return request;
    };
    const RemoteAnswer answer = client_.call(make, [&](const RemoteAnswer& got) {
        note_region(got);
        if (got.status == 401) return Verdict{};
        Verdict verdict = judge_azure(got);
        if (verdict.outcome == Outcome::ok) verdict = foreign(got);
        return verdict;
    });
    return AzureChallenge::parse(answer.header("www-authenticate"), origin_);
}

void AzureVault::require_challenge(const Call& call) {
    {
        const std::lock_guard lock(mutex_);
        if (challenge_) return;
    }
    AzureChallenge challenge = ask_challenge(call);
    const std::lock_guard lock(mutex_);
    if (!challenge_) challenge_ = std::make_unique<AzureChallenge>(std::move(challenge));
}

/// which  takes which token it is
std::string AzureVault::authorization(std::uint64_t& which) {
    const std::lock_guard lock(mutex_);
    which = token_;
    std::string header = "Authorization: Bearer " + std::string(as_text(login_->token(*challenge_).reveal()));
    challenge_->claims.clear();
    return header;
}

/// A token that the vault no longer takes is made anew once, by what the vault says now: by the first who notices.
void AzureVault::renew_token(const Call& call, const Attempt& failed) {
    AzureChallenge challenge = ask_challenge(call);
    challenge.claims = failed.claims;
    const std::lock_guard lock(mutex_);
    if (token_ != failed.token) return;
    ++token_;
    login_->forget();
    challenge_ = std::make_unique<AzureChallenge>(std::move(challenge));
}

RemoteAnswer AzureVault::ask_with_token(const Call& call, Attempt& attempt) {
    const auto make = [&] {
        RemoteRequest request;
        request.operation = call.operation;
        request.method = call.method;
        request.url = url_of(call.path);
        request.headers = {"Accept: application/json", "x-ms-client-request-id: " + random_uuid(),
                           authorization(attempt.token)};
        if (call.body != nullptr) {
            request.headers.emplace_back("Content-Type: application/json");
            request.body = to_body(*call.body);
        }
        return request;
    };
    return client_.call(make, [&](const RemoteAnswer& got) {
        note_region(got);
        const auto parameters = challenge_parameters(got.header("www-authenticate"));
        const auto claims = parameters.find("claims");
        if (got.status == 401 && claims != parameters.end()) {
            const auto decoded = from_base64url(claims->second.substr(0, claims->second.find('=')));
            const auto plain = decoded ? std::nullopt : secret_from_base64(claims->second);
            if (decoded) attempt.claims = as_text(decoded->reveal());
            if (plain) attempt.claims = as_text(plain->reveal());
        }
        return judge_azure(got, call.is_unwrap);
    });
}

RemoteAnswer AzureVault::ask(const Call& call, std::string& request) {
    const bool is_use = call.path.ends_with("/wrapkey") || call.path.ends_with("/unwrapkey") ||
                        call.path.ends_with("/encrypt") || call.path.ends_with("/decrypt");
    if (call.method != HttpMethod::get && !is_use) recent_.forget();
    const auto note = [&](RemoteAnswer answer) {
        request = request_text(answer.header("x-ms-request-id"));
        return answer;
    };
    require_challenge(call);
    Attempt attempt;
    try {
        return note(ask_with_token(call, attempt));
    } catch (const RemoteError& error) {
        // The vault's own word, and not that of whoever gives tokens.
        if (!std::string_view(error.what()).starts_with(call.operation + ": 401")) throw;
    }
    renew_token(call, attempt);
    try {
        return note(ask_with_token(call, attempt));
    } catch (const RemoteError& error) {
        // Access was ended while its token was still good.
        if (error.outcome() != Outcome::credential_rejected || attempt.claims.empty()) throw;
        throw RemoteError(Outcome::denied, error.what(), error.request());
    }
}

/// A key that is not there may be deleted, and then it can be recovered. Who may not look there learns no more.
void AzureVault::refuse_missing(const Location& location, const RemoteError& error) {
    std::optional<RemoteAnswer> deleted;
    try {
        std::string ignored;
        deleted = ask({"get deleted key", HttpMethod::get, "/deletedkeys/" + location.name}, ignored);
    } catch (const RemoteError&) {
        throw RemoteError(error);
    }
    const auto purge = deleted->json ? number_of(*deleted->json, "scheduledPurgeDate") : std::nullopt;
    const std::string until =
        purge && *purge > 0 && *purge < INT32_MAX ? ", for good at " + to_rfc3339({*purge * kNsPerSecond}) : "";
    const std::string request = error.request().empty() ? "" : "; " + error.request();
    throw RemoteError(Outcome::key_deleted, location.name + " is deleted" + until + request, error.request());
}

KeyDescription AzureVault::read(const Location& location, std::string& request) {
    try {
        const RemoteAnswer answer =
            ask({"get key", HttpMethod::get, "/keys/" + location.name + "/" + location.revision}, request);
        KeyDescription key = azure_key(*answer.json, location, client_.clock().now());
        key.region = region();
        const std::lock_guard lock(mutex_);
        symmetric_[key.location.text()] = !key.public_key.has_value();
        return key;
    } catch (const RemoteError& error) {
        const bool is_key = std::string_view(error.what()).find("404 KeyNotFound") != std::string_view::npos;
        if (error.outcome() != Outcome::not_found || !is_key) throw;
        refuse_missing(location, error);
    }
}

Location AzureVault::with_version(const Location& location, std::string& request) {
    return location.revision.empty() ? read(location, request).location : location;
}

bool AzureVault::is_symmetric(const Location& location, std::string& request) {
    {
        const std::lock_guard lock(mutex_);
        const auto known = symmetric_.find(location.text());
        if (known != symmetric_.end()) return known->second;
    }
    return !read(location, request).public_key;
}

/// Far below what a vault takes in ten seconds (500 of the largest keys), and enough to hide the way there and back.
int AzureVault::lanes() const { return 8; }

std::string AzureVault::identity() {
    const std::lock_guard lock(mutex_);
    const AzureIdentity& who = login_->identity();
    if (who.client.empty() && who.object.empty()) return {};
    return "application " + one_line(who.client) + " (object " + one_line(who.object) + ", tenant " +
           one_line(who.tenant) + ") by " + std::string(text(login_->kind()));
}

Answer<KeyDescription> AzureVault::describe(const Location& location) {
    return answer<KeyDescription>([&](std::string& request) {
        if (const KeyDescription* recent = recent_.find(location)) return *recent;
        KeyDescription key = read(location, request);
        recent_.keep(location, key);
        return key;
    });
}

Answer<KeyDescription> AzureVault::newest(const Location& location) {
    return answer<KeyDescription>([&](std::string& request) {
        KeyDescription key = read(location.without_version(), request);
        require_may_wrap(key);
        return key;
    });
}

Answer<Bytes> AzureVault::wrap(const Location& location, ByteView plaintext, const Binding& binding) {
    return answer<Bytes>([&](std::string& request) {
        const Location place = with_version(location, request);
        const std::string path = "/keys/" + place.name + "/" + place.revision;
        if (!is_symmetric(place, request)) {
            const SecretJson body = value_body("RSA-OAEP-256", plaintext);
            const RemoteAnswer answer = ask({"wrapkey", HttpMethod::post, path + "/wrapkey", &body}, request);
            check_id(answer, place);
            const SecretBytes wrapped = value_of(answer, "value", "wrapkey");
            const ByteView view = wrapped.reveal();
            return Bytes(view.begin(), view.end());
        }
        SecretJson body = value_body("A256GCM", plaintext);
        std::array<std::uint8_t, kIvSize> iv{};
        crypto::random_fill(iv);
        body["iv"] = secret_base64url(iv);
        body["aad"] = secret_base64url(as_bytes(binding.text()));
        const RemoteAnswer answer = ask({"encrypt", HttpMethod::post, path + "/encrypt", &body}, request);
        check_id(answer, place);
        Bytes wrapped(iv.begin(), iv.end());
        const auto used = from_base64url(text_of(*answer.json, "iv").value_or(to_base64url(iv)));
        if (!used || used->size() != kIvSize) throw RemoteError(Outcome::untrusted, "encrypt: another kind of iv");
        std::copy(used->reveal().begin(), used->reveal().end(), wrapped.begin());
        for (const char* part : {"value", "tag"}) {
            const SecretBytes octets = value_of(answer, part, "encrypt");
            wrapped.insert(wrapped.end(), octets.reveal().begin(), octets.reveal().end());
        }
        if (wrapped.size() != kIvSize + plaintext.size() + kTagSize)
            throw RemoteError(Outcome::untrusted, "encrypt: an answer of another size");
        return wrapped;
    });
}

Answer<SecretBytes> AzureVault::unwrap(const Location& location, ByteView wrapped, const Binding& binding) {
    return answer<SecretBytes>([&](std::string& request) {
        const Location place = with_version(location, request);
        const std::string path = "/keys/" + place.name + "/" + place.revision;
        if (!is_symmetric(place, request)) {
            const SecretJson body = value_body("RSA-OAEP-256", wrapped);
            const RemoteAnswer answer = ask({"unwrapkey", HttpMethod::post, path + "/unwrapkey", &body, true}, request);
            check_id(answer, place);
            return value_of(answer, "value", "unwrapkey");
        }
        if (wrapped.size() <= kIvSize + kTagSize)
            throw RemoteError(Outcome::integrity, "decrypt: too short a wrapped key");
        SecretJson body = value_body("A256GCM", wrapped.subspan(kIvSize, wrapped.size() - kIvSize - kTagSize));
        body["iv"] = secret_base64url(wrapped.first(kIvSize));
        body["tag"] = secret_base64url(wrapped.last(kTagSize));
        body["aad"] = secret_base64url(as_bytes(binding.text()));
        const RemoteAnswer answer = ask({"decrypt", HttpMethod::post, path + "/decrypt", &body, true}, request);
        check_id(answer, place);
        return value_of(answer, "value", "decrypt");
    });
}

}  // namespace signet::keyring
