#include "keyring/transit_answer.h"

#include <array>
#include <charconv>

namespace signet::keyring {
namespace {

/// Words of an error, in the order in which they are looked for. Servers have no codes.
struct Phrase {
    std::string_view words;
    Outcome outcome;
};
constexpr std::array kRefusedCiphertexts = {
    Phrase{"disallowed by policy (too old)", Outcome::key_disabled},
    Phrase{"version is too new", Outcome::not_found},
    Phrase{"message authentication failed", Outcome::integrity},
    Phrase{"decryption error", Outcome::integrity},
    Phrase{"invalid ciphertext", Outcome::integrity},
    Phrase{"encryption key not found", Outcome::not_found},
    Phrase{"no existing key named", Outcome::not_found},
    Phrase{"key is soft deleted", Outcome::key_deleted},
};

std::optional<Outcome> outcome_of(std::string_view message) {
    for (const Phrase& phrase : kRefusedCiphertexts) {
        if (message.find(phrase.words) != std::string_view::npos) return phrase.outcome;
    }
    return std::nullopt;
}

Outcome outcome_of(long status, const std::string& message, bool is_login) {
    if (status == 429) return Outcome::throttled;
    if (status == 412 || status == 472 || status == 473) return Outcome::unavailable;
    // Some releases answer damaged octets with 500: the text counts before that is called an outage.
    if (status == 400 || status == 500) {
        if (const auto known = outcome_of(message); known && !is_login) return *known;
    }
    if (status >= 500 || status == 408) return Outcome::unavailable;
    if (is_login) return status == 404 || status == 405 ? Outcome::misuse : Outcome::credential_rejected;
    switch (status) {
        case 400:
        case 405:
        case 413:
        case 415:
            return Outcome::misuse;
        case 401:
            return Outcome::credential_rejected;
        case 403: {
            const bool is_token =
                message.find("invalid token") != std::string::npos || message.find("bad token") != std::string::npos;
            return is_token ? Outcome::credential_rejected : Outcome::denied;
        }
        case 404:
            return Outcome::not_found;
        default:
            return Outcome::denied;
    }
}

std::string joined(const SecretJson& errors) {
    std::string text;
    for (const SecretJson& error : errors) {
        if (error.is_string())
            text.append(text.empty() ? "" : "; ").append(view_of(error.get_ref<const SecretText&>()));
    }
    return text;
}

std::uint32_t small(const SecretJson& data, const char* name, std::uint32_t otherwise) {
    const auto number = number_of(data, name);
    return number && *number >= 0 && *number <= INT32_MAX ? static_cast<std::uint32_t>(*number) : otherwise;
}

}  // namespace

Verdict judge_transit(const RemoteAnswer& answer, bool is_login, bool sealed_is_outage) {
    Verdict verdict;
    if (answer.ok()) {
        // Every answer with content is an object; 204 has none.
        const bool is_empty = answer.status == 204 && answer.body.empty();
        return answer.json || is_empty ? verdict : foreign(answer);
    }
    const auto errors = answer.json ? answer.json->find("errors") : SecretJson::const_iterator();
    if (!answer.json || errors == answer.json->end() || !errors->is_array()) return foreign(answer);
    const std::string message = joined(*errors);
    verdict.message = message;
    verdict.outcome = outcome_of(answer.status, message, is_login);
    const bool is_sealed = verdict.outcome == Outcome::unavailable && message.find("sealed") != std::string::npos;
    if (is_sealed && !sealed_is_outage) verdict.finally = Outcome::denied;
    return verdict;
}

TransitCiphertext TransitCiphertext::parse(std::string_view text, Outcome outcome) {
    TransitCiphertext ciphertext;
    constexpr std::string_view kPrefix = "vault:v";
    const auto colon = text.find(':', kPrefix.size());
    if (text.starts_with(kPrefix) && colon != std::string_view::npos) {
        const std::string_view digits = text.substr(kPrefix.size(), colon - kPrefix.size());
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ciphertext.version);
        ciphertext.payload = text.substr(colon + 1);
        if (error == std::errc{} && end == digits.data() + digits.size() && ciphertext.version > 0) return ciphertext;
    }
    throw RemoteError(outcome, "a ciphertext of Transit begins with vault:v and a number");
}

TransitKey::TransitKey(const SecretJson& data) : data_(data), type_(text_of(data, "type").value_or("")) {
    latest_ = small(data, "latest_version", 0);
    oldest_ = small(data, "min_available_version", 0);
    least_to_decrypt_ = small(data, "min_decryption_version", 1);
    least_to_encrypt_ = small(data, "min_encryption_version", 0);
    if (type_.empty() || latest_ == 0) throw RemoteError(Outcome::untrusted, "read key: not the description of a key");
}

crypto::RsaPublicKey TransitKey::public_key(std::uint32_t version) const {
    const SecretJson* keys = object_of(data_, "keys");
    const SecretJson* key = keys == nullptr ? nullptr : object_of(*keys, std::to_string(version).c_str());
    const auto pem = key == nullptr ? std::nullopt : text_of(*key, "public_key");
    if (!pem)
        throw RemoteError(Outcome::untrusted, "read key: version " + std::to_string(version) + " has no public key");
    try {
        return crypto::RsaPublicKey::from_pem(*pem, "public key of version " + std::to_string(version));
    } catch (const Error& error) {
        throw RemoteError(error.code() == ErrorCode::refused ? Outcome::misuse : Outcome::untrusted, error.what());
    }
}

KeyDescription TransitKey::version(const Location& location, const std::string& cluster) const {
    const std::uint32_t version = location.version.value_or(latest_);
    const std::string which = "version " + std::to_string(version) + " of " + location.name;
    if (version > latest_) {
        throw RemoteError(Outcome::not_found, which + " does not exist; the newest is " + std::to_string(latest_));
    }
    if (version < oldest_) throw RemoteError(Outcome::not_found, which + " was trimmed away for good");
    if (boolean_of(data_, "soft_deleted").value_or(false)) {
        throw RemoteError(Outcome::key_deleted, location.name + " is deleted, and can be restored");
    }
    if (version < least_to_decrypt_) {
        throw RemoteError(Outcome::key_disabled,
                          which + " is below min_decryption_version " + std::to_string(least_to_decrypt_));
    }
    if (boolean_of(data_, "derived").value_or(false)) {
        throw RemoteError(Outcome::misuse,
                          location.name + " derives its keys from a context: make one with derived=false");
    }
    KeyDescription key;
    key.location = location.with_version(version);
    key.name = location.name;
    key.can_unwrap = boolean_of(data_, "supports_decryption").value_or(true);
    key.origin = boolean_of(data_, "imported_key").value_or(false) ? "imported" : "generated";
    // It still opens what it wrapped, as a key does whose time is over.
    key.state = version < least_to_encrypt_ ? KeyState::expired : KeyState::enabled;
    if (is_rsa()) {
        key.public_key = public_key(version);
        key.thumbprint = format::Thumbprint::of(*key.public_key);
        key.size_bits = key.public_key->bits();
        return key;
    }
    constexpr std::array<std::string_view, 4> kCiphers = {"aes256-gcm96", "aes128-gcm96", "chacha20-poly1305",
                                                          "xchacha20-poly1305"};
    bool is_cipher = false;
    for (const std::string_view cipher : kCiphers) is_cipher = is_cipher || type_ == cipher;
    if (!is_cipher)
        throw RemoteError(Outcome::misuse,
                          location.name + " is a key of type " + one_line(type_) + ", which does not encrypt");
    key.kind = type_;
    key.size_bits = type_ == "aes128-gcm96" ? 128 : 256;
    key.thumbprint = format::Thumbprint::of_name("transit:" + cluster + ":" + location.space + ":" + location.mount +
                                                 ":" + location.name + ":v" + std::to_string(version));
    return key;
}

}  // namespace signet::keyring
