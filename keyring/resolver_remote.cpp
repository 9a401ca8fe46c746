// The resolver and key managers: many data keys at once, and data keys that are wrapped anew without being shown.
#include "keyring/resolver_found.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <thread>

#include "core/crypto/digest.h"
#include "core/error.h"
#include "format/limits.h"

namespace signet::keyring {
namespace {

/// Fewer are asked for one after the other.
constexpr std::size_t kFewestAtOnce = 2;
/// How long what a key manager said of a key is not asked for again, and how long one that is away is not waited for.
constexpr std::chrono::seconds kDescribedFor{60};
constexpr std::chrono::seconds kAwayFor{30};

Digest name_of(const format::Slot& slot) { return crypto::sha256(slot.encode()); }

}  // namespace

/// What a key manager said of a key a moment ago; nothing for other places.
const Answer<KeyDescription>* Resolver::recalled(const std::string& place) const {
    const auto found = described_.find(place);
    if (found == described_.end()) return nullptr;
    const auto age = std::chrono::steady_clock::now() - found->second.when;
    const bool is_fresh = age < (found->second.answer.ok() ? kDescribedFor : kAwayFor);
    return is_fresh ? &found->second.answer : nullptr;
}

/// Keeps what may be recalled: a good answer, or that nobody answers. A refusal is asked for each time.
void Resolver::recall(const Location& location, const Answer<KeyDescription>& answer,
                      std::chrono::steady_clock::duration took) {
    const std::string place = location.text();
    if (!location.is_remote() || (!answer.ok() && !may_fail_over(answer.outcome))) {
        described_.erase(place);
        return;
    }
    if (answer.ok() && !may_unwrap(answer.value->state)) {
        described_.erase(place);
    } else {
        described_.insert_or_assign(place, Described{answer, std::chrono::steady_clock::now()});
    }
    if (answer.ok()) took_[place] = std::chrono::duration_cast<std::chrono::milliseconds>(took);
}

std::optional<RemoteUse> Resolver::remote_use(const Location& location) {
    if (!location.is_remote()) return std::nullopt;
    const auto took = took_.find(location.text());
    return RemoteUse{location.provider() + ":" + location.vault_name(), vaults_.at(location).lanes(),
                     took == took_.end() ? std::chrono::milliseconds(0) : took->second};
}

/// Data keys under one protector, asked for over several connections. What fails is left to unwrap(), which has words
/// for it and knows of twins.
class Resolver::Ahead {
public:
    Ahead(Resolver& resolver, const Location& location, const std::vector<const format::Slot*>& slots)
        : resolver_(resolver), location_(location), vault_(resolver.vaults_.at(location)), slots_(slots) {}

    void run() {
        const std::size_t lanes = std::min(static_cast<std::size_t>(vault_.lanes()), slots_.size());
        std::vector<std::thread> threads;
        threads.reserve(lanes);
        for (std::size_t i = 0; i < lanes; ++i) threads.emplace_back([this] { work(); });
        for (std::thread& thread : threads) thread.join();
        if (failure_) std::rethrow_exception(failure_);
    }

private:
    void work() noexcept {
        try {
            while (!stopped_) {
                const std::size_t next = next_.fetch_add(1);
                if (next >= slots_.size()) return;
                open(*slots_[next]);
            }
        } catch (...) {
            stopped_ = true;
            const std::lock_guard lock(resolver_.mutex_);
            if (!failure_) failure_ = std::current_exception();
        }
    }

    void open(const format::Slot& slot) {
        const std::uint64_t intent = begin(slot);
        const Answer<SecretBytes> answer = vault_.unwrap(location_, slot.wrapped, slot.binding());
        const std::lock_guard lock(resolver_.mutex_);
        Keyring& own = resolver_.keyrings_.own();
        Outcome outcome = answer.outcome;
        std::string detail = audit_text(answer);
        if (answer.ok()) {
            try {
                resolver_.ahead_.emplace(name_of(slot), format::accept_unwrapped(slot, *answer.value));
            } catch (const Error& error) {
                if (error.code() != ErrorCode::damaged) throw;
                outcome = Outcome::integrity;
                detail = error.what();
            }
        }
        own.audit().outcome(intent, outcome, detail);
        if (outcome == Outcome::ok) {
            own.note_answer(location_.text(), "unwrap", outcome, resolver_.vaults_);
            own.note_unwrapped(slot.thumbprint);
        } else if (outcome != Outcome::integrity) {
            // A refusal, or an outage: the next ones would meet it too.
            stopped_ = true;
            resolver_.described_.erase(location_.text());
        }
    }

    std::uint64_t begin(const format::Slot& slot) {
        const std::lock_guard lock(resolver_.mutex_);
        return resolver_.keyrings_.own().audit().intent(
            {"unwrap", slot.thumbprint, location_.text(), "dek " + slot.dek.hex()});
    }

    Resolver& resolver_;
    const Location& location_;
    Vault& vault_;
    const std::vector<const format::Slot*>& slots_;
    std::atomic<std::size_t> next_ = 0;
    std::atomic<bool> stopped_ = false;
    std::exception_ptr failure_;
};

void Resolver::unwrap_ahead(const std::vector<format::Slot>& slots) {
    std::map<format::Thumbprint, std::vector<const format::Slot*>> by_protector;
    for (const format::Slot& slot : slots) by_protector[slot.thumbprint].push_back(&slot);
    for (const auto& [thumbprint, wanted] : by_protector) {
        if (wanted.size() < kFewestAtOnce) continue;
        Location location;
        {
            const std::lock_guard lock(mutex_);
            const auto protector = keyrings_.find(thumbprint);
            if (!protector) continue;
            const Found found = look(*protector);
            const bool opens = found.key && may_unwrap(found.key->state) && found.location.is_remote();
            if (!opens || vaults_.at(found.location).lanes() < 2) continue;
            if (!found.passed.empty()) {
                for (const format::Slot* slot : wanted) note_failover(*slot, found.passed, found.location.text());
            }
            location = found.location;
        }
        Ahead(*this, location, wanted).run();
    }
}

/// What unwrap_ahead() has opened, once.
std::optional<format::DataKey> Resolver::take_ahead(const format::Slot& slot) {
    if (ahead_.empty()) return std::nullopt;
    const auto found = ahead_.find(name_of(slot));
    if (found == ahead_.end()) return std::nullopt;
    std::optional<format::DataKey> key(std::move(found->second));
    ahead_.erase(found);
    return key;
}

std::optional<format::Slot> Resolver::rewrap(const format::Slot& slot, const format::Thumbprint& target) {
    const std::lock_guard lock(mutex_);
    const auto source = keyrings_.find(slot.thumbprint);
    const Link* link = keyrings_.own().find(target);
    const bool is_for_managers = slot.algorithm == format::WrapAlgorithm::kms_context &&
                                 target.kind == format::Thumbprint::Kind::kms && slot.thumbprint != target;
    if (!source || link == nullptr || !is_for_managers) return std::nullopt;
    const std::string hint = Location::parse(link->locations.front()).public_text();
    const Found from = look(*source);
    const Found to = look({link->thumbprint, link->name, link->role, link->locations, link->spki}, Use::wrap);
    if (!from.key || !may_unwrap(from.key->state) || !to.key || !may_wrap(to.key->state)) return std::nullopt;
    Vault& vault = vaults_.at(from.location);
    if (!vault.can_rewrap(from.location, to.location)) return std::nullopt;

    AuditLog& audit = keyrings_.own().audit();
    const std::uint64_t intent =
        audit.intent({"rewrap", target, to.location.text(), "dek " + slot.dek.hex() + " from " + from.location.text()});
    const Answer<Bytes> answer = vault.rewrap(from.location, slot.wrapped, to.location, slot.binding());
    audit.outcome(intent, answer.outcome, audit_text(answer));
    if (!answer.ok()) {
        warn_once("data keys are opened here and wrapped anew, since " + to.location.text() +
                  " does not do so by itself (" + answer.detail + ")");
        return std::nullopt;
    }
    format::Slot added = slot;
    added.thumbprint = target;
    added.location = hint.substr(0, format::kMaxLocation);
    added.wrapped = *answer.value;
    return added;
}

}  // namespace signet::keyring
