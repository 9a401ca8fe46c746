// A vault: a place that holds protectors, and wraps and unwraps with them.
#pragma once

#include "core/crypto/rsa.h"
#include "core/secret.h"
#include "format/slot.h"
#include "format/thumbprint.h"
#include "keyring/key_state.h"
#include "keyring/local_vault.h"
#include "keyring/location.h"
#include "keyring/passphrase.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace signet::keyring {

/// How a key that is deleted comes back, where a vault has the notion.
struct Recoverability {
    bool soft_delete = false;       ///< a deleted key can be recovered for a while
    bool purge_protection = false;  ///< and nobody can end that while early
    int days = 0;                   ///< the while
};

/// What a vault says about a protector without using it.
struct KeyDescription {
    format::Thumbprint thumbprint;
    std::optional<crypto::RsaPublicKey> public_key;  ///< absent for symmetric keys
    std::string name;
    Location location;         ///< with its version, where the vault has versions
    std::string kind = "rsa";  ///< "rsa", or "aes", …: the symmetric keys of key managers
    int size_bits = 0;
    KeyAttributes attributes;
    std::optional<Recoverability> recovery = std::nullopt;
    KeyState state = KeyState::enabled;  ///< at the time of the answer
    std::string origin;
    std::optional<std::string> region;  ///< where the vault knows it
    bool can_unwrap = false;            ///< the vault holds the private half
};

/// A vault's answer: a value, or why there is none.
template <class T>
struct Answer {
    Outcome outcome = Outcome::ok;
    std::string detail;  ///< for people: "disabled since 2026-03-01", "no vault in /mnt/usb"
    std::optional<T> value;
    std::string request = {};  ///< what the key manager calls the request, for whoever reads its log: "request 1b2c…"

    [[nodiscard]] bool ok() const { return outcome == Outcome::ok; }
    [[nodiscard]] static Answer of(T content) {
        Answer answer;
        answer.value = std::move(content);
        return answer;
    }
    [[nodiscard]] static Answer refuse(Outcome why, std::string detail) {
        return {why, std::move(detail), std::nullopt, {}};
    }
};

/// The words of an answer, for the audit log: why, and which request of the key manager.
template <class T>
[[nodiscard]] std::string audit_text(const Answer<T>& answer) {
    if (answer.request.empty() || answer.detail.find(answer.request) != std::string::npos) return answer.detail;
    return answer.detail.empty() ? answer.request : answer.detail + "; " + answer.request;
}

/// What a vault described. throws  Error{key_unavailable}, Error{damaged}, Error{refused}: why there is none, with a
/// hint
[[nodiscard]] KeyDescription require_key(Answer<KeyDescription> answer, const Location& location);
/// How a link notes what its vault said: the key's state, or why it did not answer.
[[nodiscard]] std::string state_after(const Answer<KeyDescription>& answer);

using Binding = format::WrapBinding;

/// Whether a vault that shows nothing without a login may be logged in to. Spared: it has refused the login before, and
/// a few more tries would lock it.
enum class Login { allowed, spared };

/// Refusals are answers. Exceptions are for what ends the command: Error{wrong_passphrase}, Error{usage}.
class Vault {
public:
    virtual ~Vault() = default;
    /// Never unlocks anything and never asks for a passphrase, except where a token hides even public halves.
    [[nodiscard]] virtual Answer<KeyDescription> describe(const Location& location) = 0;
    /// The same from what is shown without a login.
    [[nodiscard]] virtual Answer<KeyDescription> describe_shown(const Location& location);
    /// binding  what symmetric keys of key managers bind the result to; other keys pass it over
    [[nodiscard]] virtual Answer<Bytes> wrap(const Location& location, ByteView plaintext, const Binding& binding) = 0;
    /// binding  as it was wrapped with
    [[nodiscard]] virtual Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped,
                                                     const Binding& binding) = 0;
    /// Whether data keys are wrapped by the vault itself, rather than here with the public half: then its log has every
    /// use, and its permissions count.
    [[nodiscard]] virtual bool wraps_itself() const { return false; }
    /// Whether the vault can wrap anew, under another of its keys, what one of them has wrapped, and show it to nobody.
    /// Only for slots of wrap algorithm 4: what other slots hold names their key.
    [[nodiscard]] virtual bool can_rewrap(const Location& from, const Location& to);
    /// Only where can_rewrap() says so. binding  as it was wrapped with; the result has the same
    [[nodiscard]] virtual Answer<Bytes> rewrap(const Location& from, ByteView wrapped, const Location& to,
                                               const Binding& binding);
    /// How many unwraps it may be asked for at once, each by another thread; the rest of it is for one.
    [[nodiscard]] virtual int lanes() const { return 1; }
    /// Whether unwrap() would ask nobody.
    [[nodiscard]] virtual bool unwraps_unattended(const Location& location);
    /// The newest version of a location without one that may wrap now; where a vault has no versions, the key itself.
    [[nodiscard]] virtual Answer<KeyDescription> newest(const Location& location);
    /// The same from what is shown without a login.
    [[nodiscard]] virtual Answer<KeyDescription> newest_shown(const Location& location);
    /// Who this host is to the vault, once it has logged in there: "access key AKIA… of AWS_ACCESS_KEY_ID". For people;
    /// empty where nobody logs in, or has not yet.
    [[nodiscard]] virtual std::string identity() { return {}; }
    /// What tells the place from others, however it is written: the folder of a vault by device and inode, a token by
    /// maker, model, label and serial number. Empty where that is not known.
    [[nodiscard]] virtual std::string place_of(const Location& location);
    /// Wraps 32 random octets, unwraps them and compares. A vault without private halves only wraps. The state is not
    /// judged: what is outside its dates is wrapped for with the public half.
    [[nodiscard]] Answer<KeyDescription> test(const Location& location);
};

/// Protectors of a local vault. The passphrase is asked for by the first unwrap.
class LocalVaultAdapter final : public Vault {
public:
    LocalVaultAdapter(std::string folder, PassphraseSource& passphrases, const Clock& clock);
    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override;
    [[nodiscard]] Answer<Bytes> wrap(const Location& location, ByteView plaintext, const Binding& binding) override;
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped,
                                             const Binding& binding) override;
    [[nodiscard]] bool unwraps_unattended(const Location& location) override;
    [[nodiscard]] Answer<KeyDescription> newest(const Location& location) override;
    [[nodiscard]] std::string place_of(const Location& location) override;
    /// The vault itself, read anew. throws  as LocalVault::open
    [[nodiscard]] LocalVault& vault();
    /// The vault itself, unlocked. throws  as LocalVault::unlock; on a wrong passphrase it is forgotten
    [[nodiscard]] LocalVault& unlocked();
    /// How passphrase requests name this vault: "vault DIR".
    [[nodiscard]] std::string object() const { return "vault " + folder_; }

private:
    [[nodiscard]] KeyDescription description(const KeyVersion& key, const Location& location) const;
    std::string folder_;
    PassphraseSource& passphrases_;
    const Clock& clock_;
    std::optional<LocalVault> vault_;
};

/// A public half in a PEM file.
class PublicKeyFile final : public Vault {
public:
    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override;
    [[nodiscard]] Answer<Bytes> wrap(const Location& location, ByteView plaintext, const Binding& binding) override;
    /// Always denied.
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location& location, ByteView wrapped,
                                             const Binding& binding) override;
};

class Pkcs11Vault;
class RemoteVaults;

/// The vaults that this process can reach, opened when first needed and kept. Not for two threads at once.
class Vaults {
public:
    ~Vaults();
    /// default_folder  the vault of --vault; need not exist
    Vaults(std::string default_folder, PassphraseSource& passphrases, const Clock& clock = Clock::system());
    [[nodiscard]] Vault& at(const Location& location);
    /// The local vault in `folder`; the default one when empty.
    [[nodiscard]] LocalVaultAdapter& local(const std::string& folder = {});
    [[nodiscard]] bool has_local(const std::string& folder = {}) const;
    /// Whether passphrase or PIN of that location come from a file, a command or a descriptor.
    [[nodiscard]] bool gives_secrets_unattended(const Location& location) const;
    /// All tokens.
    [[nodiscard]] Pkcs11Vault& tokens();
    /// Makes the default vault, asking for a new passphrase, unless there is one; then unlocks nothing.
    LocalVaultAdapter& make_local();
    [[nodiscard]] const std::string& default_folder() const { return default_folder_; }
    [[nodiscard]] PassphraseSource& passphrases() { return passphrases_; }
    [[nodiscard]] const Clock& clock() const { return clock_; }

    /// Key managers that are reached over HTTP.
    [[nodiscard]] RemoteVaults& remote();

    /// Another vault in place of the one at `location` (without its version). For tests, and for drills.
    void replace(const Location& location, std::unique_ptr<Vault> vault);
    /// The cost of passphrases of vaults made from now on.
    void set_cost(const crypto::ScryptCost& cost) { cost_ = cost; }

private:
    std::string default_folder_;
    PassphraseSource& passphrases_;
    const Clock& clock_;
    crypto::ScryptCost cost_;
    std::map<std::string, std::unique_ptr<LocalVaultAdapter>> local_;
    std::map<std::string, std::unique_ptr<Vault>> replaced_;
    PublicKeyFile public_;
    std::unique_ptr<Pkcs11Vault> tokens_;
    std::unique_ptr<RemoteVaults> remote_;
};

}  // namespace signet::keyring
