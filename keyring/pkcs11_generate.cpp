#include "keyring/pkcs11_generate.h"

#include <array>

#include "core/crypto/random.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kIdSize = 16;

/// Attributes of a new object, with their values.
class Template {
public:
    void add(CK_ATTRIBUTE_TYPE type, ByteView value) {
        values_.push_back(std::make_unique<Bytes>(value.begin(), value.end()));
        attributes_.push_back({type, values_.back()->data(), static_cast<CK_ULONG>(value.size())});
    }
    void add(CK_ATTRIBUTE_TYPE type, bool flag) {
        const CK_BBOOL value = flag ? CK_TRUE : CK_FALSE;
        add(type, ByteView{&value, sizeof(value)});
    }
    void add(CK_ATTRIBUTE_TYPE type, CK_ULONG number) {
        add(type, ByteView{reinterpret_cast<const std::uint8_t*>(&number), sizeof(number)});
    }
    void add(CK_ATTRIBUTE_TYPE type, const CK_DATE& date) {
        add(type, ByteView{reinterpret_cast<const std::uint8_t*>(&date), sizeof(date)});
    }
    [[nodiscard]] CK_ATTRIBUTE* data() { return attributes_.data(); }
    [[nodiscard]] CK_ULONG size() const { return static_cast<CK_ULONG>(attributes_.size()); }

private:
    std::vector<std::unique_ptr<Bytes>> values_;
    std::vector<CK_ATTRIBUTE> attributes_;
};

void add_common(Template& object, const Pkcs11Uri& uri, const Bytes& id, const KeyDates& dates) {
    object.add(CKA_TOKEN, true);
    object.add(CKA_LABEL, as_bytes(uri.label()));
    object.add(CKA_ID, ByteView(id));
    if (dates.not_before) object.add(CKA_START_DATE, to_date(*dates.not_before));
    if (dates.expires) object.add(CKA_END_DATE, to_date(*dates.expires));
}

Template public_template(const Pkcs11Uri& uri, const Bytes& id, int bits, const KeyDates& dates) {
    constexpr std::array<std::uint8_t, 3> kExponent = {1, 0, 1};
    Template object;
    add_common(object, uri, id, dates);
    object.add(CKA_PRIVATE, false);  // shown without a PIN: backups need it
    object.add(CKA_ENCRYPT, true);
    object.add(CKA_VERIFY, false);
    object.add(CKA_WRAP, false);
    object.add(CKA_MODULUS_BITS, static_cast<CK_ULONG>(bits));
    object.add(CKA_PUBLIC_EXPONENT, ByteView(kExponent));
    return object;
}

Template private_template(const Pkcs11Uri& uri, const Bytes& id, const KeyDates& dates) {
    Template object;
    add_common(object, uri, id, dates);
    object.add(CKA_PRIVATE, true);
    object.add(CKA_SENSITIVE, true);
    object.add(CKA_EXTRACTABLE, false);
    object.add(CKA_DECRYPT, true);
    object.add(CKA_SIGN, false);
    object.add(CKA_UNWRAP, false);
    return object;
}

}  // namespace

void generate_on_token(const Pkcs11Token& token, const Pkcs11Uri& uri, int bits, const KeyDates& dates) {
    if (uri.label().empty()) throw Error(ErrorCode::usage, "a new key on a token needs a label", "add object=LABEL");
    const Pkcs11Session session = token.session(true);
    if (!find_objects(session, CKO_PRIVATE_KEY, uri).empty() || !find_objects(session, CKO_PUBLIC_KEY, uri).empty()) {
        throw Error(ErrorCode::refused, "the " + token.shown() + " has a key " + uri.label() + " already",
                    "give the new one another label");
    }
    Bytes id = uri.id();
    if (id.empty()) {
        id.resize(kIdSize);
        crypto::random_fill(id);
    }
    Template public_half = public_template(uri, id, bits, dates);
    Template private_half = private_template(uri, id, dates);
    CK_MECHANISM mechanism{CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE made_public = 0;
    CK_OBJECT_HANDLE made_private = 0;
    require_ok(session->C_GenerateKeyPair(session.handle(), &mechanism, public_half.data(), public_half.size(),
                                          private_half.data(), private_half.size(), &made_public, &made_private),
               "the " + token.shown() + " makes no RSA key of " + std::to_string(bits) + " bits");
}

}  // namespace signet::keyring
