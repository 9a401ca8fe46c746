// A certificate with its RSA key, by which a program proves who it is: signatures of JSON web tokens (RFC 7518).
#pragma once

#include <memory>

#include "core/id.h"
#include "core/secret.h"

namespace signet::crypto {

class ClientCertificate {
public:
    /// pem  a private key ("PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY") and the certificate that goes
    /// with
    ///      it, in any order; further certificates are passed over
    /// throws  Error{damaged}, Error{refused}: not RSA; Error{wrong_passphrase}; Error{usage}: one of both is missing
    [[nodiscard]] static ClientCertificate from_pem(ByteView pem, const SecretBytes* passphrase, std::string_view what);
    /// SHA-256 of the DER certificate: "x5t#S256".
    [[nodiscard]] const Digest& fingerprint() const { return fingerprint_; }
    /// RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 octets: "PS256".
    [[nodiscard]] Bytes sign_ps256(ByteView message) const;

    ClientCertificate(ClientCertificate&&) noexcept;
    ClientCertificate& operator=(ClientCertificate&&) noexcept;
    ~ClientCertificate();

private:
    struct Impl;
    ClientCertificate(std::unique_ptr<Impl> impl, const Digest& fingerprint);
    std::unique_ptr<Impl> impl_;
    Digest fingerprint_;
};

}  // namespace signet::crypto
