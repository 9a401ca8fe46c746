#include "keyring/key_backup.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "keyring/share_slot.h"
#include "keyring/vault_content.h"

#include <functional>

namespace signet::keyring {
namespace {

constexpr const char* kKind = "signet_key_backup";
constexpr const char* kProvider = "local";
constexpr std::size_t kMaxVersionsInBackup = 10'000;
constexpr std::string_view kDigestLabel("signet/key-digest/v1\0", 21);

/// The file's members but MAC and checksum. Everything is sealed under a key of the file's own.
Json make_body(const LocalVault& vault, const KeyBackup& backup, const KeyRecord& record, const VaultId& id,
               const SecretBytes& file_key) {
    Json body = encode_settings(record);
    body[kKind] = 1;
    body["provider"] = kProvider;
    body["backup"] = id.hex();
    body["vault"] = vault.id();
    body["name"] = record.name;
    body["made"] = to_rfc3339(backup.record.made);
    body["keys"] = Json::array();
    for (const KeyVersion& key : backup.versions) {
        const SecretBytes pkcs8 = vault.export_private(key.thumbprint);
        body["keys"].push_back(encode_key({key, seal(file_key, key_context(id, key.thumbprint), pkcs8.reveal())}));
    }
    return body;
}

std::string take_mac(Json& body, std::string_view what) {
    const JsonObject fields(body, what);
    std::string mac = fields.text("mac");
    body.erase("mac");
    return mac;
}

/// What opens a file's key, from its unlock slot.
using Unlock = std::function<SecretBytes(const Json& slot, const VaultId& id, const std::string& what)>;

[[noreturn]] void refuse_unknown_slot(const std::string& what) {
    throw Error(ErrorCode::unsupported, what + ": sealed in a way that this version does not know");
}

SecretBytes unlock_with_passphrase(const Json& slot, const VaultId& id, const SecretBytes& passphrase,
                                   const std::string& what) {
    if (is_share_slot(slot)) {
        throw Error(ErrorCode::wrong_passphrase, what + ": is opened by shares, not by a passphrase",
                    "signet key restore FILE --share SHARE …");
    }
    if (!is_passphrase_slot(slot)) refuse_unknown_slot(what);
    auto key = try_passphrase_slot(slot, id, passphrase, what);
    if (!key) {
        throw Error(ErrorCode::wrong_passphrase, what + ": wrong passphrase",
                    "it is the vault's passphrase of when the key backup was made, unless another was chosen for it");
    }
    return std::move(*key);
}

/// throws  Error{damaged}: the private half is not that of the version
WholeKey open_version(const Json& json, const std::string& name, const VaultId& id, const SecretBytes& file_key,
                      const std::string& what) {
    const StoredKey stored = decode_key(json, what);
    if (stored.key.name != name || stored.key.attributes.deleted) JsonObject(json, what).fail("name");
    WholeKey whole{stored.key, open_sealed(file_key, key_context(id, stored.key.thumbprint), stored.sealed, what)};
    const auto key = crypto::RsaPrivateKey::from_pkcs8(whole.pkcs8.reveal());
    if (format::Thumbprint::of(key.public_key()) != stored.key.thumbprint) JsonObject(json, what).fail("thumbprint");
    return whole;
}

}  // namespace

Digest key_digest(const std::vector<KeyVersion>& versions, const KeyRecord& record) {
    Json state = encode_settings(record);
    state["keys"] = Json::array();
    for (const KeyVersion& key : versions) {
        if (!key.attributes.deleted) state["keys"].push_back(encode_version(key));
    }
    return crypto::sha256({as_bytes(kDigestLabel), as_bytes(compact(state))});
}

namespace {

using MakeSlot = std::function<Json(const VaultId& id, const SecretBytes& file_key)>;

KeyBackup make(const LocalVault& vault, const std::string& name, TimePoint now, const MakeSlot& make_slot) {
    const KeyRecord record = vault.record(name);
    KeyBackup backup;
    for (const KeyVersion& key : vault.list()) {
        if (key.name == name && !key.attributes.deleted) backup.versions.push_back(key);
    }
    if (backup.versions.empty()) {
        static_cast<void>(vault.get(name));
        throw Error(ErrorCode::refused, "key " + name + " is deleted", "signet key recover " + name);
    }
    backup.record = {now, key_digest(backup.versions, record)};
    const auto id = crypto::random_id<VaultId>();
    const SecretBytes file_key = crypto::random_secret(kVaultKeySize);
    Json body = make_body(vault, backup, record, id, file_key);
    body["unlock"] = make_slot(id, file_key);
    body["mac"] = mac_of(file_key, id, body).hex();
    const std::string text = encode_state(std::move(body));
    const ByteView bytes = as_bytes(text);
    backup.file.assign(bytes.begin(), bytes.end());
    return backup;
}

OpenKeyBackup open(ByteView file, std::string_view what, const Unlock& unlock) {
    Json body = decode_state(file, kKind, what);
    const std::string mac = take_mac(body, what);
    const JsonObject fields(body, what);
    if (fields.text("provider") != kProvider) {
        throw Error(ErrorCode::unsupported, std::string(what) + ": a key backup of another kind of vault",
                    "restore it into a vault of the kind it came from: " + fields.text("provider"));
    }
    const auto id = fields.id<VaultId>("backup");
    const SecretBytes file_key = unlock(fields.member("unlock"), id, fields.what());
    if (!constant_time_equal(as_bytes(mac_of(file_key, id, body).hex()), as_bytes(mac))) {
        throw Error(ErrorCode::damaged, std::string(what) + ": was altered by someone who cannot open it",
                    "take another copy of it");
    }
    OpenKeyBackup open;
    open.vault = fields.id<VaultId>("vault").hex();
    open.made = fields.time("made");
    open.record.name = fields.text("name");
    decode_settings(fields, open.record);
    const Json& keys = fields.array("keys");
    if (keys.empty() || keys.size() > kMaxVersionsInBackup) fields.fail("keys");
    std::vector<KeyVersion> versions;
    for (const Json& json : keys) {
        open.keys.push_back(open_version(json, open.record.name, id, file_key, fields.what()));
        versions.push_back(open.keys.back().key);
    }
    open.record.backup = {open.made, key_digest(versions, open.record)};
    return open;
}

}  // namespace

KeyBackup make_key_backup(const LocalVault& vault, const std::string& name, const SecretBytes& passphrase,
                          TimePoint now, const crypto::ScryptCost& cost) {
    KeyBackup backup = make(vault, name, now, [&](const VaultId& id, const SecretBytes& file_key) {
        return make_passphrase_slot(id, file_key, passphrase, cost);
    });
    // What cannot be opened is better noticed now.
    static_cast<void>(open_key_backup(backup.file, passphrase, "key backup of " + name));
    return backup;
}

SharedKeyBackup make_shared_key_backup(const LocalVault& vault, const std::string& name, const ShareScheme& scheme,
                                       TimePoint now) {
    SharedKeyBackup shared;
    shared.backup = make(vault, name, now, [&](const VaultId& id, const SecretBytes& file_key) {
        ShareSlot slot = make_share_slot(id, file_key, scheme);
        shared.shares = std::move(slot.shares);
        return std::move(slot.slot);
    });
    static_cast<void>(open_key_backup(shared.backup.file, shared.shares, "key backup of " + name));
    return shared;
}

bool is_key_backup(ByteView file) { return as_text(file).find("\"signet_key_backup\"") != std::string_view::npos; }

std::optional<ShareScheme> shares_of_key_backup(ByteView file, std::string_view what) {
    const Json body = decode_state(file, kKind, what);
    const Json& slot = JsonObject(body, what).member("unlock");
    if (!is_share_slot(slot)) return std::nullopt;
    return scheme_of_slot(slot, what);
}

OpenKeyBackup open_key_backup(ByteView file, const SecretBytes& passphrase, std::string_view what) {
    return open(file, what, [&passphrase](const Json& slot, const VaultId& id, const std::string& name) {
        return unlock_with_passphrase(slot, id, passphrase, name);
    });
}

OpenKeyBackup open_key_backup(ByteView file, const std::vector<SecretShare>& shares, std::string_view what) {
    return open(file, what, [&shares](const Json& slot, const VaultId& id, const std::string& name) {
        if (is_passphrase_slot(slot)) {
            throw Error(ErrorCode::usage, name + ": is opened by a passphrase, not by shares", "leave out --share");
        }
        if (!is_share_slot(slot)) refuse_unknown_slot(name);
        return open_share_slot(slot, id, shares, name);
    });
}

}  // namespace signet::keyring
