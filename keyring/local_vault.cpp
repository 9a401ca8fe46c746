#include "keyring/local_vault.h"

#include <sys/stat.h>
#include <algorithm>
#include <cerrno>

#include "core/crypto/aead.h"
#include "core/crypto/digest.h"
#include "core/crypto/identity_key.h"
#include "core/crypto/random.h"
#include "core/file.h"
#include "keyring/state_file.h"

namespace signet::keyring {
namespace {

constexpr const char* kFileName = "/vault.json";
constexpr const char* kLockName = "/vault.lock";
constexpr double kLockWaitSeconds = 30;
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kSaltSize = 32;
constexpr std::size_t kScryptSaltSize = 16;
constexpr std::size_t kMaxVersions = 100'000;

constexpr std::string_view kMacLabel("signet/vault-mac/v1\0", 20);
constexpr std::string_view kSlotLabel("signet/vault-slot/v1\0", 21);
constexpr std::string_view kKeyLabel("signet/vault-key/v1\0", 20);
constexpr std::string_view kIdentityLabel("signet/vault-identity/v1\0", 25);
constexpr std::string_view kCheckLabel("signet/check/v1\0", 16);

using VaultId = Id<struct VaultTag, 16>;

/// A secret sealed under a key of its own: derived from the vault key, a fresh salt, and what the secret is.
struct Sealed {
    Bytes salt;
    Bytes octets;
};

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
    Json unlock_slots = Json::array();
    std::vector<StoredKey> keys;
    std::vector<StoredIdentity> identities;
};

/// What a secret is, so that no sealed secret can stand in for another one.
Bytes context_of(std::string_view label, const VaultId& vault, ByteView name) {
    ByteWriter writer;
    writer.raw(label);
    writer.id(vault);
    writer.raw(name);
    return writer.take();
}

Bytes key_context(const VaultId& vault, const format::Thumbprint& thumbprint) {
    ByteWriter name;
    thumbprint.encode(name);
    return context_of(kKeyLabel, vault, name.view());
}

Bytes identity_context(const VaultId& vault, const IdentityId& identity) {
    return context_of(kIdentityLabel, vault, identity.view());
}

Bytes random_bytes(std::size_t size) {
    Bytes bytes(size);
    crypto::random_fill(bytes);
    return bytes;
}

Sealed seal(const SecretBytes& vault_key, const Bytes& context, ByteView plaintext) {
    Sealed sealed{random_bytes(kSaltSize), {}};
    crypto::Aead aead(crypto::hkdf_expand(vault_key.reveal(), {context, sealed.salt}, kKeySize).reveal());
    sealed.octets = aead.seal(crypto::Nonce::counter(0), context, plaintext);
    return sealed;
}

SecretBytes open_sealed(const SecretBytes& vault_key, const Bytes& context, const Sealed& sealed,
                        std::string_view what) {
    crypto::Aead aead(crypto::hkdf_expand(vault_key.reveal(), {context, sealed.salt}, kKeySize).reveal());
    return aead.open_secret(crypto::Nonce::counter(0), context, sealed.octets, what);
}

// Unlock slots.

/// A passphrase makes 64 octets: a key, and octets whose hash tells a wrong passphrase from damage.
struct SlotKey {
    SecretBytes key;
    Digest check;
};

SlotKey derive_slot_key(const SecretBytes& passphrase, ByteView salt, const crypto::ScryptCost& cost) {
    const SecretBytes derived = crypto::scrypt(passphrase.reveal(), salt, cost, 2 * kKeySize);
    return {SecretBytes(derived.reveal().first(kKeySize)),
            crypto::sha256({as_bytes(kCheckLabel), derived.reveal().subspan(kKeySize)})};
}

Json make_passphrase_slot(const VaultId& vault, const SecretBytes& vault_key, const SecretBytes& passphrase,
                          const crypto::ScryptCost& cost) {
    if (passphrase.empty()) throw Error(ErrorCode::usage, "an empty passphrase protects nothing");
    const Bytes salt = random_bytes(kScryptSaltSize);
    const SlotKey slot = derive_slot_key(passphrase, salt, cost);
    crypto::Aead aead(slot.key.reveal());
    const Bytes sealed =
        aead.seal(crypto::Nonce::counter(0), context_of(kSlotLabel, vault, as_bytes("passphrase")), vault_key.reveal());
    return {{"kind", "passphrase"},       {"scrypt_log2_n", cost.log2_n}, {"scrypt_r", cost.r},
            {"scrypt_p", cost.p},         {"salt", to_base64(salt)},      {"check", slot.check.hex()},
            {"sealed", to_base64(sealed)}};
}

bool is_passphrase_slot(const Json& slot) {
    const auto kind = slot.find("kind");
    return slot.is_object() && kind != slot.end() && *kind == "passphrase";
}

/// returns  nothing when the passphrase is not this slot's. throws  Error{damaged}
std::optional<SecretBytes> try_passphrase_slot(const Json& slot, const VaultId& vault, const SecretBytes& passphrase,
                                               std::string_view what) {
    const JsonObject fields(slot, what);
    const crypto::ScryptCost cost{static_cast<std::uint8_t>(fields.number("scrypt_log2_n", 20)),
                                  static_cast<std::uint8_t>(fields.number("scrypt_r", 32)),
                                  static_cast<std::uint8_t>(fields.number("scrypt_p", 16))};
    const SlotKey key = derive_slot_key(passphrase, fields.base64("salt"), cost);
    if (!constant_time_equal(key.check.view(), fields.id<Digest>("check").view())) return std::nullopt;
    crypto::Aead aead(key.key.reveal());
    SecretBytes vault_key =
        aead.open_secret(crypto::Nonce::counter(0), context_of(kSlotLabel, vault, as_bytes("passphrase")),
                         fields.base64("sealed"), what);
    if (vault_key.size() != kKeySize) fields.fail("sealed");
    return vault_key;
}

// The file.

Json encode_key(const StoredKey& stored) {
    const KeyVersion& key = stored.key;
    return {{"name", key.name},
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
            {"public_key", to_base64(key.spki)},
            {"salt", to_base64(stored.sealed.salt)},
            {"sealed", to_base64(stored.sealed.octets)}};
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
                      fields.optional_time("deleted")};
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
    return {{"signet_vault", 1},
            {"vault", content.id.hex()},
            {"generation", content.generation},
            {"unlock", content.unlock_slots},
            {"keys", std::move(keys)},
            {"identities", std::move(identities)}};
}

bool by_name_and_version(const StoredKey& left, const StoredKey& right) {
    return std::tie(left.key.name, left.key.version) < std::tie(right.key.name, right.key.version);
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
    return content;
}

Digest mac_of(const SecretBytes& vault_key, const VaultId& vault, const Json& body_without_mac) {
    const SecretBytes key = crypto::hkdf_expand(vault_key.reveal(), {as_bytes(kMacLabel), vault.view()}, kKeySize);
    return crypto::HmacSha256(key.reveal()).compute({as_bytes(kMacLabel), as_bytes(compact(body_without_mac))});
}

}  // namespace

bool is_key_name(std::string_view text) {
    constexpr std::size_t kLongest = 127;
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    return !text.empty() && text.size() <= kLongest && is_plain(text.front()) &&
           std::all_of(text.begin(), text.end(),
                       [&](char c) { return is_plain(c) || c == '.' || c == '_' || c == '-'; });
}

// The vault.

struct LocalVault::State {
    std::string folder;
    const Clock* clock = nullptr;
    Bytes file;  ///< as last read
    Json mac;    ///< of it, as stored
    Content content;
    std::vector<KeyVersion> listing;
    SecretBytes vault_key;

    [[nodiscard]] std::string path() const { return folder + kFileName; }
    [[nodiscard]] std::string what() const { return "vault " + folder; }

    void accept(Bytes bytes);
    void authenticate(const SecretBytes& key) const;
    void require_unlocked() const;
    void write(Content next);
    template <class Apply>
    void change(const Apply& apply);

    [[nodiscard]] const StoredKey& stored(const format::Thumbprint& thumbprint) const;
    [[nodiscard]] SecretBytes open_private(const StoredKey& key) const;
    void check_new_name(const std::string& name) const;
    KeyVersion add(const std::string& name, const crypto::RsaPrivateKey& key, const std::string& origin,
                   const KeyDates& dates, bool must_be_new);
};

/// Takes over what a file says, or nothing of it.
void LocalVault::State::accept(Bytes bytes) {
    Json body = decode_state(bytes, "signet_vault", what());
    const auto stored_mac = body.find("mac");
    if (stored_mac == body.end()) throw Error(ErrorCode::damaged, what() + ": no MAC");
    Json new_mac = *stored_mac;
    body.erase(stored_mac);
    Content next = decode_body(body, what());
    const bool known = !file.empty();
    if (known && next.id != content.id) {
        throw Error(ErrorCode::damaged, what() + ": another vault has taken its place");
    }
    if (known && next.generation < content.generation) {
        throw Error(ErrorCode::damaged, what() + ": went back from generation " + std::to_string(content.generation) +
                                            " to " + std::to_string(next.generation));
    }
    file = std::move(bytes);
    mac = std::move(new_mac);
    content = std::move(next);
    listing.clear();
    for (const StoredKey& stored_key : content.keys) listing.push_back(stored_key.key);
}

void LocalVault::State::authenticate(const SecretBytes& key) const {
    const Digest expected = mac_of(key, content.id, encode_body(content));
    const std::string stored_mac = mac.is_string() ? mac.get<std::string>() : std::string();
    if (!constant_time_equal(as_bytes(expected.hex()), as_bytes(stored_mac))) {
        throw Error(ErrorCode::damaged, what() + ": was altered by someone without the passphrase",
                    "restore vault.json from a copy");
    }
}

void LocalVault::State::require_unlocked() const {
    if (vault_key.empty()) throw Error(ErrorCode::usage, what() + " is locked");
}

void LocalVault::State::write(Content next) {
    ++next.generation;
    Json body = encode_body(next);
    body["mac"] = mac_of(vault_key, next.id, body).hex();
    const std::string text = encode_state(std::move(body));
    const ByteView bytes = as_bytes(text);
    // What was written must be what a reader accepts, before the old file goes.
    static_cast<void>(decode_state(bytes, "signet_vault", what()));
    replace_file(path(), bytes, 0600);
    accept(Bytes(bytes.begin(), bytes.end()));
}

/// Every change: lock, read again, check, apply to a copy, next generation, replace.
template <class Apply>
void LocalVault::State::change(const Apply& apply) {
    require_unlocked();
    const FileLock lock(folder + kLockName, kLockWaitSeconds, what() + " is being changed by another process");
    accept(read_file(path(), kMaxStateFile));
    authenticate(vault_key);
    Content next = content;
    apply(next);
    write(std::move(next));
}

const StoredKey& LocalVault::State::stored(const format::Thumbprint& thumbprint) const {
    for (const StoredKey& key : content.keys) {
        if (key.key.thumbprint == thumbprint) return key;
    }
    throw Error(ErrorCode::key_unavailable, "no key " + thumbprint.short_text() + " in the " + what());
}

SecretBytes LocalVault::State::open_private(const StoredKey& key) const {
    require_unlocked();
    return open_sealed(vault_key, key_context(content.id, key.key.thumbprint), key.sealed,
                       what() + ", key " + key.key.reference());
}

LocalVault::LocalVault(std::unique_ptr<State> state) : state_(std::move(state)) {}
LocalVault::LocalVault(LocalVault&&) noexcept = default;
LocalVault& LocalVault::operator=(LocalVault&&) noexcept = default;
LocalVault::~LocalVault() = default;

LocalVault LocalVault::create(const std::string& folder, const SecretBytes& passphrase, const crypto::ScryptCost& cost,
                              const Clock& clock) {
    auto state = std::make_unique<State>();
    state->folder = folder;
    state->clock = &clock;
    state->vault_key = crypto::random_secret(kKeySize);
    Content content;
    content.id = crypto::random_id<VaultId>();
    content.unlock_slots.push_back(make_passphrase_slot(content.id, state->vault_key, passphrase, cost));

    make_folders(folder, 0700);
    const FileLock lock(folder + kLockName, kLockWaitSeconds, state->what() + " is being changed by another process");
    if (exists(folder)) throw Error(ErrorCode::refused, "there is a vault in " + folder + " already");
    // A folder that was there before may be open to others.
    if (::chmod(folder.c_str(), 0700) != 0) throw Error::from_errno("set the mode of", folder, errno);
    state->write(std::move(content));
    return LocalVault(std::move(state));
}

LocalVault LocalVault::open(const std::string& folder, const Clock& clock) {
    auto state = std::make_unique<State>();
    state->folder = folder;
    state->clock = &clock;
    LocalVault vault(std::move(state));
    vault.refresh();
    return vault;
}

bool LocalVault::exists(const std::string& folder) {
    struct stat status {};
    if (::stat((folder + kFileName).c_str(), &status) == 0) return true;
    // One that may not be looked at is there all the same.
    return errno != ENOENT && errno != ENOTDIR;
}

const std::string& LocalVault::folder() const { return state_->folder; }
std::string LocalVault::id() const { return state_->content.id.hex(); }
std::uint64_t LocalVault::generation() const { return state_->content.generation; }
bool LocalVault::is_unlocked() const { return !state_->vault_key.empty(); }
void LocalVault::lock() { state_->vault_key = {}; }
const std::vector<KeyVersion>& LocalVault::list() const { return state_->listing; }

void LocalVault::refresh() {
    Bytes bytes;
    if (!read_file_if_present(state_->path(), kMaxStateFile, bytes)) {
        throw Error(ErrorCode::key_unavailable, "no vault in " + state_->folder,
                    "name another folder with --vault, or make a key: signet key create NAME");
    }
    if (!state_->file.empty() && bytes == state_->file) return;
    state_->accept(std::move(bytes));
    if (is_unlocked()) state_->authenticate(state_->vault_key);
}

void LocalVault::unlock(const SecretBytes& passphrase) {
    if (is_unlocked()) lock();
    for (const Json& slot : state_->content.unlock_slots) {
        if (!is_passphrase_slot(slot)) continue;
        auto key = try_passphrase_slot(slot, state_->content.id, passphrase, state_->what());
        if (!key) continue;
        state_->authenticate(*key);
        state_->vault_key = std::move(*key);
        return;
    }
    throw Error(ErrorCode::wrong_passphrase, "wrong passphrase for the " + state_->what());
}

void LocalVault::change_passphrase(const SecretBytes& old_passphrase, const SecretBytes& new_passphrase,
                                   const crypto::ScryptCost& cost) {
    if (new_passphrase.empty()) throw Error(ErrorCode::usage, "an empty passphrase protects nothing");
    refresh();
    unlock(old_passphrase);
    state_->change([&](Content& next) {
        for (Json& slot : next.unlock_slots) {
            if (!is_passphrase_slot(slot)) continue;
            if (!try_passphrase_slot(slot, next.id, old_passphrase, state_->what())) continue;
            slot = make_passphrase_slot(next.id, state_->vault_key, new_passphrase, cost);
            return;
        }
        throw Error(ErrorCode::wrong_passphrase, "the passphrase of the " + state_->what() + " was changed meanwhile");
    });
}

// Looking up.

std::optional<KeyVersion> LocalVault::find(std::string_view reference) const {
    const auto& keys = list();
    const auto slash = reference.find('/');
    const std::string_view name = reference.substr(0, slash);
    const KeyVersion* newest = nullptr;
    for (const KeyVersion& key : keys) {
        if (key.name != name) continue;
        if (slash == std::string_view::npos) newest = &key;
        if (key.reference() == reference) return key;
    }
    if (newest != nullptr) return *newest;

    std::optional<KeyVersion> match;
    for (const KeyVersion& key : keys) {
        if (!key.thumbprint.matches_prefix(reference)) continue;
        if (match) {
            throw Error(ErrorCode::usage,
                        "\"" + std::string(reference) + "\" is the start of several keys' thumbprints",
                        "use more digits");
        }
        match = key;
    }
    return match;
}

std::optional<KeyVersion> LocalVault::find(const format::Thumbprint& thumbprint) const {
    for (const KeyVersion& key : list()) {
        if (key.thumbprint == thumbprint) return key;
    }
    return std::nullopt;
}

KeyVersion LocalVault::get(std::string_view reference) const {
    auto key = find(reference);
    if (!key) {
        throw Error(ErrorCode::key_unavailable, "no key " + std::string(reference) + " in the " + state_->what(),
                    "list them: signet key list");
    }
    return std::move(*key);
}

std::optional<KeyVersion> LocalVault::newest_enabled(std::string_view name) const {
    std::optional<KeyVersion> newest;
    const TimePoint now = state_->clock->now();
    for (const KeyVersion& key : list()) {
        if (key.name == name && may_wrap(key.state(now))) newest = key;
    }
    return newest;
}

std::string LocalVault::export_public(std::string_view reference) const { return get(reference).public_key().to_pem(); }

// Making keys.

void LocalVault::State::check_new_name(const std::string& name) const {
    const bool taken =
        std::any_of(listing.begin(), listing.end(), [&](const KeyVersion& key) { return key.name == name; });
    if (taken) {
        throw Error(ErrorCode::refused, "there is a key " + name + " already",
                    "make a new version of it: signet key rotate " + name);
    }
}

KeyVersion LocalVault::State::add(const std::string& name, const crypto::RsaPrivateKey& key, const std::string& origin,
                                  const KeyDates& dates, bool must_be_new) {
    if (!is_key_name(name)) {
        throw Error(ErrorCode::usage, "\"" + name + "\" cannot name a key", "use letters, digits, '.', '_' and '-'");
    }
    if (dates.not_before && dates.expires && *dates.expires <= *dates.not_before) {
        throw Error(ErrorCode::usage, "the key would expire before it is valid");
    }
    const crypto::RsaPublicKey public_key = key.public_key();
    StoredKey added;
    added.key.name = name;
    added.key.thumbprint = format::Thumbprint::of(public_key);
    added.key.size_bits = public_key.bits();
    added.key.attributes = {true, dates.not_before, dates.expires, std::nullopt};
    added.key.created = clock->now();
    added.key.origin = origin;
    added.key.spki = public_key.spki();

    change([&](Content& next) {
        if (must_be_new) check_new_name(name);
        for (const StoredKey& other : next.keys) {
            if (other.key.thumbprint == added.key.thumbprint) {
                throw Error(ErrorCode::refused, "the " + what() + " has this key already, as " + other.key.reference(),
                            other.key.attributes.deleted ? "signet key recover " + other.key.reference() : "");
            }
            if (other.key.name != name) continue;
            added.key.version = other.key.version + 1;
        }
        added.sealed = seal(vault_key, key_context(next.id, added.key.thumbprint), key.to_pkcs8().reveal());
        const auto place = std::upper_bound(next.keys.begin(), next.keys.end(), added, by_name_and_version);
        next.keys.insert(place, added);
    });
    return added.key;
}

KeyVersion LocalVault::create_key(const std::string& name, int bits, const KeyDates& dates) {
    state_->require_unlocked();
    // Before the key is made, which takes long; add() looks again under the lock.
    state_->check_new_name(name);
    return state_->add(name, crypto::RsaPrivateKey::generate(bits), "generated", dates, true);
}

KeyVersion LocalVault::import_key(const std::string& name, const crypto::RsaPrivateKey& key, const std::string& origin,
                                  const KeyDates& dates) {
    state_->require_unlocked();
    return state_->add(name, key, origin, dates, false);
}

KeyVersion LocalVault::rotate(const std::string& name, int bits, const KeyDates& dates) {
    state_->require_unlocked();
    refresh();
    const KeyVersion newest = get(name);
    return state_->add(newest.name, crypto::RsaPrivateKey::generate(bits == 0 ? newest.size_bits : bits), "generated",
                       dates, false);
}

// Changing attributes.

namespace {

/// Applies to all versions of a name, or to the one that is meant. throws  Error{key_unavailable}: none
template <class Apply>
void for_reference(Content& content, const KeyVersion& meant, std::string_view reference, const Apply& apply) {
    for (StoredKey& stored : content.keys) {
        const bool is_meant = reference == stored.key.name || stored.key.thumbprint == meant.thumbprint;
        if (is_meant) apply(stored.key);
    }
}

}  // namespace

void LocalVault::set_enabled(std::string_view reference, bool enabled) {
    state_->change([&](Content& next) {
        for_reference(next, get(reference), reference, [&](KeyVersion& key) {
            if (enabled && key.attributes.deleted && reference != key.name) {
                throw Error(ErrorCode::refused, "key " + key.reference() + " is deleted",
                            "signet key recover " + key.reference());
            }
            key.attributes.enabled = enabled;
        });
    });
}

void LocalVault::set_dates(std::string_view reference, const KeyDates& dates) {
    if (dates.not_before && dates.expires && *dates.expires <= *dates.not_before) {
        throw Error(ErrorCode::usage, "the key would expire before it is valid");
    }
    state_->change([&](Content& next) {
        for_reference(next, get(reference), reference, [&](KeyVersion& key) {
            key.attributes.not_before = dates.not_before;
            key.attributes.expires = dates.expires;
        });
    });
}

void LocalVault::soft_delete(std::string_view reference) {
    state_->change([&](Content& next) {
        for_reference(next, get(reference), reference, [&](KeyVersion& key) {
            if (!key.attributes.deleted) key.attributes.deleted = state_->clock->now();
        });
    });
}

void LocalVault::recover(std::string_view reference) {
    state_->change([&](Content& next) {
        for_reference(next, get(reference), reference, [](KeyVersion& key) { key.attributes.deleted.reset(); });
    });
}

// Using what is sealed.

LocalVault::Unwrapped LocalVault::unwrap(const format::Thumbprint& thumbprint, ByteView wrapped) const {
    state_->require_unlocked();
    const auto known = find(thumbprint);
    if (!known) return {Outcome::not_found, {}};
    const KeyState state = known->state(state_->clock->now());
    if (!may_unwrap(state)) return {refusal_of(state), {}};
    const StoredKey& stored = state_->stored(thumbprint);
    const auto key = crypto::RsaPrivateKey::from_pkcs8(state_->open_private(stored).reveal());
    auto plaintext = key.unwrap(wrapped);
    if (!plaintext) return {Outcome::integrity, {}};
    return {Outcome::ok, std::move(*plaintext)};
}

SecretBytes LocalVault::export_private(const format::Thumbprint& thumbprint) const {
    return state_->open_private(state_->stored(thumbprint));
}

void LocalVault::put_identity(const std::string& name, const SecretBytes& seed) {
    const IdentityId identity = crypto::SigningKey::from_seed(seed.clone()).verify_key().identity();
    state_->change([&](Content& next) {
        for (const StoredIdentity& other : next.identities) {
            if (other.name != name) continue;
            if (other.identity == identity) return;
            throw Error(ErrorCode::refused, "the " + state_->what() + " holds another identity as " + name);
        }
        next.identities.push_back(
            {name, identity, seal(state_->vault_key, identity_context(next.id, identity), seed.reveal())});
    });
}

std::optional<SecretBytes> LocalVault::get_identity(const std::string& name) const {
    state_->require_unlocked();
    for (const StoredIdentity& stored : state_->content.identities) {
        if (stored.name != name) continue;
        return open_sealed(state_->vault_key, identity_context(state_->content.id, stored.identity), stored.sealed,
                           state_->what() + ", identity " + name);
    }
    return std::nullopt;
}

std::optional<IdentityId> LocalVault::identity_of(const std::string& name) const {
    for (const StoredIdentity& stored : state_->content.identities) {
        if (stored.name == name) return stored.identity;
    }
    return std::nullopt;
}

}  // namespace signet::keyring
