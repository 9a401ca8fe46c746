// Objects on a token: finding them and reading what may be read. Private halves are never asked for their secret parts.
#pragma once

#include <optional>
#include <vector>

#include "core/clock.h"
#include "core/crypto/rsa.h"
#include "keyring/key_state.h"
#include "keyring/pkcs11_token.h"

namespace signet::keyring {

/// Handles of the objects of a class that have the URI's label and id, as far as it names them.
/// throws  Pkcs11Error, {misuse}: more than any token can mean
[[nodiscard]] std::vector<CK_OBJECT_HANDLE> find_objects(const Pkcs11Session& session, CK_OBJECT_CLASS kind,
                                                         const Pkcs11Uri& uri);
/// The value of an attribute; nothing when the object has none or does not show it. throws  Pkcs11Error
[[nodiscard]] std::optional<Bytes> read_attribute(const Pkcs11Session& session, CK_OBJECT_HANDLE object,
                                                  CK_ATTRIBUTE_TYPE type);
/// A flag; `otherwise` when the object does not have it.
[[nodiscard]] bool read_flag(const Pkcs11Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                             bool otherwise);

/// "20260314" as a moment, UTC. returns  nothing for an empty or impossible date
[[nodiscard]] std::optional<TimePoint> parse_date(ByteView digits);
/// The other way: the day that a moment is in.
[[nodiscard]] CK_DATE to_date(TimePoint time);

/// What objects of one key say about it.
struct Pkcs11Key {
    crypto::RsaPublicKey public_key;
    std::string label;
    Bytes id;
    KeyAttributes dates;                             ///< CKA_START_DATE, and the end of the day CKA_END_DATE
    bool is_local = false;                           ///< made on the token (CKA_LOCAL)
    std::optional<bool> may_decrypt = std::nullopt;  ///< of the private half, where that is seen
};

/// The RSA keys that the URI stands for, from their public halves, certificates and, after a login, private halves. One
/// for each public half.
/// throws  Pkcs11Error{misuse}: one of them cannot be a protector; other Pkcs11Errors
[[nodiscard]] std::vector<Pkcs11Key> read_keys(const Pkcs11Session& session, const Pkcs11Uri& uri);
/// All keys of the token that can be protectors; what cannot be one is left out. By label, then id.
/// uri  names the token; its key does not matter. throws  Pkcs11Error
[[nodiscard]] std::vector<Pkcs11Key> list_keys(const Pkcs11Session& session, const Pkcs11Uri& uri);

}  // namespace signet::keyring
