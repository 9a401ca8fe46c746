// Inside keyring/ only: what vault.json says, as values, and back. docs/vault.md describes every member.
#pragma once

#include "keyring/key_record.h"
#include "keyring/vault_seal.h"

#include <string>
#include <string_view>
#include <vector>

namespace signet::keyring {

struct StoredKey {
    KeyVersion key;
    Sealed sealed;
};

struct StoredIdentity {
    std::string name;
    IdentityId identity;
    Sealed sealed;
};

/// Everything in the file. Unlock slots stay JSON: kinds that this version does not know are kept as they are.
struct Content {
    VaultId id;
    std::uint64_t generation = 0;
    bool purge_protection = true;
    Json unlock_slots = Json::array();
    std::vector<StoredKey> keys;     ///< by name and version
    std::vector<KeyRecord> records;  ///< by name; none that is empty
    std::vector<PurgedKey> purged;   ///< by time
    std::vector<StoredIdentity> identities;
};

[[nodiscard]] bool by_name_and_version(const StoredKey& left, const StoredKey& right);

/// A version without its private half, and the same with it. Members that old files do not have are left out when they
/// say nothing, so that an old file's MAC agrees.
[[nodiscard]] Json encode_version(const KeyVersion& key);
[[nodiscard]] Json encode_key(const StoredKey& stored);
[[nodiscard]] StoredKey decode_key(const Json& json, std::string_view what);
/// Tags and rotation policy, without the name and the last key backup.
[[nodiscard]] Json encode_settings(const KeyRecord& record);
void decode_settings(const JsonObject& fields, KeyRecord& record);

/// Without MAC and checksum.
[[nodiscard]] Json encode_body(const Content& content);
/// throws  Error{damaged}; Error{unsupported}: a key of a kind that this version does not know
[[nodiscard]] Content decode_body(const Json& body, std::string_view what);

}  // namespace signet::keyring
