#include "keyring/local_vault.h"

#include <sys/stat.h>
#include <algorithm>
#include <cerrno>

#include "core/crypto/digest.h"
#include "core/crypto/identity_key.h"
#include "core/crypto/key_transport.h"
#include "core/crypto/random.h"
#include "core/file.h"
#include "keyring/local_vault_state.h"
#include "keyring/state_file.h"

namespace signet::keyring {
namespace {

constexpr const char* kFileName = "/vault.json";
constexpr const char* kLockName = "/vault.lock";
constexpr double kLockWaitSeconds = 30;

}  // namespace

// The vault.

std::string LocalVault::State::path() const { return folder + kFileName; }

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

void LocalVault::State::change(const std::function<void(Content&)>& apply) {
    require_unlocked();
    const FileLock lock(folder + kLockName, kLockWaitSeconds, what() + " is being changed by another process");
    accept(read_file(path(), kMaxStateFile));
    authenticate(vault_key);
    purge_due();
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
    state->vault_key = crypto::random_secret(kVaultKeySize);
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
        for (const PurgedKey& gone : state_->content.purged) {
            if (gone.reference() != reference && gone.name != reference && !gone.thumbprint.matches_prefix(reference))
                continue;
            throw Error(ErrorCode::key_unavailable,
                        "key " + gone.reference() + " was purged on " + to_table_time(gone.purged),
                        "if there is a key backup of it: signet key restore FILE");
        }
        throw Error(ErrorCode::key_unavailable, "no key " + std::string(reference) + " in the " + state_->what(),
                    "list them: signet key list");
    }
    return std::move(*key);
}

std::optional<KeyVersion> LocalVault::newest_enabled(std::string_view name) const {
    std::optional<KeyVersion> newest;
    const TimePoint now = state_->clock->now();
    for (const KeyVersion& key : list()) {
        if (key.name == name && key.use == KeyUse::protector && may_wrap(key.state(now))) newest = key;
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

void LocalVault::State::check_dates(const KeyDates& dates) {
    if (dates.not_before && dates.expires && *dates.expires <= *dates.not_before) {
        throw Error(ErrorCode::usage, "the key would expire before it is valid");
    }
}

KeyVersion LocalVault::State::add(const crypto::RsaPrivateKey& key, const Addition& addition) {
    const std::string& name = addition.name;
    if (!is_key_name(name)) {
        throw Error(ErrorCode::usage, "\"" + name + "\" cannot name a key", "use letters, digits, '.', '_' and '-'");
    }
    check_dates(addition.dates);
    const crypto::RsaPublicKey public_key = key.public_key();
    StoredKey added;
    added.key.name = name;
    added.key.thumbprint = format::Thumbprint::of(public_key);
    added.key.use = addition.use;
    added.key.size_bits = public_key.bits();
    added.key.attributes = {true, addition.dates.not_before, addition.dates.expires, std::nullopt};
    added.key.created = clock->now();
    added.key.origin = addition.origin;
    added.key.spki = public_key.spki();

    change([&](Content& next) {
        if (addition.must_be_new) check_new_name(name);
        added.key.version = next_version(next, name);
        insert(next, added, key.to_pkcs8());
    });
    return added.key;
}

/// Numbers of purged versions are not used again: a reference means one key for ever.
std::uint32_t LocalVault::State::next_version(const Content& in, const std::string& name) {
    std::uint32_t highest = 0;
    for (const StoredKey& other : in.keys) {
        if (other.key.name == name) highest = std::max(highest, other.key.version);
    }
    for (const PurgedKey& other : in.purged) {
        if (other.name == name) highest = std::max(highest, other.version);
    }
    if (highest == UINT32_MAX)
        throw Error(ErrorCode::refused, "key " + name + " has too many versions", "make another key");
    return highest + 1;
}

void LocalVault::State::insert(Content& next, StoredKey added, const SecretBytes& pkcs8) const {
    for (const StoredKey& other : next.keys) {
        if (other.key.thumbprint != added.key.thumbprint) continue;
        throw Error(ErrorCode::refused, "the " + what() + " has this key already, as " + other.key.reference(),
                    other.key.attributes.deleted ? "signet key recover " + other.key.reference() : "");
    }
    added.sealed = seal(vault_key, key_context(next.id, added.key.thumbprint), pkcs8.reveal());
    const auto place = std::upper_bound(next.keys.begin(), next.keys.end(), added, by_name_and_version);
    next.keys.insert(place, std::move(added));
}

KeyVersion LocalVault::create_key(const std::string& name, int bits, const KeyDates& dates, KeyUse use) {
    state_->require_unlocked();
    // Before the key is made, which takes long; add() looks again under the lock.
    state_->check_new_name(name);
    return state_->add(crypto::RsaPrivateKey::generate(bits), {name, "generated", dates, use, true});
}

KeyVersion LocalVault::import_key(const std::string& name, const crypto::RsaPrivateKey& key, const std::string& origin,
                                  const KeyDates& dates) {
    state_->require_unlocked();
    return state_->add(key, {name, origin, dates});
}

KeyVersion LocalVault::rotate(const std::string& name, int bits, const KeyDates& dates) {
    state_->require_unlocked();
    refresh();
    const KeyVersion newest = get(name);
    const auto& keys = list();
    const bool is_deleted = std::all_of(keys.begin(), keys.end(), [&](const KeyVersion& key) {
        return key.name != newest.name || key.attributes.deleted.has_value();
    });
    if (is_deleted)
        throw Error(ErrorCode::refused, "key " + newest.name + " is deleted", "signet key recover " + newest.name);
    return state_->add(crypto::RsaPrivateKey::generate(bits == 0 ? newest.size_bits : bits),
                       {newest.name, "generated", dates, newest.use});
}

// Using what is sealed.

LocalVault::Unwrapped LocalVault::unwrap(const format::Thumbprint& thumbprint, ByteView wrapped) const {
    state_->require_unlocked();
    const auto known = find(thumbprint);
    if (!known) return {Outcome::not_found, {}};
    if (known->use != KeyUse::protector) return {Outcome::misuse, {}};
    const KeyState state = known->state(state_->clock->now());
    if (!may_unwrap(state)) return {refusal_of(state), {}};
    const StoredKey& stored = state_->stored(thumbprint);
    const auto key = crypto::RsaPrivateKey::from_pkcs8(state_->open_private(stored).reveal());
    auto plaintext = key.unwrap(wrapped);
    if (!plaintext) return {Outcome::integrity, {}};
    return {Outcome::ok, std::move(*plaintext)};
}

std::optional<SecretBytes> LocalVault::open_transported(const KeyVersion& key, ByteView ciphertext) const {
    const KeyState state = key.state(state_->clock->now());
    if (key.use != KeyUse::exchange || !may_unwrap(state)) {
        throw Error(ErrorCode::refused,
                    key.reference() +
                        (key.use == KeyUse::exchange ? " is " + std::string(text(state)) : " is no key exchange key"),
                    "make one: signet key create NAME --exchange");
    }
    const auto recipient =
        crypto::RsaPrivateKey::from_pkcs8(state_->open_private(state_->stored(key.thumbprint)).reveal());
    return crypto::unwrap_transported(recipient, ciphertext);
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
