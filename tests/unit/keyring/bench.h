// What the keyring's tests share: a folder with a vault and a keyring, a clock that is set, passphrases that are
// counted, and vaults that answer as they are told.
#pragma once

#include "core/crypto/rsa.h"
#include "core/file.h"
#include "keyring/keyring.h"
#include "keyring/resolver.h"
#include "tests/support/matchers.h"
#include "tests/support/temporary_folder.h"

#include <sys/stat.h>
#include <filesystem>

namespace signet::keyring::test {

using signet::test::has_code;
using signet::test::TemporaryFolder;

/// 2026-03-14T09:30:00Z until it is set.
class TestClock final : public Clock {
public:
    [[nodiscard]] TimePoint now() const override { return now_; }
    void add_days(std::int64_t days) { now_.ns += days * 86'400 * kNsPerSecond; }
    [[nodiscard]] TimePoint in_days(std::int64_t days) const { return {now_.ns + days * 86'400 * kNsPerSecond}; }

private:
    TimePoint now_{1'773'480'600LL * kNsPerSecond};
};

/// Fast enough for tests.
inline constexpr crypto::ScryptCost kCheap{.log2_n = 10, .r = 8, .p = 1};

inline SecretBytes secret(std::string_view text) { return SecretBytes(as_bytes(text)); }

inline mode_t mode_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return 0;
    return status.st_mode & 07777U;
}

inline std::string content_of(const std::string& path) {
    const Bytes bytes = read_file(path, std::size_t{1} << 26U);
    return std::string(as_text(bytes));
}

inline void put_content(const std::string& path, std::string_view text) { replace_file(path, as_bytes(text), 0600); }

/// The disk under a vault fails: reading it is EIO. mend_disk() undoes that.
inline void break_disk(const std::string& vault_folder) {
    std::filesystem::rename(vault_folder + "/vault.json", vault_folder + "/kept");
    std::filesystem::create_symlink("/proc/self/mem", vault_folder + "/vault.json");
}
inline void mend_disk(const std::string& vault_folder) {
    std::filesystem::rename(vault_folder + "/kept", vault_folder + "/vault.json");
}

/// A host with a vault (passphrase "sesame"), a keyring that is not there yet, and a resolver over both.
struct Bench {
    TemporaryFolder folder;
    TestClock clock;
    std::string vault_folder = folder / "vault";
    std::string keyring_folder = folder / "keyring";
    std::string answer = "sesame";
    PassphraseSource passphrases{[this](const PassphraseRequest&) { return secret(answer); },
                                 PassphraseSource::Manner::unattended};
    Vaults vaults{vault_folder, passphrases, clock};

    Bench() { vaults.set_cost(kCheap); }

    /// The vault, made when first asked for, and unlocked without the passphrase source.
    LocalVault& vault() {
        if (!vault_) {
            vault_ = LocalVault::exists(vault_folder)
                         ? LocalVault::open(vault_folder, clock)
                         : LocalVault::create(vault_folder, secret("sesame"), kCheap, clock);
            if (!vault_->is_unlocked()) vault_->unlock(secret("sesame"));
        }
        vault_->refresh();
        return *vault_;
    }
    [[nodiscard]] Keyring keyring() const { return Keyring::open(keyring_folder, false, clock); }

    /// Writes the public half of a key into a file. returns  its location
    Location public_file(const std::string& name, const crypto::RsaPublicKey& key) const {
        put_content(folder / name, key.to_pem());
        return Location::parse("public:" + (folder / name));
    }

private:
    std::optional<LocalVault> vault_;
};

/// A resolver with everything it needs.
struct Resolving {
    KeyringSet keyrings;
    std::vector<std::string> warnings;
    std::vector<std::chrono::milliseconds> waits;  ///< none of them is really waited
    Resolver resolver;

    explicit Resolving(Bench& bench, std::vector<Keyring> others = {})
        : keyrings(all(bench, std::move(others))),
          resolver(
              keyrings, bench.vaults, [this](const std::string& text) { warnings.push_back(text); },
              [this](std::chrono::milliseconds time) { waits.push_back(time); }) {}

private:
    static std::vector<Keyring> all(Bench& bench, std::vector<Keyring> others) {
        std::vector<Keyring> keyrings;
        keyrings.push_back(bench.keyring());
        for (Keyring& other : others) keyrings.push_back(std::move(other));
        return keyrings;
    }
};

/// A vault elsewhere that holds one key and answers as it is told.
class FakeVault final : public Vault {
public:
    FakeVault(crypto::RsaPrivateKey key, const Clock& clock) : key_(std::move(key)), clock_(clock) {}

    Outcome describes = Outcome::ok;
    Outcome unwraps = Outcome::ok;
    KeyAttributes attributes;
    std::optional<std::string> region;
    bool forgets = false;  ///< unwraps to something else than was wrapped
    int unwrap_calls = 0;
    int throttles = 0;           ///< so many times it has too many calls before it says what it is told
    bool rejects_login = false;  ///< it shows its owner alone what it has, and does not take the PIN
    int logins = 0;              ///< that were rejected

    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override {
        if (throttles > 0) {
            --throttles;
            return Answer<KeyDescription>::refuse(Outcome::throttled, "too many calls");
        }
        if (rejects_login) {
            ++logins;
            throw Error(ErrorCode::wrong_passphrase, "the token does not take this PIN");
        }
        if (describes != Outcome::ok) return Answer<KeyDescription>::refuse(describes, "as told");
        KeyDescription description;
        description.public_key = key_.public_key();
        description.thumbprint = format::Thumbprint::of(*description.public_key);
        description.name = location.name;
        description.location = location.with_version(location.version.value_or(1));
        description.size_bits = description.public_key->bits();
        description.attributes = attributes;
        description.state = attributes.state(clock_.now());
        description.region = region;
        description.can_unwrap = true;
        return Answer<KeyDescription>::of(std::move(description));
    }
    [[nodiscard]] Answer<KeyDescription> describe_shown(const Location& location) override {
        if (rejects_login) return Answer<KeyDescription>::refuse(Outcome::credential_rejected, "shows nothing");
        return describe(location);
    }
    [[nodiscard]] Answer<Bytes> wrap(const Location&, ByteView plaintext, const Binding&) override {
        return Answer<Bytes>::of(key_.public_key().wrap(plaintext));
    }
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location&, ByteView wrapped, const Binding&) override {
        ++unwrap_calls;
        if (unwraps != Outcome::ok) return Answer<SecretBytes>::refuse(unwraps, "as told");
        auto plaintext = key_.unwrap(wrapped);
        if (!plaintext) return Answer<SecretBytes>::refuse(Outcome::integrity, "does not decrypt");
        if (forgets) plaintext->mutable_view()[0] ^= 1U;
        return Answer<SecretBytes>::of(std::move(*plaintext));
    }

private:
    crypto::RsaPrivateKey key_;
    const Clock& clock_;
};

/// Puts a fake vault at a place. returns  it; the vaults own it
inline FakeVault& install_fake(Bench& bench, const std::string& place, const crypto::RsaPrivateKey& key) {
    auto fake = std::make_unique<FakeVault>(crypto::RsaPrivateKey::from_pkcs8(key.to_pkcs8().reveal()), bench.clock);
    FakeVault& installed = *fake;
    bench.vaults.replace(Location::parse(place), std::move(fake));
    return installed;
}

}  // namespace signet::keyring::test
