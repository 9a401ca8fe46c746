// Where passphrases come from: a function that the command line gives, asked only when a key must really be opened.
#pragma once

#include "core/secret.h"

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace signet::keyring {

/// What a passphrase is wanted for; a prompt shows it.
struct PassphraseRequest {
    std::string purpose;  ///< "unlock", "create", "change"
    std::string object;   ///< what it opens: "vault /home/anna/.local/share/signet/vault"; also the cache's key
    bool is_new = false;  ///< a passphrase being chosen: a prompt asks twice
};

/// Asks at most once for each object and remembers the answer, locked in memory, for the life of the process.
/// For several threads at once.
class PassphraseSource {
public:
    using Ask = std::function<SecretBytes(const PassphraseRequest&)>;
    /// none: nobody can be asked; unattended: a file, command, descriptor or credential; prompt: a person.
    enum class Manner { none, unattended, prompt };

    /// A source that has no passphrase.
    PassphraseSource() = default;
    PassphraseSource(Ask ask, Manner manner) : ask_(std::move(ask)), manner_(manner) {}
    PassphraseSource(const PassphraseSource&) = delete;
    PassphraseSource& operator=(const PassphraseSource&) = delete;

    [[nodiscard]] Manner manner() const { return manner_; }
    /// The passphrase of `request.object`. A passphrase just chosen for an object (is_new) also unlocks it.
    /// throws  Error{wrong_passphrase}: there is no source; whatever the function throws
    [[nodiscard]] SecretBytes get(const PassphraseRequest& request);
    /// Whether get() for this object would answer without asking anybody.
    [[nodiscard]] bool knows(const std::string& object) const;
    /// Replaces what is remembered (after a change of passphrase).
    void remember(const std::string& object, const SecretBytes& passphrase);
    /// Forgets a passphrase that proved wrong, so that it is asked for again.
    void forget(const std::string& object);
    /// How often the function was called.
    [[nodiscard]] int times_asked() const;

private:
    mutable std::mutex mutex_;
    Ask ask_;
    Manner manner_ = Manner::none;
    int times_asked_ = 0;
    std::map<std::pair<std::string, bool>, SecretBytes> known_;
};

}  // namespace signet::keyring
