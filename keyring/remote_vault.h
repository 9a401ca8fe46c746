// What vaults that are reached over HTTP have in common, and all of them.
#pragma once

#include "keyring/remote_client.h"
#include "keyring/vault.h"

#include <map>
#include <memory>
#include <string>

namespace signet::keyring {

/// What a key manager may be asked to do with a key, beside using it. Each has its own permission there.
enum class AdminVerb { create, import_key, rotate, set_enabled, remove, recover, purge, backup, restore, replicate };
/// "create", "import", "rotate", …
[[nodiscard]] std::string_view text(AdminVerb verb);

/// What managers have said of keys in the last few seconds: a restore that opens a thousand data keys need not ask
/// about their protector a thousand times. Refusals are not kept, and every use is the manager's decision anyway.
class RecentDescriptions {
public:
    explicit RecentDescriptions(const Clock& clock) : clock_(clock) {}
    [[nodiscard]] const KeyDescription* find(const Location& location) const;
    void keep(const Location& location, const KeyDescription& key);
    void forget() { kept_.clear(); }

private:
    struct Kept {
        KeyDescription key;
        TimePoint when;
    };
    const Clock& clock_;
    std::map<std::string, Kept> kept_;  ///< by location, as it was asked for
};

/// A key to be made.
struct NewKey {
    int bits = 0;  ///< of an RSA key; 0: what the manager's keys usually are
    KeyDates dates = {};
    bool multi_region = false;  ///< may have twins of the same material in other regions; only where that is a choice
};

/// A deleted key.
struct RemovedKey {
    std::string name;
    std::optional<TimePoint> purge_at;  ///< when it goes for good; unset: at once
};

/// A key manager. Logs in by itself, asks nobody, and wraps by itself.
class RemoteVault : public Vault {
public:
    [[nodiscard]] bool wraps_itself() const override { return true; }
    [[nodiscard]] std::string place_of(const Location& location) override;

    /// What this host may do there beside using the key, as far as asking does no harm: "list the keys of the vault".
    /// Least privilege lies on the key. Empty where nothing is known; throws  Error{interrupted}
    [[nodiscard]] virtual std::vector<std::string> excess_rights(const Location& location);

    // For the key officer. What a manager has no notion of is refused: see can(). All throw RemoteError, whose message
    // names operation, status, code and request; Error{refused}: a key of that name is there.

    [[nodiscard]] virtual bool can(AdminVerb verb) const;
    /// Every version that the manager shows, the newest first.
    [[nodiscard]] virtual std::vector<KeyDescription> versions(const Location& location);
    [[nodiscard]] virtual KeyDescription create(const Location& location, const NewKey& wanted);
    /// bits  0: as the version before
    [[nodiscard]] virtual KeyDescription rotate(const Location& location, int bits, const KeyDates& dates);
    [[nodiscard]] virtual KeyDescription import_key(const Location& location, const crypto::RsaPrivateKey& key,
                                                    const KeyDates& dates);
    /// file  as tools of hardware security modules wrap a key for a key exchange key of this vault: goes on as it is
    [[nodiscard]] virtual KeyDescription import_byok(const Location& location, ByteView file, const KeyDates& dates);
    /// Of one version.
    virtual void set_enabled(const Location& location, bool enabled);
    /// The key with all its versions.
    [[nodiscard]] virtual RemovedKey remove(const Location& location);
    /// Comes back once the manager shows it again, which takes a while.
    [[nodiscard]] virtual KeyDescription recover(const Location& location);
    virtual void purge(const Location& location);
    /// What the manager alone can restore.
    [[nodiscard]] virtual SecretBytes backup(const Location& location);
    [[nodiscard]] virtual KeyDescription restore(const Location& vault, const SecretBytes& backup);
    /// A twin of a key of this vault in another one of its kind. location  of the twin
    [[nodiscard]] virtual KeyDescription replicate(const Location& key, const Location& location);

protected:
    /// throws  RemoteError{misuse}: this kind of vault does not do that
    [[noreturn]] static void refuse_verb(AdminVerb verb, const Location& location);

    /// Runs `use(request)`, which notes the request's id in its argument ("request 1b2c…"), and makes an answer of what
    /// it returns or of why it failed.
    template <class T, class Use>
    [[nodiscard]] static Answer<T> answer(const Use& use) {
        Answer<T> result;
        try {
            result.value = use(result.request);
        } catch (const RemoteError& error) {
            result.outcome = error.outcome();
            result.detail = error.what();
            result.request = error.request();
        }
        return result;
    }
};

/// Throws where a key's state or dates forbid what is asked: as its manager would, and before it is asked.
/// throws  RemoteError
void require_may_wrap(const KeyDescription& key);
void require_may_unwrap(const KeyDescription& key);

class AwsAccess;

/// Key managers, each made when it is first needed and kept, so that one login serves for all its keys.
class RemoteVaults {
public:
    RemoteVaults(RemoteSettings settings, const Clock& clock);
    ~RemoteVaults();
    /// throws  Error{usage}: a scheme that is not built in
    [[nodiscard]] RemoteVault& at(const Location& location);
    [[nodiscard]] RemoteClient& client() { return client_; }

private:
    RemoteClient client_;
    std::unique_ptr<AwsAccess> aws_;                              ///< of all regions
    std::map<std::string, std::unique_ptr<RemoteVault>> vaults_;  ///< by scheme and what a login is good for
};

}  // namespace signet::keyring
