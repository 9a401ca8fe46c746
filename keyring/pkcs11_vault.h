// Protectors on PKCS#11 tokens: HSMs, smart cards, SoftHSM2.
#pragma once

#include <memory>

#include "keyring/vault.h"

namespace signet::keyring {

class Pkcs11Token;
class Pkcs11Tokens;
class Pkcs11Uri;

/// Every token that p11-kit reaches. Wraps here, with the public half; unwraps on the token, with the PIN. A wrong PIN
/// ends the command, and no token is ever asked twice with one.
class Pkcs11Vault final : public Vault {
public:
    Pkcs11Vault(PassphraseSource& passphrases, const Clock& clock);
    ~Pkcs11Vault() override;

    /// Without a login, where the token shows the public half or a certificate to everybody; else it logs in.
    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override;
    [[nodiscard]] Answer<Bytes> wrap(const Location& location, ByteView plaintext) override;
    /// throws  Error{wrong_passphrase}: the token does not take the PIN
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped) override;
    [[nodiscard]] bool unwraps_unattended(const Location& location) override;

    /// Makes a key pair on the token. throws  Error{refused}: the token has such a key already;
    ///         Error{usage}: no label; Error{wrong_passphrase}; Error{key_unavailable}: no such token, it refuses, …
    [[nodiscard]] KeyDescription create(const Location& location, int bits, const KeyDates& dates);

private:
    [[nodiscard]] KeyDescription describe_on(Pkcs11Token& token, const Location& location, const Pkcs11Uri& uri);
    template <class T, class Use>
    [[nodiscard]] Answer<T> answer(const Location& location, const Use& use);

    PassphraseSource& passphrases_;
    const Clock& clock_;
    std::unique_ptr<Pkcs11Tokens> tokens_;
};

/// The command or deed that would undo a refusal of a token.
[[nodiscard]] std::string pkcs11_hint(Outcome outcome, const Location& location);

}  // namespace signet::keyring
