#include "cli/drill/proving.h"

#include "cli/signals.h"

#include <algorithm>
#include <set>

namespace signet::cli {
namespace {

/// The data keys that a target needs.
std::vector<const restore::RunKey*> keys_of(Context& context, const DrillTarget& target) {
    if (target.backup == nullptr) return {};
    try {
        return context.planner().keys_of(*target.backup);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::damaged) throw;
        return {};  // the case says so
    }
}

/// A data key to prove a protector with: one that its writer says it opens, where there is such a one.
struct Example {
    const restore::RunKey* key = nullptr;
    bool is_signed = false;
};

std::map<format::Thumbprint, Example> examples(Context& context, const std::vector<DrillTarget>& targets) {
    std::map<format::Thumbprint, Example> found;
    for (const DrillTarget& target : targets) {
        for (const restore::RunKey* key : keys_of(context, target)) {
            for (const restore::Opener& opener : key->openers) {
                Example& example = found[opener.thumbprint];
                const bool better = example.key == nullptr || (opener.is_signed && !example.is_signed) ||
                                    (opener.is_signed == example.is_signed && example.key->time < key->time);
                if (better) example = {key, opener.is_signed};
            }
        }
    }
    return found;
}

void prove(Context& context, const format::Thumbprint& thumbprint, const Example& example, DrillProtector& protector) {
    try {
        (void)restore::unwrap_key_by(context.repository(), context.planner(), context.resolver(), *example.key,
                                     thumbprint);
    } catch (const Error& error) {
        if (!restore::is_about_slots(error)) throw;
        protector.note = error.what();
        // Anybody may have stored a slot that nobody signed: it is no promise that was broken.
        protector.status = example.is_signed ? "does-not-open" : "unproven-slot";
        return;
    }
    const TimePoint now = context.clock().now();
    protector.proven = true;
    protector.note = "opened data key " + example.key->dek.short_hex();
    protector.last_proven = to_rfc3339(now);
    try {
        context.keyring().note_proven(thumbprint, now);
    } catch (const Error& error) {
        context.terminal().warning(std::string("the date of this proof is not kept in the keyring: ") + error.what());
    }
}

std::string last_proven(Context& context, const format::Thumbprint& thumbprint,
                        const std::map<std::string, std::string>& before) {
    std::string last;
    if (const keyring::Link* link = context.keyring().find(thumbprint); link != nullptr && link->last_proven)
        last = to_rfc3339(*link->last_proven);
    const auto drilled = before.find(thumbprint.text());
    return drilled == before.end() ? last : std::max(last, drilled->second);
}

}  // namespace

std::vector<DrillProtector> prove_protectors(Context& context, const std::vector<DrillTarget>& targets,
                                             const std::vector<DrillCase>& cases,
                                             const std::map<std::string, std::string>& before) {
    std::set<std::string> used;
    for (const DrillCase& one : cases) used.insert(one.opened_by.begin(), one.opened_by.end());
    std::vector<DrillProtector> protectors;
    for (const auto& [thumbprint, example] : examples(context, targets)) {
        stop_if_interrupted();
        const keyring::ProtectorReport report = context.planner().status(thumbprint);
        DrillProtector protector;
        protector.thumbprint = thumbprint.text();
        protector.name = report.name;
        if (report.role) protector.role = std::string(keyring::text(*report.role));
        protector.status = std::string(keyring::text(report.status));
        protector.note = report.detail;
        protector.used = used.contains(protector.thumbprint);
        protector.last_proven = last_proven(context, thumbprint, before);
        if (report.can_unwrap) prove(context, thumbprint, example, protector);
        protectors.push_back(std::move(protector));
    }
    std::stable_sort(protectors.begin(), protectors.end(), [](const DrillProtector& left, const DrillProtector& right) {
        return std::pair(!left.used, left.name) < std::pair(!right.used, right.name);
    });
    return protectors;
}

}  // namespace signet::cli
