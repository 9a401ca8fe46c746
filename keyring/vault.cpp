#include "keyring/vault.h"

#include <sys/stat.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "core/crypto/random.h"
#include "core/error.h"
#include "core/file.h"
#include "keyring/pkcs11_uri.h"
#include "keyring/pkcs11_vault.h"
#include "keyring/remote_vault.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kProbeSize = 32;
constexpr std::size_t kMaxPem = std::size_t{64} * 1024;

/// Whether the system says that a disk or a file server is gone, broken or does not answer, or that it is out of
/// resources itself. Everything else is somebody's doing.
bool is_device_failure(int error) {
    constexpr std::array kFailures = {EIO,        ENXIO,     ENODEV,       ESTALE,      ETIMEDOUT, ENOTCONN,
                                      EHOSTDOWN,  ENETDOWN,  EHOSTUNREACH, ENETUNREACH, EREMOTEIO, ENOMEDIUM,
                                      ECONNRESET, ESHUTDOWN, ENOMEM,       EMFILE,      ENFILE,    EINTR};
    return std::find(kFailures.begin(), kFailures.end(), error) != kFailures.end();
}

/// How a failure to read a vault or a key file is classified. What does not mean that nothing is there is not an
/// outage.
Outcome outcome_of(const Error& error) {
    switch (error.code()) {
        case ErrorCode::key_unavailable:
            return Outcome::unavailable;
        case ErrorCode::damaged:
            return Outcome::integrity;
        case ErrorCode::unsupported:
        case ErrorCode::refused:
            return Outcome::misuse;
        case ErrorCode::io:
            return is_device_failure(error.system_error()) ? Outcome::unavailable : Outcome::denied;
        default:
            return Outcome::denied;
    }
}

/// "prod-2025" of "/keys/prod-2025.pub.pem".
std::string name_of_file(const std::string& path) {
    std::filesystem::path name = std::filesystem::path(path).filename();
    constexpr std::array<std::string_view, 6> kEndings = {".pem", ".pub", ".crt", ".cer", ".key", ".public"};
    while (std::find(kEndings.begin(), kEndings.end(), name.extension().string()) != kEndings.end()) name = name.stem();
    return name.string();
}

}  // namespace

Answer<KeyDescription> Vault::test(const Location& location) {
    auto described = describe(location);
    if (!described.ok()) return described;
    const KeyDescription& key = *described.value;
    if (!may_unwrap(key.state)) {
        return Answer<KeyDescription>::refuse(refusal_of(key.state),
                                              key.location.text() + " is " + std::string(text(key.state)));
    }
    const SecretBytes probe = crypto::random_secret(kProbeSize);
    const bool local_wrap = !may_wrap(key.state) && key.public_key.has_value();
    const Binding binding{crypto::random_id<RepositoryId>(), crypto::random_id<DekId>()};
    const Answer<Bytes> wrapped = local_wrap ? Answer<Bytes>::of(key.public_key->wrap(probe.reveal()))
                                             : wrap(key.location, probe.reveal(), binding);
    if (!wrapped.ok()) return {wrapped.outcome, wrapped.detail, std::nullopt, wrapped.request};
    if (!key.can_unwrap) return described;

    const Answer<SecretBytes> unwrapped = unwrap(key.location, *wrapped.value, binding);
    if (!unwrapped.ok()) return {unwrapped.outcome, unwrapped.detail, std::nullopt, unwrapped.request};
    described.request = unwrapped.request;
    if (!unwrapped.value->equals(probe.reveal())) {
        return Answer<KeyDescription>::refuse(Outcome::integrity,
                                              key.location.text() + " does not unwrap what its public half wrapped");
    }
    return described;
}

Answer<KeyDescription> Vault::describe_shown(const Location& location) { return describe(location); }

Answer<KeyDescription> Vault::newest(const Location& location) { return describe(location); }

Answer<KeyDescription> Vault::newest_shown(const Location& location) { return newest(location); }

std::string Vault::place_of(const Location& location) {
    static_cast<void>(location);
    return {};
}

bool Vault::can_rewrap(const Location& from, const Location& to) {
    static_cast<void>(from);
    static_cast<void>(to);
    return false;
}

Answer<Bytes> Vault::rewrap(const Location& from, ByteView wrapped, const Location& to, const Binding& binding) {
    static_cast<void>(wrapped);
    static_cast<void>(binding);
    return Answer<Bytes>::refuse(Outcome::misuse, from.text() + " cannot be wrapped anew under " + to.text());
}

bool Vault::unwraps_unattended(const Location& location) {
    static_cast<void>(location);
    return true;
}

// The local vault.

LocalVaultAdapter::LocalVaultAdapter(std::string folder, PassphraseSource& passphrases, const Clock& clock)
    : folder_(std::move(folder)), passphrases_(passphrases), clock_(clock) {}

LocalVault& LocalVaultAdapter::vault() {
    if (!vault_) {
        vault_ = LocalVault::open(folder_, clock_);
    } else {
        vault_->refresh();
    }
    return *vault_;
}

LocalVault& LocalVaultAdapter::unlocked() {
    LocalVault& opened = vault();
    if (opened.is_unlocked()) return opened;
    const SecretBytes passphrase = passphrases_.get({"unlock", object(), false});
    try {
        opened.unlock(passphrase);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::wrong_passphrase) passphrases_.forget(object());
        throw;
    }
    return opened;
}

KeyDescription LocalVaultAdapter::description(const KeyVersion& key, const Location& location) const {
    KeyDescription description;
    description.thumbprint = key.thumbprint;
    description.public_key = key.public_key();
    description.name = key.name;
    description.location = location.with_version(key.version);
    description.kind = key.kind;
    description.size_bits = description.public_key->bits();
    description.attributes = key.attributes;
    description.state = key.state(clock_.now());
    description.origin = key.origin;
    description.can_unwrap = true;
    return description;
}

Answer<KeyDescription> LocalVaultAdapter::describe(const Location& location) {
    try {
        std::string reference = location.name;
        if (location.version) reference += "/" + std::to_string(*location.version);
        const auto key = vault().find(reference);
        // A thumbprint may look like a name; a location names its key by name alone.
        if (!key || key->name != location.name) {
            return Answer<KeyDescription>::refuse(Outcome::not_found, "no key " + reference + " in the " + object());
        }
        if (key->use != KeyUse::protector) {
            return Answer<KeyDescription>::refuse(
                Outcome::misuse, key->reference() + " is a key exchange key: it opens .byok files alone");
        }
        return Answer<KeyDescription>::of(description(*key, location));
    } catch (const Error& error) {
        return Answer<KeyDescription>::refuse(outcome_of(error), error.what());
    }
}

Answer<KeyDescription> LocalVaultAdapter::newest(const Location& location) {
    try {
        const auto key = vault().newest_enabled(location.name);
        if (!key) {
            return Answer<KeyDescription>::refuse(Outcome::not_found,
                                                  "no enabled version of " + location.name + " in the " + object());
        }
        return Answer<KeyDescription>::of(description(*key, location));
    } catch (const Error& error) {
        return Answer<KeyDescription>::refuse(outcome_of(error), error.what());
    }
}

Answer<Bytes> LocalVaultAdapter::wrap(const Location& location, ByteView plaintext, const Binding& binding) {
    static_cast<void>(binding);
    const auto described = describe(location);
    if (!described.ok()) return Answer<Bytes>::refuse(described.outcome, described.detail);
    const KeyDescription& key = *described.value;
    if (!may_wrap(key.state)) {
        return Answer<Bytes>::refuse(refusal_of(key.state),
                                     key.location.text() + " is " + std::string(text(key.state)));
    }
    return Answer<Bytes>::of(key.public_key->wrap(plaintext));
}

Answer<SecretBytes> LocalVaultAdapter::unwrap(const Location& location, ByteView wrapped, const Binding& binding) {
    static_cast<void>(binding);
    const auto described = describe(location);
    if (!described.ok()) return Answer<SecretBytes>::refuse(described.outcome, described.detail);
    const KeyDescription& key = *described.value;
    const std::string place = key.location.text();
    if (!may_unwrap(key.state)) {
        return Answer<SecretBytes>::refuse(refusal_of(key.state), place + " is " + std::string(text(key.state)));
    }
    try {
        // Unlocking authenticates what describe() read, the key's state among it.
        LocalVault::Unwrapped unwrapped = unlocked().unwrap(key.thumbprint, wrapped);
        if (unwrapped.outcome == Outcome::ok) return Answer<SecretBytes>::of(std::move(unwrapped.plaintext));
        return Answer<SecretBytes>::refuse(unwrapped.outcome, place + " did not unwrap it");
    } catch (const Error& error) {
        const bool is_answer = error.code() == ErrorCode::damaged || error.code() == ErrorCode::io ||
                               error.code() == ErrorCode::key_unavailable;
        if (!is_answer) throw;
        return Answer<SecretBytes>::refuse(outcome_of(error), error.what());
    }
}

bool LocalVaultAdapter::unwraps_unattended(const Location& location) {
    static_cast<void>(location);
    return passphrases_.manner() == PassphraseSource::Manner::unattended || passphrases_.knows(object());
}

std::string LocalVaultAdapter::place_of(const Location& location) {
    static_cast<void>(location);
    struct stat status {};
    if (::stat(folder_.c_str(), &status) != 0) return {};
    return "folder " + std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

// A file with a public half.

Answer<KeyDescription> PublicKeyFile::describe(const Location& location) {
    try {
        const Bytes pem = read_file(location.path, kMaxPem);
        KeyDescription description;
        description.public_key = crypto::RsaPublicKey::from_pem(as_text(pem), location.path);
        description.thumbprint = format::Thumbprint::of(*description.public_key);
        description.name = name_of_file(location.path);
        description.location = location;
        description.size_bits = description.public_key->bits();
        description.origin = "public";
        return Answer<KeyDescription>::of(std::move(description));
    } catch (const Error& error) {
        return Answer<KeyDescription>::refuse(outcome_of(error), error.what());
    }
}

Answer<Bytes> PublicKeyFile::wrap(const Location& location, ByteView plaintext, const Binding& binding) {
    static_cast<void>(binding);
    const auto described = describe(location);
    if (!described.ok()) return Answer<Bytes>::refuse(described.outcome, described.detail);
    return Answer<Bytes>::of(described.value->public_key->wrap(plaintext));
}

Answer<SecretBytes> PublicKeyFile::unwrap(const Location& location, ByteView wrapped, const Binding& binding) {
    static_cast<void>(binding);
    static_cast<void>(wrapped);
    return Answer<SecretBytes>::refuse(Outcome::denied, location.text() + " is a public half and unwraps nothing");
}

// All of them.

Vaults::Vaults(std::string default_folder, PassphraseSource& passphrases, const Clock& clock)
    : default_folder_(std::move(default_folder)), passphrases_(passphrases), clock_(clock) {}

Vaults::~Vaults() = default;

Vault& Vaults::at(const Location& location) {
    const auto replaced = replaced_.find(location.without_version().text());
    if (replaced != replaced_.end()) return *replaced->second;
    if (location.scheme == Location::Scheme::public_file) return public_;
    if (location.scheme == Location::Scheme::pkcs11) return tokens();
    if (location.is_remote()) return remote().at(location);
    return local(location.folder);
}

Pkcs11Vault& Vaults::tokens() {
    if (!tokens_) tokens_ = std::make_unique<Pkcs11Vault>(passphrases_, clock_);
    return *tokens_;
}

RemoteVaults& Vaults::remote() {
    if (!remote_) remote_ = std::make_unique<RemoteVaults>(RemoteSettings::from_environment(), clock_);
    return *remote_;
}

LocalVaultAdapter& Vaults::local(const std::string& folder) {
    const std::string& path = folder.empty() ? default_folder_ : folder;
    if (path.empty()) throw Error(ErrorCode::usage, "no vault folder", "name one with --vault");
    auto& adapter = local_[std::filesystem::absolute(path).lexically_normal().string()];
    if (!adapter) adapter = std::make_unique<LocalVaultAdapter>(path, passphrases_, clock_);
    return *adapter;
}

bool Vaults::has_local(const std::string& folder) const {
    const std::string& path = folder.empty() ? default_folder_ : folder;
    return !path.empty() && LocalVault::exists(path);
}

bool Vaults::gives_secrets_unattended(const Location& location) const {
    const bool has_pin_file =
        location.scheme == Location::Scheme::pkcs11 && Pkcs11Uri::parse(location.uri).pin_file().has_value();
    return has_pin_file || passphrases_.manner() == PassphraseSource::Manner::unattended;
}

LocalVaultAdapter& Vaults::make_local() {
    LocalVaultAdapter& adapter = local();
    if (!has_local()) {
        const SecretBytes passphrase = passphrases_.get({"create", adapter.object(), true});
        static_cast<void>(LocalVault::create(default_folder_, passphrase, cost_, clock_));
    }
    return adapter;
}

void Vaults::replace(const Location& location, std::unique_ptr<Vault> vault) {
    replaced_[location.without_version().text()] = std::move(vault);
}

}  // namespace signet::keyring
