#include "keyring/passphrase.h"

#include "core/error.h"

namespace signet::keyring {

SecretBytes PassphraseSource::get(const PassphraseRequest& request) {
    // Held while asking: two threads that need the same vault must not prompt twice.
    const std::lock_guard lock(mutex_);
    const auto known = known_.find({request.object, request.is_new});
    if (known != known_.end()) return known->second.clone();
    if (!ask_) {
        throw Error(
            ErrorCode::wrong_passphrase, "no passphrase for " + request.object,
            "give one with --passphrase-file, --passphrase-command or --passphrase-fd, or run this on a terminal");
    }
    ++times_asked_;
    SecretBytes answer = ask_(request);
    known_[{request.object, request.is_new}] = answer.clone();
    if (request.is_new) known_.try_emplace({request.object, false}, answer.clone());
    return answer;
}

bool PassphraseSource::knows(const std::string& object) const {
    const std::lock_guard lock(mutex_);
    return known_.contains({object, false});
}

void PassphraseSource::remember(const std::string& object, const SecretBytes& passphrase) {
    const std::lock_guard lock(mutex_);
    known_.erase({object, true});
    known_[{object, false}] = passphrase.clone();
}

void PassphraseSource::forget(const std::string& object) {
    const std::lock_guard lock(mutex_);
    known_.erase({object, true});
    known_.erase({object, false});
}

int PassphraseSource::times_asked() const {
    const std::lock_guard lock(mutex_);
    return times_asked_;
}

}  // namespace signet::keyring
