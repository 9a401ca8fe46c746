#include "cli/protector_needs.h"

#include "cli/access.h"

#include <algorithm>
#include <map>
#include <set>

namespace signet::cli {
namespace {

using format::Thumbprint;

class Counting {
public:
    Counting(restore::Planner& planner, const keyring::Policy& policy) : planner_(planner), policy_(policy) {}

    void add(const restore::Backup& backup) {
        try {
            count(backup, planner_.keys_of(backup));
        } catch (const Error& error) {
            // One backup that is not whole must not hide what the others need.
            if (error.code() != ErrorCode::damaged) throw;
            needs_.broken.push_back(error);
        }
    }

    ProtectorNeeds take() {
        for (auto& [thumbprint, need] : by_thumbprint_) {
            need.report = planner_.status(thumbprint);
            need.report.thumbprint = thumbprint;
            needs_.protectors.push_back(std::move(need));
        }
        return std::move(needs_);
    }

private:
    void count(const restore::Backup& backup, const std::vector<const restore::RunKey*>& keys) {
        std::set<Thumbprint> wrapping;
        std::set<Thumbprint> sole;
        std::set<Thumbprint> claimed;
        for (const restore::RunKey* key : keys) {
            const bool is_new = seen_.insert(key).second;
            bool is_proven = false;
            for (const restore::Opener& opener : key->openers) {
                is_proven = is_proven || (opener.is_signed && planner_.may_open(opener));
                wrapping.insert(opener.thumbprint);
                if (is_new) note(*key, opener);
                if (!stays_open_without(*key, opener)) note_until(backup, *key, opener);
                switch (without(*key, opener)) {
                    case Without::lost:
                        (opener.is_signed ? sole : claimed).insert(opener.thumbprint);
                        break;
                    case Without::claimed:
                        claimed.insert(opener.thumbprint);
                        break;
                    case Without::opened:
                        break;
                }
            }
            if (!is_proven) needs_.unproven[key].push_back(&backup);
        }
        for (const Thumbprint& one : wrapping) ++by_thumbprint_[one].backups;
        for (const Thumbprint& one : sole) note_sole(by_thumbprint_[one], backup.time());
        for (const Thumbprint& one : claimed) ++by_thumbprint_[one].claimed_backups;
    }

    /// What of a data key is left without one of its openers.
    enum class Without { lost, claimed, opened };

    Without without(const restore::RunKey& key, const restore::Opener& left_out) {
        Without result = Without::lost;
        for (const restore::Opener& other : key.openers) {
            if (&other == &left_out || !planner_.may_open(other)) continue;
            if (other.is_signed) return Without::opened;
            result = Without::claimed;
        }
        return result;
    }

    /// By the word of its writer, and for good.
    [[nodiscard]] bool is_wrapped_beside(const restore::Opener& other, const restore::Opener& left_out) const {
        return &other != &left_out && other.is_signed && !policy_.is_fenced(other.thumbprint);
    }
    [[nodiscard]] bool stays_open_without(const restore::RunKey& key, const restore::Opener& left_out) {
        return std::any_of(key.openers.begin(), key.openers.end(), [&](const restore::Opener& other) {
            return is_wrapped_beside(other, left_out) && planner_.may_open(other);
        });
    }

    /// The policy's retention counts from when a backup was made, whatever time it claims.
    void note_until(const restore::Backup& backup, const restore::RunKey& key, const restore::Opener& opener) {
        ProtectorNeed& need = by_thumbprint_[opener.thumbprint];
        need.needed_until = std::max(need.needed_until.value_or(backup.committed), backup.committed);
        const bool is_reachable =
            std::any_of(key.openers.begin(), key.openers.end(),
                        [&](const restore::Opener& other) { return is_wrapped_beside(other, opener); });
        if (is_reachable) need.reachable = std::max(need.reachable.value_or(key.made), key.made);
    }

    void note(const restore::RunKey& key, const restore::Opener& opener) {
        ProtectorNeed& need = by_thumbprint_[opener.thumbprint];
        ++need.deks;
        const restore::RunKey*& newest = opener.is_signed ? need.newest : need.newest_claim;
        if (newest == nullptr || newest->time < key.time) newest = &key;
    }

    static void note_sole(ProtectorNeed& need, TimePoint time) {
        ++need.sole_backups;
        need.sole_from = need.sole_from ? std::min(*need.sole_from, time) : time;
        need.sole_to = need.sole_to ? std::max(*need.sole_to, time) : time;
    }

    restore::Planner& planner_;
    const keyring::Policy& policy_;
    std::map<Thumbprint, ProtectorNeed> by_thumbprint_;
    std::set<const restore::RunKey*> seen_;
    ProtectorNeeds needs_;
};

}  // namespace

void ProtectorNeeds::require_whole() const {
    if (!broken.empty()) {
        throw Error(
            ErrorCode::damaged,
            counted(broken.size(), "backup") + " could not be judged, and cannot be restored: " + broken.front().what(),
            "bring back what is missing; signet check names all of it");
    }
    if (!unknown.empty()) {
        throw Error(ErrorCode::damaged,
                    std::string("there may be more backups, which need more than this: ") + unknown.front().what(),
                    "bring back what is missing; signet check names all of it");
    }
}

std::string title_of(const keyring::ProtectorReport& report) {
    restore::RequiredProtector one;
    one.report = report;
    one.locations = report.locations;
    return one.title();
}

ProtectorNeeds protector_needs(Context& context) {
    const keyring::Policy policy = policy_in_force(context);
    Counting counting(context.planner(), policy);
    for (const restore::Backup& backup : context.catalogue().backups()) {
        if (backup.trusted) counting.add(backup);
    }
    ProtectorNeeds needs = counting.take();
    const restore::Catalogue& catalogue = context.catalogue();
    if (catalogue.doubt()) needs.unknown.push_back(*catalogue.doubt());
    for (const restore::JournalFinding& finding : catalogue.findings()) {
        if (finding.trusted) needs.unknown.push_back(finding.error);
    }
    return needs;
}

}  // namespace signet::cli
