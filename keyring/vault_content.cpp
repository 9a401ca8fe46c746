#include "keyring/vault_content.h"

#include <algorithm>
#include <tuple>

#include "core/crypto/digest.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kMaxVersions = 100'000;
constexpr const char* kExchangeUse = "exchange";

Json encode_record(const KeyRecord& record) {
    Json json = encode_settings(record);
    json["name"] = record.name;
    if (record.backup) {
        json["backup"] = {{"made", to_rfc3339(record.backup->made)}, {"digest", record.backup->digest.hex()}};
    }
    return json;
}

KeyRecord decode_record(const Json& json, std::string_view what) {
    const JsonObject fields(json, what);
    KeyRecord record;
    record.name = fields.text("name");
    if (!is_key_name(record.name)) fields.fail("name");
    decode_settings(fields, record);
    if (fields.has("backup")) {
        const JsonObject backup(fields.member("backup"), what);
        record.backup = {backup.time("made"), backup.id<Digest>("digest")};
    }
    if (record.is_empty()) fields.fail("name");
    return record;
}

Json encode_purged(const PurgedKey& key) {
    return {{"name", key.name},
            {"version", key.version},
            {"thumbprint", key.thumbprint.text()},
            {"deleted", to_rfc3339(key.deleted)},
            {"purged", to_rfc3339(key.purged)}};
}

PurgedKey decode_purged(const Json& json, std::string_view what) {
    const JsonObject fields(json, what);
    PurgedKey key;
    key.name = fields.text("name");
    if (!is_key_name(key.name)) fields.fail("name");
    key.version = static_cast<std::uint32_t>(fields.number("version", UINT32_MAX));
    const auto thumbprint = format::Thumbprint::parse(fields.text("thumbprint"));
    if (!thumbprint) fields.fail("thumbprint");
    key.thumbprint = *thumbprint;
    key.deleted = fields.time("deleted");
    key.purged = fields.time("purged");
    return key;
}

/// A member that is left out when it is empty. throws  Error{damaged}: it is there and empty, or too long
const Json& optional_array(const JsonObject& fields, const char* name) {
    static const Json kNone = Json::array();
    if (!fields.has(name)) return kNone;
    const Json& array = fields.array(name);
    if (array.empty() || array.size() > kMaxVersions) fields.fail(name);
    return array;
}

void decode_records(const JsonObject& fields, std::string_view what, Content& content) {
    for (const Json& json : optional_array(fields, "records")) {
        KeyRecord record = decode_record(json, what);
        if (!content.records.empty() && content.records.back().name >= record.name) fields.fail("records");
        content.records.push_back(std::move(record));
    }
    for (const Json& json : optional_array(fields, "purged")) content.purged.push_back(decode_purged(json, what));
}

}  // namespace

bool by_name_and_version(const StoredKey& left, const StoredKey& right) {
    return std::tie(left.key.name, left.key.version) < std::tie(right.key.name, right.key.version);
}

Json encode_version(const KeyVersion& key) {
    Json json = {{"name", key.name},
                 {"version", key.version},
                 {"thumbprint", key.thumbprint.text()},
                 {"kind", key.kind},
                 {"size", key.size_bits},
                 {"enabled", key.attributes.enabled},
                 {"created", to_rfc3339(key.created)},
                 {"not_before", time_or_null(key.attributes.not_before)},
                 {"expires", time_or_null(key.attributes.expires)},
                 {"deleted", time_or_null(key.attributes.deleted)},
                 {"origin", key.origin},
                 {"public_key", to_base64(key.spki)}};
    if (key.attributes.purge_at) json["purge_at"] = to_rfc3339(*key.attributes.purge_at);
    if (key.use == KeyUse::exchange) json["use"] = kExchangeUse;
    return json;
}

Json encode_key(const StoredKey& stored) {
    Json json = encode_version(stored.key);
    json["salt"] = to_base64(stored.sealed.salt);
    json["sealed"] = to_base64(stored.sealed.octets);
    return json;
}

StoredKey decode_key(const Json& json, std::string_view what) {
    const JsonObject fields(json, what);
    StoredKey stored;
    KeyVersion& key = stored.key;
    key.name = fields.text("name");
    if (!is_key_name(key.name)) fields.fail("name");
    key.version = static_cast<std::uint32_t>(fields.number("version", UINT32_MAX));
    if (key.version == 0) fields.fail("version");
    key.kind = fields.text("kind");
    if (key.kind != "rsa") {
        throw Error(ErrorCode::unsupported,
                    std::string(what) + ": " + key.name + " is a key of a kind that this version " + "does not know");
    }
    key.size_bits = static_cast<int>(fields.number("size", 4096));
    key.attributes = {fields.boolean("enabled"), fields.optional_time("not_before"), fields.optional_time("expires"),
                      fields.optional_time("deleted"), fields.optional_time("purge_at")};
    if (key.attributes.purge_at && !key.attributes.deleted) fields.fail("purge_at");
    if (fields.has("use")) {
        if (fields.text("use") != kExchangeUse) fields.fail("use");
        key.use = KeyUse::exchange;
    }
    key.created = fields.time("created");
    key.origin = fields.text("origin");
    key.spki = fields.base64("public_key");
    const auto thumbprint = format::Thumbprint::parse(fields.text("thumbprint"));
    // Of the public half only its hash is looked at here: parsing every key of a large vault would cost more than
    // listing.
    if (!thumbprint || *thumbprint != format::Thumbprint{.digest = crypto::sha256(key.spki)}) fields.fail("thumbprint");
    key.thumbprint = *thumbprint;
    stored.sealed = {fields.base64("salt"), fields.base64("sealed")};
    return stored;
}

Json encode_settings(const KeyRecord& record) {
    Json json = Json::object();
    if (!record.tags.empty()) json["tags"] = record.tags;
    const auto put = [&](const char* name, const std::optional<std::uint32_t>& days) {
        if (days) json["rotation"][name] = *days;
    };
    put("after_days", record.rotation.after_days);
    put("before_expiry_days", record.rotation.before_expiry_days);
    return json;
}

void decode_settings(const JsonObject& fields, KeyRecord& record) {
    if (fields.has("tags")) {
        const Json& tags = fields.member("tags");
        if (!tags.is_object() || tags.empty() || tags.size() > KeyRecord::kMostTags) fields.fail("tags");
        for (const auto& [name, value] : tags.items()) {
            if (!value.is_string()) fields.fail("tags");
            record.tags.emplace(name, value.get<std::string>());
        }
    }
    if (!fields.has("rotation")) return;
    const JsonObject rotation(fields.member("rotation"), fields.what());
    const auto take = [&](const char* name, std::optional<std::uint32_t>& days) {
        if (!rotation.has(name)) return;
        days = static_cast<std::uint32_t>(rotation.number(name, RotationPolicy::kMostDays));
    };
    take("after_days", record.rotation.after_days);
    take("before_expiry_days", record.rotation.before_expiry_days);
    if (!record.rotation.is_set()) fields.fail("rotation");
}

Json encode_body(const Content& content) {
    Json keys = Json::array();
    for (const StoredKey& stored : content.keys) keys.push_back(encode_key(stored));
    Json identities = Json::array();
    for (const StoredIdentity& stored : content.identities) {
        identities.push_back({{"name", stored.name},
                              {"identity", stored.identity.hex()},
                              {"salt", to_base64(stored.sealed.salt)},
                              {"sealed", to_base64(stored.sealed.octets)}});
    }
    Json body = {{"signet_vault", 1},
                 {"vault", content.id.hex()},
                 {"generation", content.generation},
                 {"unlock", content.unlock_slots},
                 {"keys", std::move(keys)},
                 {"identities", std::move(identities)}};
    if (!content.purge_protection) body["purge_protection"] = false;
    for (const KeyRecord& record : content.records) body["records"].push_back(encode_record(record));
    for (const PurgedKey& key : content.purged) body["purged"].push_back(encode_purged(key));
    return body;
}

Content decode_body(const Json& body, std::string_view what) {
    const JsonObject fields(body, what);
    Content content;
    content.id = fields.id<VaultId>("vault");
    content.generation = fields.number("generation");
    content.unlock_slots = fields.array("unlock");
    const Json& keys = fields.array("keys");
    if (keys.size() > kMaxVersions) fields.fail("keys");
    for (const Json& key : keys) content.keys.push_back(decode_key(key, what));
    for (std::size_t i = 1; i < content.keys.size(); ++i) {
        if (!by_name_and_version(content.keys[i - 1], content.keys[i])) fields.fail("keys");
    }
    for (const Json& json : fields.array("identities")) {
        const JsonObject identity(json, what);
        content.identities.push_back({identity.text("name"),
                                      identity.id<IdentityId>("identity"),
                                      {identity.base64("salt"), identity.base64("sealed")}});
    }
    if (fields.has("purge_protection")) {
        content.purge_protection = fields.boolean("purge_protection");
        if (content.purge_protection) fields.fail("purge_protection");
    }
    decode_records(fields, what, content);
    return content;
}

}  // namespace signet::keyring
