#include "keyring/pkcs11_make.h"

#include <array>

#include "core/crypto/random.h"
#include "core/crypto/rsa_numbers.h"
#include "keyring/pkcs11_template.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kIdSize = 16;

void require_room(const Pkcs11Session& session, const Pkcs11Token& token, const Pkcs11Uri& uri) {
    if (uri.label().empty()) throw Error(ErrorCode::usage, "a new key on a token needs a label", "add object=LABEL");
    if (find_objects(session, CKO_PRIVATE_KEY, uri).empty() && find_objects(session, CKO_PUBLIC_KEY, uri).empty())
        return;
    throw Error(ErrorCode::refused, "the " + token.shown() + " has a key " + uri.label() + " already",
                "give the new one another label, or make a new version of it: signet key rotate");
}

Bytes id_for(const Pkcs11Uri& uri) {
    Bytes id = uri.id();
    if (!id.empty()) return id;
    id.resize(kIdSize);
    crypto::random_fill(id);
    return id;
}

void add_common(Pkcs11Template& object, const Pkcs11Uri& uri, const Bytes& id, const KeyDates& dates) {
    object.add(CKA_TOKEN, true);
    object.add(CKA_LABEL, as_bytes(uri.label()));
    object.add(CKA_ID, ByteView(id));
    if (dates.not_before) object.add(CKA_START_DATE, to_date(*dates.not_before));
    if (dates.expires) object.add(CKA_END_DATE, to_date(*dates.expires));
}

Pkcs11Template public_template(const Pkcs11Uri& uri, const Bytes& id, const KeyDates& dates) {
    Pkcs11Template object;
    add_common(object, uri, id, dates);
    object.add(CKA_PRIVATE, false);  // shown without a PIN: backups need it
    // Nothing of its usage: everybody can compute with a public key, and tpm2-pkcs11 takes CKA_VERIFY for a right to
    // decrypt, and CKA_ENCRYPT for one to sign.
    return object;
}

Pkcs11Template private_template(const Pkcs11Uri& uri, const Bytes& id, const KeyDates& dates) {
    Pkcs11Template object;
    add_common(object, uri, id, dates);
    object.add(CKA_PRIVATE, true);
    object.add(CKA_SENSITIVE, true);
    object.add(CKA_EXTRACTABLE, false);
    object.add(CKA_DECRYPT, true);
    object.add(CKA_SIGN, false);
    object.add(CKA_UNWRAP, false);
    return object;
}

CK_OBJECT_HANDLE create(const Pkcs11Session& session, Pkcs11Template& object, const std::string& what) {
    std::vector<CK_ATTRIBUTE> attributes = object.attributes();
    CK_OBJECT_HANDLE made = 0;
    require_ok(
        session->C_CreateObject(session.handle(), attributes.data(), static_cast<CK_ULONG>(attributes.size()), &made),
        what);
    return made;
}

void add_kind(Pkcs11Template& object, CK_OBJECT_CLASS kind) {
    object.add(CKA_CLASS, static_cast<CK_ULONG>(kind));
    object.add(CKA_KEY_TYPE, static_cast<CK_ULONG>(CKK_RSA));
}

CK_OBJECT_HANDLE create_private(const Pkcs11Session& session, Pkcs11Template object, const crypto::RsaNumbers& numbers,
                                const std::string& what) {
    add_kind(object, CKO_PRIVATE_KEY);
    object.add(CKA_MODULUS, numbers.modulus.reveal());
    object.add(CKA_PUBLIC_EXPONENT, numbers.public_exponent.reveal());
    object.add(CKA_PRIVATE_EXPONENT, numbers.private_exponent.reveal());
    object.add(CKA_PRIME_1, numbers.prime_1.reveal());
    object.add(CKA_PRIME_2, numbers.prime_2.reveal());
    object.add(CKA_EXPONENT_1, numbers.exponent_1.reveal());
    object.add(CKA_EXPONENT_2, numbers.exponent_2.reveal());
    object.add(CKA_COEFFICIENT, numbers.coefficient.reveal());
    return create(session, object, what);
}

void create_public(const Pkcs11Session& session, Pkcs11Template object, const crypto::RsaNumbers& numbers,
                   const std::string& what) {
    add_kind(object, CKO_PUBLIC_KEY);
    object.add(CKA_MODULUS, numbers.modulus.reveal());
    object.add(CKA_PUBLIC_EXPONENT, numbers.public_exponent.reveal());
    static_cast<void>(create(session, object, what));
}

}  // namespace

void generate_on_token(const Pkcs11Token& token, const Pkcs11Uri& uri, int bits, const KeyDates& dates) {
    constexpr std::array<std::uint8_t, 3> kExponent = {1, 0, 1};
    const Pkcs11Session session = token.session(true);
    require_room(session, token, uri);
    const Bytes id = id_for(uri);
    Pkcs11Template public_half = public_template(uri, id, dates);
    public_half.add(CKA_MODULUS_BITS, static_cast<CK_ULONG>(bits));
    public_half.add(CKA_PUBLIC_EXPONENT, ByteView(kExponent));
    Pkcs11Template private_half = private_template(uri, id, dates);
    std::vector<CK_ATTRIBUTE> shown = public_half.attributes();
    std::vector<CK_ATTRIBUTE> hidden = private_half.attributes();
    CK_MECHANISM mechanism{CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE made_public = 0;
    CK_OBJECT_HANDLE made_private = 0;
    require_ok(
        session->C_GenerateKeyPair(session.handle(), &mechanism, shown.data(), static_cast<CK_ULONG>(shown.size()),
                                   hidden.data(), static_cast<CK_ULONG>(hidden.size()), &made_public, &made_private),
        "the " + token.shown() + " makes no RSA key of " + std::to_string(bits) + " bits");
}

void import_into_token(const Pkcs11Token& token, const Pkcs11Uri& uri, const crypto::RsaPrivateKey& key,
                       const KeyDates& dates) {
    const Pkcs11Session session = token.session(true);
    require_room(session, token, uri);
    for (const Pkcs11Key& other : list_keys(session, uri)) {
        if (other.public_key.spki() != key.public_key().spki()) continue;
        throw Error(ErrorCode::refused, "the " + token.shown() + " has this key already, as " + other.label);
    }
    const std::string what = "the " + token.shown() + " takes no private key in; its own tool may";
    const Bytes id = id_for(uri);
    const crypto::RsaNumbers numbers = crypto::numbers_of(key);
    const CK_OBJECT_HANDLE made = create_private(session, private_template(uri, id, dates), numbers, what);
    try {
        create_public(session, public_template(uri, id, dates), numbers, what);
    } catch (const Error&) {
        session->C_DestroyObject(session.handle(), made);
        throw;
    }
}

}  // namespace signet::keyring
