#include "keyring/transit_vault.h"

#include <algorithm>
#include <array>
#include <utility>

#include "format/limits.h"
#include "keyring/transit_answer.h"
#include "keyring/transit_login.h"

namespace signet::keyring {
namespace {

/// "data" of an answer. throws  RemoteError{untrusted}: there is none
const SecretJson& data_of(const RemoteAnswer& answer, const std::string& operation) {
    const SecretJson* data = answer.json ? object_of(*answer.json, "data") : nullptr;
    if (data == nullptr) throw RemoteError(Outcome::untrusted, operation + ": the answer has no data");
    return *data;
}

/// Whether the key is symmetric, by what it wrapped: an RSA ciphertext stands in slots without its prefix.
bool has_prefix(ByteView wrapped) { return as_text(wrapped).starts_with("vault:v"); }

SecretText associated_data(const Binding& binding) { return secret_base64(as_bytes(binding.text())); }

}  // namespace

TransitVault::TransitVault(RemoteClient& client, const Location& server)
    : client_(client),
      origin_(server.origin),
      recent_(client.clock()),
      login_(std::make_unique<TransitLogin>(client, server)) {
    const auto& variable = client.settings().variable;
    cluster_ = login_->section().get("cluster").value_or(variable("SIGNET_TRANSIT_CLUSTER").value_or(""));
    sealed_is_outage_ = variable("SIGNET_TRANSIT_SEALED") == "outage";
}

TransitVault::~TransitVault() = default;

/// which  takes which token it is
std::vector<std::string> TransitVault::headers(std::uint64_t& which) {
    const std::lock_guard lock(mutex_);
    which = token_;
    std::vector<std::string> headers = login_->headers();
    headers.push_back("X-Vault-Token: " + std::string(as_text(login_->token().reveal())));
    return headers;
}

/// By the first who notices. returns  whether there may be a better one now
bool TransitVault::renew_token(std::uint64_t failed) {
    const std::lock_guard lock(mutex_);
    if (token_ != failed) return true;
    if (!login_->renew()) return false;
    ++token_;
    return true;
}

/// token  takes which one was used
RemoteAnswer TransitVault::ask_once(const std::string& operation, HttpMethod method, const std::string& path,
                                    const SecretJson* body, std::uint64_t& token) {
    const auto make = [&] {
        RemoteRequest request;
        request.operation = operation;
        request.method = method;
        request.url = origin_ + "/v1/" + path;
        request.headers = headers(token);
        if (body != nullptr) {
            request.headers.emplace_back("Content-Type: application/json");
            request.body = to_body(*body);
        }
        return request;
    };
    return client_.call(make, [&](const RemoteAnswer& got) {
        Verdict verdict = judge_transit(got, false, sealed_is_outage_);
        if (got.json) verdict.request = text_of(*got.json, "request_id").value_or("");
        return verdict;
    });
}

/// A token that is past its lease is refused with the same words as one that may not: it is made anew once.
RemoteAnswer TransitVault::ask(const std::string& operation, HttpMethod method, const std::string& path,
                               const SecretJson* body, std::string& request) {
    const auto note = [&](RemoteAnswer answer) {
        if (answer.json) request = request_text(text_of(*answer.json, "request_id").value_or(""));
        return answer;
    };
    std::uint64_t token = 0;
    try {
        return note(ask_once(operation, method, path, body, token));
    } catch (const RemoteError& error) {
        const bool may_be_token = error.outcome() == Outcome::denied || error.outcome() == Outcome::credential_rejected;
        if (!may_be_token || !renew_token(token)) throw;
    }
    return note(ask_once(operation, method, path, body, token));
}

/// Shown to everybody, by a standby as well.
const std::string& TransitVault::cluster() {
    if (!cluster_.empty()) return cluster_;
    const auto make = [&] {
        RemoteRequest request;
        request.operation = "health";
        request.url = origin_ + "/v1/sys/health?standbyok=true&perfstandbyok=true";
        request.headers = {"X-Vault-Request: true", "Accept: application/json"};
        return request;
    };
    const RemoteAnswer answer = client_.call(make, [&](const RemoteAnswer& got) {
        Verdict verdict;
        if (!got.json) return foreign(got);
        if (text_of(*got.json, "cluster_id")) return verdict;
        verdict.outcome = got.status >= 500 || got.status == 429 ? Outcome::unavailable : Outcome::untrusted;
        verdict.message = boolean_of(*got.json, "sealed").value_or(false) ? "the server is sealed" : "no cluster id";
        if (verdict.message == "the server is sealed" && !sealed_is_outage_) verdict.finally = Outcome::denied;
        return verdict;
    });
    cluster_ = *text_of(*answer.json, "cluster_id");
    return cluster_;
}

KeyDescription TransitVault::read(const Location& location, std::string& request) {
    const RemoteAnswer answer =
        ask("read key", HttpMethod::get, location.mount + "/keys/" + location.name, nullptr, request);
    const TransitKey key(data_of(answer, "read key"));
    return key.version(location, key.is_rsa() ? std::string() : cluster());
}

/// Servers take far more, unless a quota says less; enough to hide the way there and back.
int TransitVault::lanes() const { return 8; }

std::string TransitVault::identity() {
    const std::lock_guard lock(mutex_);
    return login_->source();
}

/// By what the server says of this token: every token may ask that about itself.
std::vector<std::string> TransitVault::excess_rights(const Location& location) {
    const std::string key = location.mount + "/keys/" + location.name;
    const std::array<std::pair<std::string, const char*>, 4> rights = {
        {{key, "make or delete the key"},
         {key + "/config", "change what versions of the key may be used"},
         {key + "/rotate", "rotate the key"},
         {location.mount + "/export/encryption-key/" + location.name, "export the key"}}};
    SecretJson body;
    for (const auto& [path, what] : rights) body["paths"].push_back(path.c_str());
    std::vector<std::string> excess;
    try {
        std::string request;
        const RemoteAnswer answer = ask("capabilities", HttpMethod::post, "sys/capabilities-self", &body, request);
        const SecretJson& data = data_of(answer, "capabilities");
        for (const auto& [path, what] : rights) {
            const auto held = data.find(path.c_str());
            if (held == data.end() || !held->is_array()) continue;
            const bool more = std::any_of(held->begin(), held->end(), [](const SecretJson& one) {
                return one.is_string() && one != "read" && one != "deny" && one != "list";
            });
            if (more) excess.emplace_back(what);
        }
    } catch (const RemoteError&) {
        // Nothing is known.
    }
    return excess;
}

Answer<KeyDescription> TransitVault::describe(const Location& location) {
    return answer<KeyDescription>([&](std::string& request) {
        if (const KeyDescription* recent = recent_.find(location)) return *recent;
        KeyDescription key = read(location, request);
        recent_.keep(location, key);
        return key;
    });
}

Answer<KeyDescription> TransitVault::newest(const Location& location) {
    return answer<KeyDescription>([&](std::string& request) {
        KeyDescription key = read(location.without_version(), request);
        require_may_wrap(key);
        return key;
    });
}

Answer<Bytes> TransitVault::wrap(const Location& location, ByteView plaintext, const Binding& binding) {
    return answer<Bytes>([&](std::string& request) {
        const KeyDescription* recent = recent_.find(location);
        const KeyDescription key = recent != nullptr ? *recent : read(location, request);
        require_may_wrap(key);
        SecretJson body;
        body["plaintext"] = secret_base64(plaintext);
        body["key_version"] = *key.location.version;
        if (!key.public_key) body["associated_data"] = associated_data(binding);
        const RemoteAnswer answer =
            ask("encrypt", HttpMethod::post, location.mount + "/encrypt/" + location.name, &body, request);
        const auto text = text_of(data_of(answer, "encrypt"), "ciphertext");
        const auto wrapped = TransitCiphertext::parse(text.value_or(""), Outcome::untrusted);
        if (wrapped.version != *key.location.version) {
            throw RemoteError(Outcome::untrusted, "encrypt: the answer is of version " +
                                                      std::to_string(wrapped.version) + ", not of version " +
                                                      std::to_string(*key.location.version));
        }
        if (!key.public_key) {
            if (text->size() > format::kMaxWrapped)
                throw RemoteError(Outcome::untrusted, "encrypt: too long an answer");
            return Bytes(text->begin(), text->end());
        }
        const auto octets = secret_from_base64(wrapped.payload);
        if (!octets || octets->size() != static_cast<std::size_t>(key.size_bits) / 8)
            throw RemoteError(Outcome::untrusted,
                              "encrypt: not a ciphertext of " + std::to_string(key.size_bits) + " bits");
        const ByteView view = octets->reveal();
        return Bytes(view.begin(), view.end());
    });
}

Answer<SecretBytes> TransitVault::unwrap(const Location& location, ByteView wrapped, const Binding& binding) {
    return answer<SecretBytes>([&](std::string& request) {
        Location place = location;
        if (!place.version) place = read(location, request).location;
        SecretJson body;
        if (has_prefix(wrapped)) {
            const auto ciphertext = TransitCiphertext::parse(as_text(wrapped), Outcome::integrity);
            if (ciphertext.version != *place.version) {
                throw RemoteError(Outcome::integrity, "decrypt: wrapped by version " +
                                                          std::to_string(ciphertext.version) + " of " + location.name);
            }
            const std::string_view text = as_text(wrapped);
            body["ciphertext"] = SecretText(text.begin(), text.end());
            body["associated_data"] = associated_data(binding);
        } else {
            const std::string text = "vault:v" + std::to_string(*place.version) + ":" + to_base64(wrapped);
            body["ciphertext"] = text.c_str();
        }
        const RemoteAnswer answer =
            ask("decrypt", HttpMethod::post, location.mount + "/decrypt/" + location.name, &body, request);
        const SecretText* plaintext = secret_of(data_of(answer, "decrypt"), "plaintext");
        auto octets = plaintext == nullptr ? std::nullopt : secret_from_base64(view_of(*plaintext));
        if (!octets) throw RemoteError(Outcome::untrusted, "decrypt: the answer has no plaintext");
        return std::move(*octets);
    });
}

}  // namespace signet::keyring
