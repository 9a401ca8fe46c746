#include "core/crypto/client_certificate.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "core/crypto/digest.h"
#include "core/crypto/openssl.h"

namespace signet::crypto {
namespace {

constexpr std::size_t kLargest = std::size_t{256} * 1024;

int give_passphrase(char* buffer, int size, int writing, void* from) noexcept {
    const auto* passphrase = static_cast<const SecretBytes*>(from);
    if (writing != 0 || passphrase == nullptr || passphrase->size() > static_cast<std::size_t>(size)) return -1;
    const ByteView octets = passphrase->reveal();
    std::copy(octets.begin(), octets.end(), buffer);
    return static_cast<int>(octets.size());
}

BioHandle reader(ByteView pem) {
    return require_object(BioHandle(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))), "PEM");
}

std::string in(std::string_view what, std::string_view why) { return std::string(what).append(": ").append(why); }

Digest fingerprint_of(X509* certificate) {
    const int size = i2d_X509(certificate, nullptr);
    if (size <= 0) fail("cannot encode a certificate");
    Bytes der(static_cast<std::size_t>(size));
    unsigned char* cursor = der.data();
    i2d_X509(certificate, &cursor);
    return sha256(der);
}

/// The certificate of this key, among those of the file.
CertificateHandle find_certificate(ByteView pem, EVP_PKEY* key, std::string_view what) {
    const BioHandle bio = reader(pem);
    for (;;) {
        CertificateHandle certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (!certificate) {
            forget_errors();
            throw Error(ErrorCode::usage, in(what, "no certificate that goes with its key"));
        }
        if (X509_check_private_key(certificate.get(), key) == 1) return certificate;
        forget_errors();
    }
}

}  // namespace

struct ClientCertificate::Impl {
    KeyHandle key;
};

ClientCertificate::ClientCertificate(std::unique_ptr<Impl> impl, const Digest& fingerprint)
    : impl_(std::move(impl)), fingerprint_(fingerprint) {}
ClientCertificate::ClientCertificate(ClientCertificate&&) noexcept = default;
ClientCertificate& ClientCertificate::operator=(ClientCertificate&&) noexcept = default;
ClientCertificate::~ClientCertificate() = default;

ClientCertificate ClientCertificate::from_pem(ByteView pem, const SecretBytes* passphrase, std::string_view what) {
    if (pem.size() > kLargest) throw Error(ErrorCode::damaged, in(what, "too large for a certificate"));
    prepare_secure_heap();
    const std::string_view text = as_text(pem);
    if (text.find("PRIVATE KEY-----") == std::string_view::npos)
        throw Error(ErrorCode::usage, in(what, "no private key beside the certificate (PEM)"));
    const bool is_encrypted = text.find("BEGIN ENCRYPTED PRIVATE KEY-----") != std::string_view::npos;
    const BioHandle bio = reader(pem);
    KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, const_cast<SecretBytes*>(passphrase)));
    if (!key && is_encrypted) {
        forget_errors();
        throw Error(ErrorCode::wrong_passphrase, in(what, "its private key does not open with this password"));
    }
    if (!key) fail(in(what, "its private key cannot be read"), ErrorCode::damaged);
    if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) throw Error(ErrorCode::refused, in(what, "not an RSA key"));
    const CertificateHandle certificate = find_certificate(pem, key.get(), what);
    const Digest fingerprint = fingerprint_of(certificate.get());
    return {std::make_unique<Impl>(Impl{std::move(key)}), fingerprint};
}

Bytes ClientCertificate::sign_ps256(ByteView message) const {
    const DigestContext context = require_object(DigestContext(EVP_MD_CTX_new()), "PS256");
    EVP_PKEY_CTX* options = nullptr;
    require(EVP_DigestSignInit_ex(context.get(), &options, "SHA2-256", nullptr, nullptr, impl_->key.get(), nullptr),
            "PS256");
    require(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), "PS256");
    require(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST), "PS256");
    std::size_t size = 0;
    require(EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()), "PS256");
    Bytes signature(size);
    require(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()), "PS256");
    signature.resize(size);
    return signature;
}

}  // namespace signet::crypto
