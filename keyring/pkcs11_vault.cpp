#include "keyring/pkcs11_vault.h"

#include "keyring/pkcs11_generate.h"
#include "keyring/pkcs11_unwrap.h"

namespace signet::keyring {
namespace {

/// The only key that is meant. throws  Pkcs11Error{misuse}: several
const Pkcs11Key& only(const std::vector<Pkcs11Key>& keys, const Pkcs11Token& token) {
    if (keys.size() == 1) return keys.front();
    throw Pkcs11Error(Outcome::misuse, "the " + token.shown() + " has several keys of this name: name one by id=%…");
}

void require_state(const KeyDescription& key, bool allowed) {
    if (!allowed) throw Pkcs11Error(refusal_of(key.state), key.location.text() + " is " + std::string(text(key.state)));
}

}  // namespace

Pkcs11Vault::Pkcs11Vault(PassphraseSource& passphrases, const Clock& clock)
    : passphrases_(passphrases), clock_(clock), tokens_(std::make_unique<Pkcs11Tokens>()) {}

Pkcs11Vault::~Pkcs11Vault() = default;

/// Runs `use` on the token that the location names, and makes an answer of a failure.
template <class T, class Use>
Answer<T> Pkcs11Vault::answer(const Location& location, const Use& use) {
    Pkcs11Token* token = nullptr;
    try {
        const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
        token = &tokens_->find(uri);
        return Answer<T>::of(use(*token, uri));
    } catch (const Pkcs11Error& error) {
        if (token != nullptr && error.outcome() == Outcome::unavailable) token->disconnect();
        return Answer<T>::refuse(error.outcome(), error.what());
    }
}

KeyDescription Pkcs11Vault::describe_on(Pkcs11Token& token, const Location& location, const Pkcs11Uri& uri) {
    std::vector<Pkcs11Key> keys = read_keys(token.session(), uri);
    if (keys.empty() && !token.is_open()) {
        // It may show its keys to their owner alone.
        token.log_in(uri, passphrases_);
        keys = read_keys(token.session(), uri);
    }
    if (keys.empty()) throw Pkcs11Error(Outcome::not_found, "the " + token.shown() + " has no such key");
    const Pkcs11Key& key = only(keys, token);

    KeyDescription description;
    description.thumbprint = format::Thumbprint::of(key.public_key);
    description.public_key = key.public_key;
    description.name = key.label.empty() ? to_hex(key.id) : key.label;
    description.location = location;
    description.size_bits = key.public_key.bits();
    description.attributes = key.dates;
    description.state = key.dates.state(clock_.now());
    description.origin = key.is_local ? "generated" : "imported";
    description.can_unwrap = true;
    return description;
}

Answer<KeyDescription> Pkcs11Vault::describe(const Location& location) {
    return answer<KeyDescription>(
        location, [&](Pkcs11Token& token, const Pkcs11Uri& uri) { return describe_on(token, location, uri); });
}

Answer<Bytes> Pkcs11Vault::wrap(const Location& location, ByteView plaintext) {
    return answer<Bytes>(location, [&](Pkcs11Token& token, const Pkcs11Uri& uri) {
        const KeyDescription key = describe_on(token, location, uri);
        require_state(key, may_wrap(key.state));
        return key.public_key->wrap(plaintext);
    });
}

Answer<SecretBytes> Pkcs11Vault::unwrap(const Location& location, ByteView wrapped) {
    return answer<SecretBytes>(location, [&](Pkcs11Token& token, const Pkcs11Uri& uri) {
        const KeyDescription key = describe_on(token, location, uri);
        require_state(key, may_unwrap(key.state));
        token.log_in(uri, passphrases_);
        return unwrap_on_token(token, uri, *key.public_key, wrapped);
    });
}

bool Pkcs11Vault::unwraps_unattended(const Location& location) {
    try {
        const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
        return tokens_->find(uri).logs_in_unattended(uri, passphrases_);
    } catch (const Error&) {
        return false;
    }
}

KeyDescription Pkcs11Vault::create(const Location& location, int bits, const KeyDates& dates) {
    return require_key(answer<KeyDescription>(location,
                                              [&](Pkcs11Token& token, const Pkcs11Uri& uri) {
                                                  token.log_in(uri, passphrases_);
                                                  generate_on_token(token, uri, bits, dates);
                                                  return describe_on(token, location, uri);
                                              }),
                       location);
}

std::string pkcs11_hint(Outcome outcome, const Location& location) {
    const Pkcs11Uri uri = Pkcs11Uri::parse(location.uri);
    switch (outcome) {
        case Outcome::key_expired:
            return "make a new key and link it: signet key create 'pkcs11:token=…;object=NAME'";
        case Outcome::not_found:
            return "see what the token has: pkcs11-tool --list-objects";
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
