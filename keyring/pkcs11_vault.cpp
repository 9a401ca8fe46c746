#include "keyring/pkcs11_vault.h"

#include <algorithm>

#include "keyring/pkcs11_make.h"
#include "keyring/pkcs11_unwrap.h"

namespace signet::keyring {
namespace {

/// The only key that is meant. throws  Pkcs11Error{misuse}: several
const Pkcs11Key& only(const std::vector<Pkcs11Key>& keys, const Pkcs11Token& token) {
    if (keys.size() == 1) return keys.front();
    throw Pkcs11Error(Outcome::misuse, "the " + token.shown() + " has several keys of this name: name one by id=%…");
}

/// The keys on a token that a name stands for.
std::vector<Pkcs11Key> versions_of(const Pkcs11Token& token, const Pkcs11Uri& uri, const std::string& name) {
    std::vector<Pkcs11Key> keys = list_keys(token.session(), uri);
    std::erase_if(keys, [&](const Pkcs11Key& key) { return VersionedLabel::parse(key.label).name != name; });
    return keys;
}

/// The one of the highest version; nothing when there is none, or two have that version.
std::optional<Pkcs11Key> newest_of(const std::vector<Pkcs11Key>& keys) {
    std::optional<Pkcs11Key> newest;
    std::uint32_t highest = 0;
    for (const Pkcs11Key& key : keys) {
        const VersionedLabel label = VersionedLabel::parse(key.label);
        if (label.version < highest) continue;
        newest = label.version > highest ? std::optional(key) : std::nullopt;
        highest = label.version;
    }
    return newest;
}

KeyDescription description_of(const Pkcs11Key& key, const Location& location, TimePoint now) {
    KeyDescription description;
    description.thumbprint = format::Thumbprint::of(key.public_key);
    description.public_key = key.public_key;
    description.name = key.label.empty() ? to_hex(key.id) : VersionedLabel::parse(key.label).name;
    description.location = location;
    description.size_bits = key.public_key.bits();
    description.attributes = key.dates;
    description.state = key.dates.state(now);
    description.origin = key.is_local ? "generated" : "imported";
    description.can_unwrap = true;
    return description;
}

void require_state(const KeyDescription& key, bool allowed) {
    if (!allowed) throw Pkcs11Error(refusal_of(key.state), key.location.text() + " is " + std::string(text(key.state)));
}

}  // namespace

Pkcs11Vault::Pkcs11Vault(PassphraseSource& passphrases, const Clock& clock)
    : passphrases_(passphrases), clock_(clock), tokens_(std::make_unique<Pkcs11Tokens>()) {}

Pkcs11Vault::~Pkcs11Vault() = default;

/// Runs `use` on the token that the URI names, and makes an answer of a failure.
template <class T, class Use>
Answer<T> Pkcs11Vault::answer(const Pkcs11Uri& uri, const Use& use) {
    Pkcs11Token* token = nullptr;
    try {
        token = &tokens_->find(uri);
        return Answer<T>::of(use(*token));
    } catch (const Pkcs11Error& error) {
        if (token != nullptr && error.outcome() == Outcome::unavailable) token->disconnect();
        return Answer<T>::refuse(error.outcome(), error.what());
    }
}

/// To a token that may show its keys to their owner alone. throws  as log_in()
void Pkcs11Vault::log_in_to_see(Pkcs11Token& token, const Pkcs11Uri& uri, Login login) {
    if (login == Login::spared) {
        throw Pkcs11Error(Outcome::credential_rejected,
                          "the " + token.shown() +
                              " shows no such key without a login, and has refused the PIN before, so it is not tried "
                              "again; when the PIN is right: signet keyring test");
    }
    token.log_in(uri, passphrases_);
}

KeyDescription Pkcs11Vault::describe_on(Pkcs11Token& token, const Location& location, const Pkcs11Uri& uri,
                                        Login login) {
    std::vector<Pkcs11Key> keys = read_keys(token.session(), uri);
    if (keys.empty() && !token.is_open()) {
        log_in_to_see(token, uri, login);
        keys = read_keys(token.session(), uri);
    }
    if (keys.empty()) throw Pkcs11Error(Outcome::not_found, "the " + token.shown() + " has no such key");
    return description_of(only(keys, token), location, clock_.now());
}

Answer<KeyDescription> Pkcs11Vault::describe(const Location& location) {
    const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
    return answer<KeyDescription>(uri, [&](Pkcs11Token& token) { return describe_on(token, location, uri); });
}

Answer<KeyDescription> Pkcs11Vault::describe_shown(const Location& location) {
    const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
    return answer<KeyDescription>(uri,
                                  [&](Pkcs11Token& token) { return describe_on(token, location, uri, Login::spared); });
}

KeyDescription Pkcs11Vault::newest_on(Pkcs11Token& token, const Location& location, const Pkcs11Uri& uri, Login login) {
    std::vector<Pkcs11Key> keys = versions_of(token, uri, location.name);
    if (keys.empty() && !token.is_open()) {
        log_in_to_see(token, uri, login);
        keys = versions_of(token, uri, location.name);
    }
    std::erase_if(keys, [&](const Pkcs11Key& key) { return !may_wrap(key.dates.state(clock_.now())); });
    const auto newest = newest_of(keys);
    if (!newest) {
        throw Pkcs11Error(Outcome::not_found,
                          "no version of " + location.name + " on the " + token.shown() + " that may wrap");
    }
    return description_of(*newest, location.with_version(VersionedLabel::parse(newest->label).version), clock_.now());
}

Answer<KeyDescription> Pkcs11Vault::newest(const Location& location) {
    const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
    return answer<KeyDescription>(uri,
                                  [&](Pkcs11Token& token) { return newest_on(token, location, uri, Login::allowed); });
}

Answer<KeyDescription> Pkcs11Vault::newest_shown(const Location& location) {
    const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
    return answer<KeyDescription>(uri,
                                  [&](Pkcs11Token& token) { return newest_on(token, location, uri, Login::spared); });
}

Answer<Bytes> Pkcs11Vault::wrap(const Location& location, ByteView plaintext, const Binding& binding) {
    static_cast<void>(binding);
    const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
    return answer<Bytes>(uri, [&](Pkcs11Token& token) {
        const KeyDescription key = describe_on(token, location, uri);
        require_state(key, may_wrap(key.state));
        return key.public_key->wrap(plaintext);
    });
}

Answer<SecretBytes> Pkcs11Vault::unwrap(const Location& location, ByteView wrapped, const Binding& binding) {
    static_cast<void>(binding);
    const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
    return answer<SecretBytes>(uri, [&](Pkcs11Token& token) {
        const KeyDescription key = describe_on(token, location, uri);
        require_state(key, may_unwrap(key.state));
        token.log_in(uri, passphrases_);
        return unwrap_on_token(token, uri, passphrases_, *key.public_key, wrapped);
    });
}

std::string Pkcs11Vault::place_of(const Location& location) {
    try {
        return tokens_->find(Pkcs11Uri::parse(location.uri)).place();
    } catch (const Error&) {
        return {};
    }
}

bool Pkcs11Vault::unwraps_unattended(const Location& location) {
    try {
        const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
        return tokens_->find(uri).logs_in_unattended(uri, passphrases_);
    } catch (const Error&) {
        return false;
    }
}

/// Logs in, lets `make` make a key with the URI that it gives back, and describes that key.
template <class Make>
KeyDescription Pkcs11Vault::make(const Location& location, const Make& make) {
    const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
    return require_key(answer<KeyDescription>(uri,
                                              [&](Pkcs11Token& token) {
                                                  token.log_in(uri, passphrases_);
                                                  const Location made = make(token, uri);
                                                  return describe_on(token, made, Pkcs11Uri::parse(made.uri));
                                              }),
                       location);
}

KeyDescription Pkcs11Vault::create(const Location& location, int bits, const KeyDates& dates) {
    return make(location, [&](Pkcs11Token& token, const Pkcs11Uri& uri) {
        generate_on_token(token, uri, bits, dates);
        return location;
    });
}

KeyDescription Pkcs11Vault::rotate(const Location& location, int bits, const KeyDates& dates) {
    if (location.name.empty()) throw Error(ErrorCode::usage, "name the key by its label", "object=LABEL");
    return make(location, [&](Pkcs11Token& token, const Pkcs11Uri& uri) {
        const auto newest = newest_of(versions_of(token, uri, location.name));
        if (!newest) {
            throw Pkcs11Error(Outcome::not_found, "the " + token.shown() + " has no single newest key of that label");
        }
        Location next = location.with_version(VersionedLabel::parse(newest->label).version + 1);
        generate_on_token(token, Pkcs11Uri::parse(next.uri), bits == 0 ? newest->public_key.bits() : bits, dates);
        return next;
    });
}

KeyDescription Pkcs11Vault::import_key(const Location& location, const crypto::RsaPrivateKey& key,
                                       const KeyDates& dates) {
    if (location.name.empty()) throw Error(ErrorCode::usage, "a new key on a token needs a label", "add object=LABEL");
    return make(location, [&](Pkcs11Token& token, const Pkcs11Uri& uri) {
        Location place = location;
        const auto newest = newest_of(versions_of(token, uri, location.name));
        if (newest && location.follows_newest())
            place = location.with_version(VersionedLabel::parse(newest->label).version + 1);
        import_into_token(token, Pkcs11Uri::parse(place.uri), key, dates);
        return place;
    });
}

std::vector<TokenKey> Pkcs11Vault::list(std::string_view text) {
    const Pkcs11Uri uri = Pkcs11Uri::parse_token(text).without_key().absolute();
    auto listed = answer<std::vector<TokenKey>>(uri, [&](Pkcs11Token& token) {
        if (uri.pin_file() || token.is_open()) token.log_in(uri, passphrases_);
        std::vector<TokenKey> all;
        for (const Pkcs11Key& key : list_keys(token.session(), uri)) {
            if (key.label.empty() && key.id.empty()) continue;  // nothing could name it
            const Location place = Location::parse(uri.with_key(key.label, key.id).text());
            all.push_back({description_of(key, place, clock_.now()), key.id, key.may_decrypt});
        }
        return all;
    });
    if (!listed.ok()) {
        throw Error(listed.outcome == Outcome::misuse ? ErrorCode::refused : ErrorCode::key_unavailable,
                    uri.path() + ": " + listed.detail);
    }
    return std::move(*listed.value);
}

std::string pkcs11_hint(Outcome outcome, const Location& location) {
    const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
    switch (outcome) {
        case Outcome::key_expired:
            return "make a new version of it: signet key rotate 'pkcs11:token=…;object=NAME'";
        case Outcome::not_found:
            return "see what the token has: signet key list 'pkcs11:token=…'";
        case Outcome::unavailable:
            return uri.module_path() ? "plug the token in, and see that " + *uri.module_path() + " is its module"
                                     : "plug the token in; p11-kit list-modules shows what is there, ?module-path=FILE "
                                       "names a module";
        case Outcome::denied:
            return "the key must be allowed to decrypt (CKA_DECRYPT), by the user of the token";
        case Outcome::credential_rejected:
            return "see the token's state with its own tool before you try again: pkcs11-tool --list-slots";
        case Outcome::misuse:
            return "name token and key exactly: serial=…;id=%…";
        default:
            return {};
    }
}

}  // namespace signet::keyring
