// Protectors on PKCS#11 tokens: HSMs, smart cards, SoftHSM2.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "keyring/vault.h"

namespace signet::keyring {

class Pkcs11Token;
class Pkcs11Tokens;
class Pkcs11Uri;

/// A key as a token's list has it.
struct TokenKey {
    KeyDescription key;              ///< its location names it by label and id
    Bytes id;                        ///< CKA_ID
    std::optional<bool> may_unwrap;  ///< unset: its private half is not seen without a login
};

/// Every token that p11-kit reaches. Wraps here, with the public half; unwraps on the token, with the PIN. A wrong PIN
/// ends the command, and no token is ever asked twice with one. Labels say which version of a key one is: "prod",
/// "prod/2", …
class Pkcs11Vault final : public Vault {
public:
    Pkcs11Vault(PassphraseSource& passphrases, const Clock& clock);
    ~Pkcs11Vault() override;

    /// Without a login, where the token shows the public half or a certificate to everybody; else it logs in.
    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override;
    [[nodiscard]] Answer<KeyDescription> describe_shown(const Location& location) override;
    [[nodiscard]] Answer<Bytes> wrap(const Location& location, ByteView plaintext, const Binding& binding) override;
    /// throws  Error{wrong_passphrase}: the token does not take the PIN
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped,
                                             const Binding& binding) override;
    [[nodiscard]] bool unwraps_unattended(const Location& location) override;
    /// By the labels that are shown; what anybody could have put there, so use it only once it has unwrapped. Logs in
    /// to a token that shows no key without.
    [[nodiscard]] Answer<KeyDescription> newest(const Location& location) override;
    [[nodiscard]] Answer<KeyDescription> newest_shown(const Location& location) override;
    [[nodiscard]] std::string place_of(const Location& location) override;

    // For the key officer. They throw as create() does.

    /// Makes a key pair on the token. throws  Error{refused}: the token has such a key already;
    ///         Error{usage}: no label; Error{wrong_passphrase}; Error{key_unavailable}: no such token, it refuses, …
    [[nodiscard]] KeyDescription create(const Location& location, int bits, const KeyDates& dates);
    /// Makes the next version of a key. bits  0: as its newest version. location  any version of it
    [[nodiscard]] KeyDescription rotate(const Location& location, int bits, const KeyDates& dates);
    /// Takes a private key in: as the version that the location names, else as the next one.
    /// throws  Error{refused}: the token has this version, or this very key
    [[nodiscard]] KeyDescription import_key(const Location& location, const crypto::RsaPrivateKey& key,
                                            const KeyDates& dates);
    /// The keys of a token that can be protectors. Logs in only where the URI says whence the PIN comes.
    /// uri  "pkcs11:token=…"; a key that it names does not matter. throws  also Error{usage}: no such URI
    [[nodiscard]] std::vector<TokenKey> list(std::string_view uri);

private:
    [[nodiscard]] KeyDescription describe_on(Pkcs11Token& token, const Location& location, const Pkcs11Uri& uri,
                                             Login login = Login::allowed);
    [[nodiscard]] KeyDescription newest_on(Pkcs11Token& token, const Location& location, const Pkcs11Uri& uri,
                                           Login login);
    void log_in_to_see(Pkcs11Token& token, const Pkcs11Uri& uri, Login login);
    template <class T, class Use>
    [[nodiscard]] Answer<T> answer(const Pkcs11Uri& uri, const Use& use);
    template <class Make>
    [[nodiscard]] KeyDescription make(const Location& location, const Make& make);

    PassphraseSource& passphrases_;
    const Clock& clock_;
    std::unique_ptr<Pkcs11Tokens> tokens_;
};

/// The command or deed that would undo a refusal of a token.
[[nodiscard]] std::string pkcs11_hint(Outcome outcome, const Location& location);

}  // namespace signet::keyring
