#include "restore/rewrap.h"

#include <algorithm>

#include "core/crypto/digest.h"
#include "keyring/access_state.h"
#include "restore/opener.h"

namespace signet::restore {
namespace {

using format::Thumbprint;

class Rewrapper {
public:
    Rewrapper(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
              const RewrapOptions& options)
        : repository_(repository), planner_(planner), resolver_(resolver), options_(options) {}

    RewrapReport run(const std::vector<const Backup*>& backups) {
        const format::RepositoryConfig& config = repository_.config();
        report_.protectors = options_.protectors.empty() ? resolver_.wrapping_protectors(config.provider, config.region)
                                                         : options_.protectors;
        for (const Thumbprint& target : report_.protectors) require_wrapping(target);
        report_.backups = backups.size();
        report_.log_epochs = options_.logs.size();
        const std::vector<const RunKey*> keys = keys_of(backups);
        report_.deks = keys.size();
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (options_.stop && options_.stop()) {
                report_.remaining = keys.size() - i;
                break;
            }
            try {
                treat(*keys[i]);
            } catch (const Error& error) {
                if (!is_about_slots(error)) throw;
                report_.failures.emplace_back(keys[i]->dek, error);
            }
        }
        return std::move(report_);
    }

private:
    /// Asked once, before any data key is opened.
    void require_wrapping(const Thumbprint& target) const {
        const keyring::ProtectorReport& report = planner_.status(target);
        if (!keyring::is_refused(report.status)) return;
        throw Error(ErrorCode::key_unavailable,
                    "protector " + report.name + " (" + target.short_text() + ") cannot wrap: " + report.detail,
                    report.hint);
    }

    /// Each once, the newest first: should there be no time for all, the likeliest to be restored are done.
    [[nodiscard]] std::vector<const RunKey*> keys_of(const std::vector<const Backup*>& backups) {
        std::vector<const RunKey*> keys;
        for (const Backup* backup : backups) {
            try {
                const std::vector<const RunKey*> needed = planner_.keys_of(*backup);
                keys.insert(keys.end(), needed.begin(), needed.end());
            } catch (const Error& error) {
                // One that is not whole must not keep the others under an older protector.
                if (error.code() != ErrorCode::damaged) throw;
                report_.broken.push_back(error);
            }
        }
        for (const LogEpoch* epoch : options_.logs) keys.push_back(&planner_.key(*epoch->entry, epoch->fields));
        std::sort(keys.begin(), keys.end(), [](const RunKey* left, const RunKey* right) {
            return left->time != right->time ? left->time > right->time : left->dek < right->dek;
        });
        keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
        return keys;
    }

    void treat(const RunKey& key) {
        std::optional<format::DataKey> opened;
        std::vector<Thumbprint> lacking;
        for (const Thumbprint& target : report_.protectors) {
            if (!is_opened_by(key, target, opened)) lacking.push_back(target);
        }
        if (lacking.empty()) {
            ++report_.already;
            return;
        }
        if (options_.dry_run) {
            require_openable(key);
            ++report_.rewrapped;
            return;
        }
        for (const Thumbprint& target : lacking) {
            std::optional<format::Slot> unseen = opened ? std::nullopt : wrapped_unseen(key, target);
            if (!unseen && !opened) opened = unwrap_key(repository_, planner_, resolver_, key);
            const format::Slot slot = unseen ? std::move(*unseen) : resolver_.wrap_any_role(*opened, target);
            repository_.put_slot(slot);
            if (options_.proven != nullptr) options_.proven->add({target, slot.dek, crypto::sha256(slot.encode())});
            ++report_.slots_added;
        }
        ++report_.rewrapped;
    }

    /// By a key manager that has both keys, from a slot that holds the data key for certain. returns  nothing: none has
    std::optional<format::Slot> wrapped_unseen(const RunKey& key, const Thumbprint& target) {
        const auto attempt = [&](const format::Slot& slot) -> std::optional<format::Slot> {
            return slot.commitment == key.commitment ? resolver_.rewrap(slot, target) : std::nullopt;
        };
        for (const Opener& opener : key.openers) {
            if (opener.thumbprint.kind != Thumbprint::Kind::kms || !planner_.may_open(opener)) continue;
            if (opener.is_signed && !opener.slots.empty()) {
                if (auto slot = attempt(*opener.slots.front())) return slot;
            }
            for (const format::SlotName& name : opener.names) {
                if (options_.proven == nullptr || !options_.proven->has(name)) continue;
                if (auto slot = attempt(repository_.load_slot(name))) return slot;
            }
        }
        return std::nullopt;
    }

    void require_openable(const RunKey& key) {
        if (std::any_of(key.openers.begin(), key.openers.end(),
                        [&](const Opener& one) { return planner_.may_open(one); })) {
            return;
        }
        throw Error(ErrorCode::key_unavailable, "data key " + key.dek.short_hex() + ": no usable protector opens it");
    }

    /// By a slot that its writer signed, or by one that opens here and now. opened  takes the data key when it was
    /// opened
    bool is_opened_by(const RunKey& key, const Thumbprint& target, std::optional<format::DataKey>& opened) {
        const auto opener = std::find_if(key.openers.begin(), key.openers.end(),
                                         [&](const Opener& one) { return one.thumbprint == target; });
        if (opener == key.openers.end()) return false;
        if (opener->is_signed) return true;
        if (options_.proven != nullptr && std::any_of(opener->names.begin(), opener->names.end(),
                                                      [&](const auto& name) { return options_.proven->has(name); })) {
            return true;
        }
        if (!planner_.may_open(*opener)) return false;
        try {
            opened = unwrap_key_by(repository_, planner_, resolver_, key, target);
            return true;
        } catch (const Error& error) {
            if (!is_about_slots(error)) throw;
            return false;
        }
    }

    const storage::Repository& repository_;
    Planner& planner_;
    keyring::Resolver& resolver_;
    const RewrapOptions& options_;
    RewrapReport report_;
};

}  // namespace

RewrapReport rewrap(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                    const std::vector<const Backup*>& backups, const RewrapOptions& options) {
    return Rewrapper(repository, planner, resolver, options).run(backups);
}

}  // namespace signet::restore
