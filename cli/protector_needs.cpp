#include "cli/protector_needs.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace signet::cli {
namespace {

using format::Thumbprint;

class Counting {
public:
    explicit Counting(restore::Planner& planner) : planner_(planner) {}

    void add(const restore::Backup& backup) {
        std::set<Thumbprint> wrapping;
        std::set<Thumbprint> sole;
        for (const restore::RunKey* key : planner_.keys_of(backup)) {
            const bool is_new = seen_.insert(key).second;
            std::vector<const restore::Opener*> usable;
            for (const restore::Opener& opener : key->openers) {
                if (planner_.may_open(opener)) usable.push_back(&opener);
                wrapping.insert(opener.thumbprint);
                if (is_new) note(*key, opener);
            }
            // With none that can be used, each of them is what is missing.
            for (const restore::Opener& opener : key->openers) {
                if (usable.empty() || (usable.size() == 1 && usable.front() == &opener)) sole.insert(opener.thumbprint);
            }
        }
        for (const Thumbprint& one : wrapping) ++needs_[one].backups;
        for (const Thumbprint& one : sole) note_sole(needs_[one], backup.time());
    }

    std::vector<ProtectorNeed> take() {
        std::vector<ProtectorNeed> all;
        for (auto& [thumbprint, need] : needs_) {
            need.report = planner_.status(thumbprint);
            need.report.thumbprint = thumbprint;
            all.push_back(std::move(need));
        }
        return all;
    }

private:
    void note(const restore::RunKey& key, const restore::Opener& opener) {
        ProtectorNeed& need = needs_[opener.thumbprint];
        ++need.deks;
        const auto worth = [&](const restore::RunKey& one) {
            const auto own = std::find_if(one.openers.begin(), one.openers.end(),
                                          [&](const restore::Opener& o) { return o.thumbprint == opener.thumbprint; });
            return std::tuple(own->is_signed, one.time);
        };
        if (need.newest == nullptr || worth(*need.newest) < worth(key)) need.newest = &key;
    }

    static void note_sole(ProtectorNeed& need, TimePoint time) {
        ++need.sole_backups;
        need.sole_from = need.sole_from ? std::min(*need.sole_from, time) : time;
        need.sole_to = need.sole_to ? std::max(*need.sole_to, time) : time;
    }

    restore::Planner& planner_;
    std::map<Thumbprint, ProtectorNeed> needs_;
    std::set<const restore::RunKey*> seen_;
};

}  // namespace

std::vector<ProtectorNeed> protector_needs(Context& context) {
    Counting counting(context.planner());
    for (const restore::Backup& backup : context.catalogue().backups()) {
        if (backup.trusted) counting.add(backup);
    }
    return counting.take();
}

}  // namespace signet::cli
