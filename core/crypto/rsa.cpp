#include "core/crypto/rsa.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include "core/crypto/digest.h"
#include "core/crypto/openssl.h"
#include "core/crypto/random.h"

namespace signet::crypto {
namespace {

using BignumHandle = Handle<BIGNUM, BN_clear_free>;
using ParamBuilder = Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Handle<OSSL_PARAM, OSSL_PARAM_free>;

/// More than any key of 4096 bits needs, in any wrapping, with comments around it.
constexpr std::size_t kLargestKeyFile = std::size_t{64} * 1024;

std::string in(std::string_view what, std::string_view why) {
    std::string message(what);
    return message.append(": ").append(why);
}

/// Damage, with OpenSSL's reasons.
[[noreturn]] void fail_damaged(std::string_view what, std::string_view why) { fail(in(what, why), ErrorCode::damaged); }

void check_size(ByteView bytes, std::string_view what) {
    if (bytes.size() > kLargestKeyFile) throw Error(ErrorCode::damaged, in(what, "too large for a key"));
}

/// throws  Error{refused}: not RSA, or not of an allowed size and exponent
void check_rules(EVP_PKEY* key, std::string_view what) {
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        throw Error(ErrorCode::refused, in(what, "not an RSA key"),
                    "protectors are RSA keys of 2048, 3072 or 4096 bits");
    }
    const int bits = EVP_PKEY_get_bits(key);
    if (bits != 2048 && bits != 3072 && bits != 4096) {
        throw Error(ErrorCode::refused, in(what, "an RSA key of " + std::to_string(bits) + " bits"),
                    "protectors are RSA keys of 2048, 3072 or 4096 bits");
    }
    BIGNUM* raw_exponent = nullptr;
    require(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw_exponent), "RSA exponent");
    const BignumHandle exponent(raw_exponent);
    const BN_ULONG smallest = 65537;
    const bool large_enough = BN_num_bits(raw_exponent) > 17 || BN_get_word(raw_exponent) >= smallest;
    if (BN_is_odd(raw_exponent) == 0 || !large_enough || BN_num_bits(raw_exponent) > 64) {
        throw Error(ErrorCode::refused, in(what, "an RSA key with an exponent that is not allowed"));
    }
}

void use_oaep_sha256(EVP_PKEY_CTX* context) {
    require(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), "RSA-OAEP");
    require(EVP_PKEY_CTX_set_rsa_oaep_md_name(context, "SHA2-256", nullptr), "RSA-OAEP");
    require(EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, "SHA2-256", nullptr), "RSA-OAEP");
}

KeyContext new_key_context(EVP_PKEY* key) {
    return require_object(KeyContext(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr)), "RSA");
}

std::size_t modulus_size(EVP_PKEY* key) { return static_cast<std::size_t>(EVP_PKEY_get_bits(key)) / 8; }

Bytes encode_spki(EVP_PKEY* key) {
    const int size = i2d_PUBKEY(key, nullptr);
    if (size <= 0) fail("cannot encode a public key");
    Bytes der(static_cast<std::size_t>(size));
    unsigned char* cursor = der.data();
    invariant(i2d_PUBKEY(key, &cursor) == size, "a public key encodes to the size announced");
    return der;
}

/// One block of a PEM file, in OpenSSL's secure heap.
class PemBlock {
public:
    /// returns  false at the end of the file, or where what follows is no PEM
    bool read(BIO* from) {
        release();
        return PEM_read_bio_ex(from, &name_, &header_, &data_, &size_, PEM_FLAG_SECURE) == 1;
    }
    PemBlock() = default;
    PemBlock(const PemBlock&) = delete;
    PemBlock& operator=(const PemBlock&) = delete;
    ~PemBlock() { release(); }

    [[nodiscard]] std::string_view name() const { return name_; }
    [[nodiscard]] bool has_header() const { return header_ != nullptr && *header_ != '\0'; }
    [[nodiscard]] ByteView data() const { return {data_, static_cast<std::size_t>(size_)}; }

private:
    void release() {
        OPENSSL_secure_free(name_);
        OPENSSL_secure_free(header_);
        OPENSSL_secure_clear_free(data_, static_cast<std::size_t>(size_));
        name_ = nullptr;
        header_ = nullptr;
        data_ = nullptr;
        size_ = 0;
    }
    char* name_ = nullptr;
    char* header_ = nullptr;
    unsigned char* data_ = nullptr;
    long size_ = 0;
};

BioHandle read_from(ByteView bytes) {
    return require_object(BioHandle(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))), "PEM");
}

/// Runs one of OpenSSL's d2i functions and refuses octets left over.
template <class Owner, class Decode>
Owner decode_whole(ByteView der, const Decode& decode) {
    const unsigned char* cursor = der.data();
    Owner object(decode(&cursor, static_cast<long>(der.size())));
    if (cursor != der.data() + der.size()) object.reset();
    if (!object) forget_errors();
    return object;
}

KeyHandle decode_spki(ByteView der) {
    return decode_whole<KeyHandle>(der,
                                   [](const unsigned char** at, long size) { return d2i_PUBKEY(nullptr, at, size); });
}

BignumHandle number_of(ByteView big_endian) {
    return require_object(BignumHandle(BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr)),
                          "cannot read a number");
}

/// returns  nothing when OpenSSL takes them for no RSA key
KeyHandle key_of_numbers(const BIGNUM* modulus, const BIGNUM* exponent) {
    const ParamBuilder builder = require_object(ParamBuilder(OSSL_PARAM_BLD_new()), "RSA");
    require(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus), "RSA");
    require(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent), "RSA");
    const Params params = require_object(Params(OSSL_PARAM_BLD_to_param(builder.get())), "RSA");
    const KeyContext context = require_object(KeyContext(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr)), "RSA");
    require(EVP_PKEY_fromdata_init(context.get()), "RSA");
    EVP_PKEY* key = nullptr;
    if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) forget_errors();
    return KeyHandle(key);
}

CertificateHandle decode_certificate(ByteView der) {
    return decode_whole<CertificateHandle>(
        der, [](const unsigned char** at, long size) { return d2i_X509(nullptr, at, size); });
}

KeyHandle decode_pkcs1_public(ByteView der) {
    return decode_whole<KeyHandle>(
        der, [](const unsigned char** at, long size) { return d2i_PublicKey(EVP_PKEY_RSA, nullptr, at, size); });
}

KeyHandle decode_pkcs1_private(ByteView der) {
    return decode_whole<KeyHandle>(
        der, [](const unsigned char** at, long size) { return d2i_PrivateKey(EVP_PKEY_RSA, nullptr, at, size); });
}

Pkcs8Handle decode_pkcs8(ByteView der) {
    return decode_whole<Pkcs8Handle>(
        der, [](const unsigned char** at, long size) { return d2i_PKCS8_PRIV_KEY_INFO(nullptr, at, size); });
}

EncryptedPkcs8Handle decode_encrypted_pkcs8(ByteView der) {
    return decode_whole<EncryptedPkcs8Handle>(
        der, [](const unsigned char** at, long size) { return d2i_X509_SIG(nullptr, at, size); });
}

KeyHandle key_of(const PKCS8_PRIV_KEY_INFO* info, std::string_view what) {
    KeyHandle key(EVP_PKCS82PKEY(info));
    if (!key) fail_damaged(what, "not a private key");
    return key;
}

/// Whether OpenSSL failed because it lacks an algorithm or a limit forbids it, rather than because of the passphrase.
bool failed_for_lack_of_algorithm() {
    const unsigned long code = ERR_peek_error();
    const int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) != ERR_LIB_EVP) return false;
    return reason == EVP_R_UNSUPPORTED_ALGORITHM || reason == EVP_R_UNKNOWN_PBE_ALGORITHM ||
           reason == EVP_R_UNSUPPORTED_CIPHER || reason == EVP_R_UNSUPPORTED_PRF || reason == EVP_R_UNKNOWN_CIPHER ||
           reason == EVP_R_MEMORY_LIMIT_EXCEEDED || reason == ERR_R_UNSUPPORTED;
}

[[noreturn]] void fail_decryption(std::string_view what) {
    if (failed_for_lack_of_algorithm()) fail(in(what, "sealed in a way that is not supported"), ErrorCode::unsupported);
    forget_errors();
    throw Error(ErrorCode::wrong_passphrase, in(what, "wrong passphrase"));
}

const SecretBytes& require_passphrase(const SecretBytes* passphrase, std::string_view what) {
    if (passphrase == nullptr) {
        throw Error(ErrorCode::usage, in(what, "the key is encrypted and no passphrase was given"));
    }
    return *passphrase;
}

KeyHandle decrypt_pkcs8(const X509_SIG* encrypted, const SecretBytes* passphrase, std::string_view what) {
    const SecretBytes& secret = require_passphrase(passphrase, what);
    const Pkcs8Handle info(PKCS8_decrypt(encrypted, as_text(secret.reveal()).data(), static_cast<int>(secret.size())));
    if (!info) fail_decryption(what);
    return key_of(info.get(), what);
}

/// OpenSSL's algorithms of old (RC2, RC4, DES), for as long as this lives.
class LegacyAlgorithms {
public:
    LegacyAlgorithms() : provider_(OSSL_PROVIDER_try_load(nullptr, "legacy", 1)) { forget_errors(); }
    LegacyAlgorithms(const LegacyAlgorithms&) = delete;
    LegacyAlgorithms& operator=(const LegacyAlgorithms&) = delete;
    ~LegacyAlgorithms() {
        if (provider_ != nullptr) OSSL_PROVIDER_unload(provider_);
    }
    [[nodiscard]] bool are_there() const { return provider_ != nullptr; }

private:
    OSSL_PROVIDER* provider_;
};

/// Opens a sealed key; with the algorithms of old only where nothing else does.
template <class Open>
auto open_even_if_old(std::string_view what, const Open& open) {
    try {
        return open();
    } catch (const Error& error) {
        if (error.code() != ErrorCode::unsupported) throw;
    }
    const LegacyAlgorithms legacy;
    if (!legacy.are_there()) {
        throw Error(
            ErrorCode::unsupported,
            in(what,
               "sealed with an algorithm of old (RC2, RC4 or DES), and OpenSSL's legacy provider is not installed"),
            "install it, or convert the file elsewhere: openssl pkcs12 -legacy -in FILE -nodes -nocerts | "
            "openssl pkcs8 -topk8 -v2 aes-256-cbc");
    }
    return open();
}

/// The key in a DER file of any of the three shapes; they differ in their second octet string, so the order is free.
KeyHandle decode_private(ByteView der, const SecretBytes* passphrase, std::string_view what) {
    if (const auto info = decode_pkcs8(der)) return key_of(info.get(), what);
    if (const auto encrypted = decode_encrypted_pkcs8(der)) {
        return open_even_if_old(what, [&] { return decrypt_pkcs8(encrypted.get(), passphrase, what); });
    }
    KeyHandle key = decode_pkcs1_private(der);
    if (!key) throw Error(ErrorCode::damaged, in(what, "not a private key"));
    return key;
}

using SafesHandle =
    std::unique_ptr<STACK_OF(PKCS7), decltype([](STACK_OF(PKCS7) * safes) { sk_PKCS7_pop_free(safes, PKCS7_free); })>;
using BagsHandle = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), decltype([](STACK_OF(PKCS12_SAFEBAG) * bags) {
                                       sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
                                   })>;

KeyHandle key_of_bag(const PKCS12_SAFEBAG* bag, const char* text, int length, std::string_view what) {
    const int kind = PKCS12_SAFEBAG_get_nid(bag);
    if (kind == NID_keyBag) return key_of(PKCS12_SAFEBAG_get0_p8inf(bag), what);
    if (kind != NID_pkcs8ShroudedKeyBag) return nullptr;
    const Pkcs8Handle info(PKCS12_decrypt_skey(bag, text, length));
    if (!info) fail_decryption(what);
    return key_of(info.get(), what);
}

/// The first private key of a PKCS#12 file. Its certificates are often sealed with RC2, which OpenSSL 3 has no more in
/// its default provider; so a safe that does not open is passed over while another has the key.
/// throws  Error{unsupported}: no key, and a safe is sealed with an algorithm that is not there
KeyHandle find_pkcs12_key(const PKCS12* container, const char* text, int length, std::string_view what) {
    const SafesHandle safes(PKCS12_unpack_authsafes(container));
    bool lacks_algorithm = false;
    for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) {
        PKCS7* safe = sk_PKCS7_value(safes.get(), i);
        BagsHandle bags;
        if (PKCS7_type_is_data(safe)) {
            bags.reset(PKCS12_unpack_p7data(safe));
        } else if (PKCS7_type_is_encrypted(safe)) {
            bags.reset(PKCS12_unpack_p7encdata(safe, text, length));
            lacks_algorithm = lacks_algorithm || (!bags && failed_for_lack_of_algorithm());
        }
        forget_errors();
        for (int j = 0; j < sk_PKCS12_SAFEBAG_num(bags.get()); ++j) {
            KeyHandle key = key_of_bag(sk_PKCS12_SAFEBAG_value(bags.get(), j), text, length, what);
            if (key) return key;
        }
    }
    if (lacks_algorithm) throw Error(ErrorCode::unsupported, in(what, "sealed in a way that is not supported"));
    return nullptr;
}

}  // namespace

struct RsaPublicKey::Impl {
    explicit Impl(KeyHandle handle) : key(std::move(handle)), spki(encode_spki(key.get())) {}
    KeyHandle key;
    Bytes spki;
};

RsaPublicKey RsaPublicKey::from_spki(ByteView der) {
    constexpr std::string_view kWhat = "public key";
    check_size(der, kWhat);
    KeyHandle key = decode_spki(der);
    if (!key) throw Error(ErrorCode::damaged, in(kWhat, "not a DER SubjectPublicKeyInfo"));
    check_rules(key.get(), kWhat);
    auto impl = std::make_shared<const Impl>(std::move(key));
    // One key, one encoding, one thumbprint.
    if (!std::equal(der.begin(), der.end(), impl->spki.begin(), impl->spki.end())) {
        throw Error(ErrorCode::damaged, in(kWhat, "not in canonical DER"));
    }
    return RsaPublicKey(std::move(impl));
}

RsaPublicKey RsaPublicKey::from_pem(std::string_view pem, std::string_view what) {
    check_size(as_bytes(pem), what);
    const BioHandle bio = read_from(as_bytes(pem));
    PemBlock block;
    while (block.read(bio.get())) {
        KeyHandle key;
        if (block.name() == "PUBLIC KEY") {
            key = decode_spki(block.data());
        } else if (block.name() == "RSA PUBLIC KEY") {
            key = decode_pkcs1_public(block.data());
        } else if (block.name() == "CERTIFICATE" || block.name() == "TRUSTED CERTIFICATE") {
            const CertificateHandle certificate = decode_certificate(block.data());
            if (certificate) key.reset(X509_get_pubkey(certificate.get()));
        } else if (block.name().ends_with("PRIVATE KEY")) {
            throw Error(ErrorCode::refused, in(what, "a private key where a public one belongs"),
                        "give the public half: openssl pkey -in FILE -pubout");
        } else {
            continue;
        }
        if (!key) fail_damaged(what, "not a public key");
        check_rules(key.get(), what);
        return RsaPublicKey(std::make_shared<const Impl>(std::move(key)));
    }
    forget_errors();
    throw Error(ErrorCode::damaged, in(what, "no PEM public key in it"));
}

RsaPublicKey RsaPublicKey::from_numbers(ByteView modulus, ByteView exponent) {
    constexpr std::string_view kWhat = "public key";
    check_size(modulus, kWhat);
    check_size(exponent, kWhat);
    KeyHandle key = key_of_numbers(number_of(modulus).get(), number_of(exponent).get());
    if (!key) throw Error(ErrorCode::refused, in(kWhat, "modulus and exponent make no RSA key"));
    check_rules(key.get(), kWhat);
    return RsaPublicKey(std::make_shared<const Impl>(std::move(key)));
}

RsaPublicKey RsaPublicKey::from_certificate(ByteView der) {
    constexpr std::string_view kWhat = "certificate";
    check_size(der, kWhat);
    const CertificateHandle certificate = decode_certificate(der);
    if (!certificate) throw Error(ErrorCode::damaged, in(kWhat, "not a DER certificate"));
    KeyHandle key(X509_get_pubkey(certificate.get()));
    if (!key) fail_damaged(kWhat, "without a public key that can be read");
    check_rules(key.get(), kWhat);
    return RsaPublicKey(std::make_shared<const Impl>(std::move(key)));
}

const Bytes& RsaPublicKey::spki() const { return impl_->spki; }

std::string RsaPublicKey::to_pem() const {
    constexpr std::size_t kLineLength = 64;
    const std::string digits = to_base64(spki());
    std::string pem = "-----BEGIN PUBLIC KEY-----\n";
    for (std::size_t i = 0; i < digits.size(); i += kLineLength) pem += digits.substr(i, kLineLength) + "\n";
    return pem + "-----END PUBLIC KEY-----\n";
}

Digest RsaPublicKey::spki_digest() const { return sha256(spki()); }

int RsaPublicKey::bits() const { return EVP_PKEY_get_bits(impl_->key.get()); }

Bytes RsaPublicKey::wrap(ByteView plaintext) const {
    const std::size_t size = modulus_size(impl_->key.get());
    invariant(plaintext.size() <= size - 66, "RSA-OAEP-256 wraps at most bits/8 - 66 octets");
    const KeyContext context = new_key_context(impl_->key.get());
    require(EVP_PKEY_encrypt_init(context.get()), "RSA-OAEP");
    use_oaep_sha256(context.get());
    Bytes wrapped(size);
    std::size_t written = size;
    require(EVP_PKEY_encrypt(context.get(), wrapped.data(), &written, plaintext.data(), plaintext.size()), "RSA-OAEP");
    invariant(written == size, "RSA makes as many octets as its modulus has");
    return wrapped;
}

struct RsaPrivateKey::Impl {
    explicit Impl(KeyHandle handle) : key(std::move(handle)) {}
    KeyHandle key;

    /// Every way in ends here: the rules hold, and the private half belongs to the public one.
    static RsaPrivateKey accept(KeyHandle key, std::string_view what) {
        check_rules(key.get(), what);
        RsaPrivateKey result(std::make_unique<Impl>(std::move(key)));
        const SecretBytes probe = random_secret(32);
        std::optional<SecretBytes> opened;
        try {
            opened = result.unwrap(result.public_key().wrap(probe.reveal()));
        } catch (const Error&) {
            // A modulus or exponent that OpenSSL cannot compute with.
        }
        if (!opened || !opened->equals(probe.reveal())) {
            throw Error(ErrorCode::damaged, in(what, "the private half does not fit the public half"));
        }
        return result;
    }
};

RsaPrivateKey::RsaPrivateKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RsaPrivateKey::RsaPrivateKey(RsaPrivateKey&&) noexcept = default;
RsaPrivateKey& RsaPrivateKey::operator=(RsaPrivateKey&&) noexcept = default;
RsaPrivateKey::~RsaPrivateKey() = default;

RsaPrivateKey RsaPrivateKey::generate(int bits) {
    if (bits != 2048 && bits != 3072 && bits != 4096) {
        throw Error(ErrorCode::usage, "an RSA key of " + std::to_string(bits) + " bits", "use 2048, 3072 or 4096");
    }
    prepare_secure_heap();
    const KeyContext context =
        require_object(KeyContext(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr)), "cannot make an RSA key");
    require(EVP_PKEY_keygen_init(context.get()), "cannot make an RSA key");
    require(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), bits), "cannot make an RSA key");
    EVP_PKEY* key = nullptr;
    require(EVP_PKEY_generate(context.get(), &key), "cannot make an RSA key");
    return Impl::accept(KeyHandle(key), "new key");
}

RsaPrivateKey RsaPrivateKey::from_pkcs8(ByteView der) {
    constexpr std::string_view kWhat = "private key";
    prepare_secure_heap();
    check_size(der, kWhat);
    const Pkcs8Handle info = decode_pkcs8(der);
    if (!info) throw Error(ErrorCode::damaged, in(kWhat, "not a PKCS#8 PrivateKeyInfo"));
    return Impl::accept(key_of(info.get(), kWhat), kWhat);
}

RsaPrivateKey RsaPrivateKey::from_pem(ByteView pem, const SecretBytes* passphrase, std::string_view what) {
    prepare_secure_heap();
    check_size(pem, what);
    const BioHandle bio = read_from(pem);
    PemBlock block;
    std::optional<RsaPrivateKey> found;
    while (block.read(bio.get())) {
        if (!block.name().ends_with("PRIVATE KEY")) continue;
        if (found) {
            throw Error(ErrorCode::refused, in(what, "more than one private key in it"),
                        "leave the one that is meant in the file");
        }
        if (block.has_header()) {
            throw Error(ErrorCode::unsupported, in(what, "encrypted in the old PEM way"),
                        "convert it first: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE");
        }
        found = Impl::accept(decode_private(block.data(), passphrase, what), what);
    }
    forget_errors();
    if (!found) throw Error(ErrorCode::damaged, in(what, "no PEM private key in it"));
    return *std::move(found);
}

RsaPrivateKey RsaPrivateKey::from_der(ByteView der, const SecretBytes* passphrase, std::string_view what) {
    prepare_secure_heap();
    check_size(der, what);
    return Impl::accept(decode_private(der, passphrase, what), what);
}

RsaPrivateKey RsaPrivateKey::from_pkcs12(ByteView der, const SecretBytes* passphrase, std::string_view what) {
    prepare_secure_heap();
    check_size(der, what);
    const auto container = decode_whole<Pkcs12Handle>(
        der, [](const unsigned char** at, long size) { return d2i_PKCS12(nullptr, at, size); });
    if (!container) throw Error(ErrorCode::damaged, in(what, "not a PKCS#12 file"));
    const ByteView secret = passphrase != nullptr ? passphrase->reveal() : ByteView{};
    // Some tools write an empty passphrase as no passphrase at all.
    const char* text = secret.empty() ? "" : as_text(secret).data();
    const int length = static_cast<int>(secret.size());
    if (PKCS12_mac_present(container.get()) == 1 && PKCS12_verify_mac(container.get(), text, length) != 1) {
        text = nullptr;
        if (length != 0 || PKCS12_verify_mac(container.get(), nullptr, 0) != 1) {
            if (failed_for_lack_of_algorithm()) fail_decryption(what);
            forget_errors();
            static_cast<void>(require_passphrase(passphrase, what));
            throw Error(ErrorCode::wrong_passphrase, in(what, "wrong passphrase"));
        }
    }
    KeyHandle key = open_even_if_old(what, [&] { return find_pkcs12_key(container.get(), text, length, what); });
    if (!key) throw Error(ErrorCode::damaged, in(what, "no private key in it that can be opened"));
    return Impl::accept(std::move(key), what);
}

SecretBytes RsaPrivateKey::to_pkcs8() const {
    const Pkcs8Handle info(EVP_PKEY2PKCS8(impl_->key.get()));
    if (!info) fail("cannot encode a private key");
    const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
    if (size <= 0) fail("cannot encode a private key");
    SecretBytes der(static_cast<std::size_t>(size));
    unsigned char* cursor = der.mutable_view().data();
    invariant(i2d_PKCS8_PRIV_KEY_INFO(info.get(), &cursor) == size, "a private key encodes to the size announced");
    return der;
}

RsaPublicKey RsaPrivateKey::public_key() const {
    KeyHandle key = decode_spki(encode_spki(impl_->key.get()));
    if (!key) fail("cannot take the public half of a key");
    return RsaPublicKey(std::make_shared<const RsaPublicKey::Impl>(std::move(key)));
}

std::optional<SecretBytes> RsaPrivateKey::unwrap(ByteView wrapped) const {
    const std::size_t size = modulus_size(impl_->key.get());
    if (wrapped.size() != size) return std::nullopt;
    const KeyContext context = new_key_context(impl_->key.get());
    require(EVP_PKEY_decrypt_init(context.get()), "RSA-OAEP");
    use_oaep_sha256(context.get());
    SecretBytes buffer(size);
    std::size_t written = size;
    if (EVP_PKEY_decrypt(context.get(), buffer.mutable_view().data(), &written, wrapped.data(), wrapped.size()) != 1) {
        forget_errors();
        return std::nullopt;
    }
    return SecretBytes(buffer.reveal().first(written));
}

}  // namespace signet::crypto
