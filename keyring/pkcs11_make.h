// Making key pairs on a token, and taking them in from outside.
#pragma once

#include "keyring/local_vault.h"
#include "keyring/pkcs11_object.h"

namespace signet::keyring {

/// An RSA key pair with the URI's label and id (a random one when it has none). The private half is sensitive, cannot
/// be extracted and may decrypt only; days of `dates` become CKA_START_DATE and CKA_END_DATE.
/// token  logged in
/// throws  Error{refused}: the token has such a key already; Error{usage}: no label; Pkcs11Error
void generate_on_token(const Pkcs11Token& token, const Pkcs11Uri& uri, int bits, const KeyDates& dates);

/// The same with a key that was made elsewhere: it is handed to the token by its numbers, and cannot leave it again.
/// When the token takes one half only, that one is removed.
/// token  logged in
/// throws  Error{refused}: the token has such a key already, or this very key; Error{usage}: no label; Pkcs11Error
void import_into_token(const Pkcs11Token& token, const Pkcs11Uri& uri, const crypto::RsaPrivateKey& key,
                       const KeyDates& dates);

}  // namespace signet::keyring
