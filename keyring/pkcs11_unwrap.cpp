#include "keyring/pkcs11_unwrap.h"

#include "core/crypto/oaep.h"

namespace signet::keyring {
namespace {

/// What one attempt with one mechanism gave: octets, or that the token does not have it.
using Attempt = std::optional<SecretBytes>;

std::size_t modulus_size(const crypto::RsaPublicKey& key) { return static_cast<std::size_t>(key.bits()) / 8; }

/// Whether a private half shows the public half's modulus, or shows none.
bool belongs(const Pkcs11Session& session, CK_OBJECT_HANDLE object, const crypto::RsaPublicKey& public_key) {
    const auto modulus = read_attribute(session, object, CKA_MODULUS);
    const auto exponent = read_attribute(session, object, CKA_PUBLIC_EXPONENT);
    if (!modulus || !exponent || modulus->empty() || exponent->empty()) return true;
    try {
        return crypto::RsaPublicKey::from_numbers(*modulus, *exponent).spki() == public_key.spki();
    } catch (const Error&) {
        return false;
    }
}

CK_OBJECT_HANDLE private_half(const Pkcs11Session& session, const Pkcs11Token& token, const Pkcs11Uri& uri,
                              const crypto::RsaPublicKey& public_key) {
    for (const CK_OBJECT_HANDLE object : find_objects(session, CKO_PRIVATE_KEY, uri)) {
        if (!belongs(session, object, public_key)) continue;
        if (!read_flag(session, object, CKA_DECRYPT, true)) {
            throw Pkcs11Error(Outcome::denied,
                              "the " + token.shown() + " does not let this key decrypt (CKA_DECRYPT is false)");
        }
        return object;
    }
    throw Pkcs11Error(Outcome::not_found, "the " + token.shown() + " has no private half of this key");
}

/// One unwrapping, with what each attempt at it needs.
struct Unwrapping {
    Pkcs11Token& token;
    const Pkcs11Uri& uri;
    PassphraseSource& passphrases;
    const crypto::RsaPublicKey& public_key;
    ByteView wrapped;

    /// In a session of its own: some tokens leave one unusable after a failure.
    [[nodiscard]] Attempt with(CK_MECHANISM mechanism) const {
        const Pkcs11Session session = token.session();
        const CK_OBJECT_HANDLE key = private_half(session, token, uri, public_key);
        const std::string what = "the " + token.shown() + " does not decrypt";
        const CK_RV begun = session->C_DecryptInit(session.handle(), &mechanism, key);
        if (is_mechanism_refused(begun)) return std::nullopt;
        require_ok(begun, what);
        if (read_flag(session, key, CKA_ALWAYS_AUTHENTICATE, false)) token.authenticate(session, uri, passphrases);

        Bytes input(wrapped.begin(), wrapped.end());
        SecretBytes output(modulus_size(public_key));
        auto size = static_cast<CK_ULONG>(output.size());
        const CK_RV done = session->C_Decrypt(session.handle(), input.data(), static_cast<CK_ULONG>(input.size()),
                                              output.mutable_view().data(), &size);
        if (is_mechanism_refused(done)) return std::nullopt;
        require_ok(done, what, Pkcs11Step::decrypt);
        if (size > output.size()) throw Pkcs11Error(Outcome::integrity, what + ": more octets than its key has");
        return SecretBytes(output.reveal().first(size));
    }

    [[nodiscard]] Attempt by_oaep() const {
        CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
        return with({CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)});
    }

    /// SoftHSM2 before 2.7 and some smart cards know OAEP with SHA-1 only, or none.
    [[nodiscard]] Attempt by_bare_operation() const {
        const Attempt encoded = with({CKM_RSA_X_509, nullptr, 0});
        if (!encoded) return std::nullopt;
        auto message = crypto::remove_oaep(encoded->reveal(), modulus_size(public_key));
        if (!message) throw Pkcs11Error(Outcome::integrity, "it does not decrypt with the key on the " + token.shown());
        return message;
    }
};

}  // namespace

SecretBytes unwrap_on_token(Pkcs11Token& token, const Pkcs11Uri& uri, PassphraseSource& passphrases,
                            const crypto::RsaPublicKey& public_key, ByteView wrapped) {
    if (wrapped.size() != modulus_size(public_key)) {
        throw Pkcs11Error(Outcome::integrity, "it is not as long as the key on the " + token.shown() + " makes it");
    }
    const Unwrapping unwrapping{token, uri, passphrases, public_key, wrapped};
    if (auto message = unwrapping.by_oaep()) return std::move(*message);
    if (auto message = unwrapping.by_bare_operation()) return std::move(*message);
    throw Pkcs11Error(
        Outcome::misuse,
        "the " + token.shown() + " has neither RSA-OAEP with SHA-256 nor the bare RSA operation for this key");
}

}  // namespace signet::keyring
