// Making a key pair on a token.
#pragma once

#include "keyring/local_vault.h"
#include "keyring/pkcs11_object.h"

namespace signet::keyring {

/// An RSA key pair with the URI's label and id (a random one when it has none). The private half is sensitive, cannot
/// be extracted and may decrypt only; days of `dates` become CKA_START_DATE and CKA_END_DATE. token  logged in throws
/// Error{refused}: the token has such a key already; Error{usage}: no label; Pkcs11Error
void generate_on_token(const Pkcs11Token& token, const Pkcs11Uri& uri, int bits, const KeyDates& dates);

}  // namespace signet::keyring
