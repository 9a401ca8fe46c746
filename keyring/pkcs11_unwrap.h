// Unwrapping on a token. The private half never leaves it.
#pragma once

#include "core/secret.h"
#include "keyring/pkcs11_object.h"

namespace signet::keyring {

/// RSA-OAEP with SHA-256 on the token; where the token does not have that, the bare RSA operation on the token and the
/// removal of the padding here. A key that wants its PIN before each use (CKA_ALWAYS_AUTHENTICATE) is given it.
/// token  logged in
/// public_key  of the key that is meant: of several private halves with the URI's name the one that belongs to it
/// throws  Pkcs11Error{not_found}: no private half; {denied}: it may not decrypt; {integrity}: does not decrypt; others
[[nodiscard]] SecretBytes unwrap_on_token(Pkcs11Token& token, const Pkcs11Uri& uri, PassphraseSource& passphrases,
                                          const crypto::RsaPublicKey& public_key, ByteView wrapped);

}  // namespace signet::keyring
