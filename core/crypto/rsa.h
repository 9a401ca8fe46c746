// RSA protectors: 2048, 3072 or 4096 bits; RSA-OAEP with SHA-256 and MGF1-SHA-256 (RFC 8017), empty label.
#pragma once

#include "core/id.h"
#include "core/secret.h"

#include <memory>
#include <optional>
#include <string>

namespace signet::crypto {

/// A public key. Cheap to copy (shared, immutable).
class RsaPublicKey {
public:
    /// DER SubjectPublicKeyInfo in its canonical form. Refuses other algorithms, sizes other than 2048, 3072 and 4096,
    /// and exponents other than odd, >= 65537 and at most 64 bits long. throws  Error{damaged} (not canonical DER),
    /// Error{refused} (not an RSA key of an allowed size)
    [[nodiscard]] static RsaPublicKey from_spki(ByteView der);
    /// PEM "PUBLIC KEY", "RSA PUBLIC KEY" or a certificate's key.
    [[nodiscard]] static RsaPublicKey from_pem(std::string_view pem, std::string_view what);
    /// From modulus and public exponent, big-endian, as tokens keep them; leading zero octets are passed over.
    /// throws  Error{refused}: not an RSA key of an allowed size and exponent
    [[nodiscard]] static RsaPublicKey from_numbers(ByteView modulus, ByteView exponent);
    /// The key of an X.509 certificate (DER). throws  Error{damaged}; Error{refused}: not an RSA key of an allowed size
    [[nodiscard]] static RsaPublicKey from_certificate(ByteView der);
    /// Canonical DER SubjectPublicKeyInfo (rsaEncryption with NULL parameters).
    [[nodiscard]] const Bytes& spki() const;
    [[nodiscard]] std::string to_pem() const;
    /// SHA-256 of spki(): the thumbprint's digest.
    [[nodiscard]] Digest spki_digest() const;
    [[nodiscard]] int bits() const;
    /// RSA-OAEP-256. plaintext  at most bits/8 - 66 octets. returns  bits/8 octets
    [[nodiscard]] Bytes wrap(ByteView plaintext) const;
    struct Impl;

private:
    friend class RsaPrivateKey;
    explicit RsaPublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

/// A private key; move-only, wiped by OpenSSL on release.
class RsaPrivateKey {
public:
    /// bits  2048, 3072 or 4096; public exponent 65537. throws  Error{usage}: another size
    [[nodiscard]] static RsaPrivateKey generate(int bits);
    /// Unencrypted PKCS#8 DER (PrivateKeyInfo). throws  Error{damaged}, Error{refused} (not RSA of an allowed size)
    [[nodiscard]] static RsaPrivateKey from_pkcs8(ByteView der);
    /// PEM: "PRIVATE KEY", "RSA PRIVATE KEY", or "ENCRYPTED PRIVATE KEY" (PBES2 with PBKDF2 or scrypt) opened by
    /// `passphrase`. throws  Error{wrong_passphrase}; Error{usage}: encrypted and no passphrase given; Error{damaged};
    /// Error{refused}
    [[nodiscard]] static RsaPrivateKey from_pem(ByteView pem, const SecretBytes* passphrase, std::string_view what);
    /// Like from_pem for DER: PKCS#8 plain or encrypted, or PKCS#1.
    [[nodiscard]] static RsaPrivateKey from_der(ByteView der, const SecretBytes* passphrase, std::string_view what);
    /// PKCS#12 (.pfx, .p12): the first private key in it; certificates are left aside.
    /// throws  like from_pem; Error{unsupported}: sealed with an algorithm of old (RC2, RC4, DES), and OpenSSL's legacy
    /// provider
    ///         is not there
    [[nodiscard]] static RsaPrivateKey from_pkcs12(ByteView der, const SecretBytes* passphrase, std::string_view what);
    [[nodiscard]] SecretBytes to_pkcs8() const;
    [[nodiscard]] RsaPublicKey public_key() const;
    /// RSA-OAEP-256. returns  nothing when it does not decrypt (wrong key or damaged), without telling which
    [[nodiscard]] std::optional<SecretBytes> unwrap(ByteView wrapped) const;

    RsaPrivateKey(RsaPrivateKey&&) noexcept;
    RsaPrivateKey& operator=(RsaPrivateKey&&) noexcept;
    ~RsaPrivateKey();

private:
    struct Impl;
    explicit RsaPrivateKey(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace signet::crypto
