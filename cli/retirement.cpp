#include "cli/retirement.h"

#include "cli/officer.h"
#include "cli/table.h"
#include "cli/waiting_writers.h"

#include <algorithm>

namespace signet::cli {
namespace {

std::string day(TimePoint time) { return to_table_time(time).substr(0, 10); }

std::string date_text(const Retirement& one) {
    if (one.free) return "now";
    if (one.from) return "from " + day(*one.from) + " on, when those backups have been forgotten";
    if (!one.fenced || !one.waiting.empty() || !one.obstacles.empty()) return "no date yet";
    return "no date: the retention rule names no time (policy keep-within)";
}

/// When the newest of these was made: from then on the policy's retention counts, whatever time a backup claims.
std::optional<TimePoint> newest_made(const std::vector<const restore::Backup*>& backups) {
    std::optional<TimePoint> newest;
    for (const restore::Backup* backup : backups)
        newest = std::max(newest.value_or(backup->committed), backup->committed);
    return newest;
}

}  // namespace

std::optional<TimePoint> needed_until(const keyring::Policy& policy, const std::optional<TimePoint>& newest,
                                      const std::optional<TimePoint>& reachable, TimePoint now) {
    if (!reachable || policy.after_rotation == keyring::AfterRotation::fresh) return newest;
    const TimePoint horizon = after(*reachable, policy.dedup_horizon_ns);
    return horizon > now ? std::max(newest.value_or(horizon), horizon) : newest;
}

std::optional<TimePoint> free_from(const keyring::Policy& policy, const restore::Catalogue& catalogue,
                                   const format::Thumbprint& protector, const std::optional<TimePoint>& needed_until) {
    if (!policy.is_fenced(protector) || !policy.keep_within_ns || !needed_until ||
        !waiting_writers(catalogue, protector).empty())
        return std::nullopt;
    return after(*needed_until, *policy.keep_within_ns);
}

Retirement judge_retirement(Context& context, const NamedProtector& protector, restore::FenceWord word) {
    const NumberedPolicy policy = current_policy(context);
    const KeyImpact impact = impact_without(context, protector);
    const restore::Catalogue& catalogue = context.catalogue(false);
    Retirement one;
    one.location = context.repository_location();
    one.repository = context.repository().config().repository.hex();
    one.fenced = word == restore::FenceWord::to_go ? policy.policy.is_fenced(protector.thumbprint)
                                                   : policy.policy.is_compromised(protector.thumbprint);
    one.policy = policy.number;
    one.waiting = waiting_writers(catalogue, protector.thumbprint, word);
    one.backups = impact.backups;
    one.needing = impact.lost.size();
    for (const restore::Backup* backup : impact.lost)
        one.newest = std::max(one.newest.value_or(backup->time()), backup->time());
    one.obstacles = impact.unknown;
    one.untrusted = impact.untrusted;
    one.free = one.fenced && one.waiting.empty() && one.needing == 0 && one.obstacles.empty();
    if (!one.free && one.obstacles.empty())
        one.from =
            free_from(policy.policy, catalogue, protector.thumbprint,
                      needed_until(policy.policy, newest_made(impact.lost), impact.reachable, context.clock().now()));
    return one;
}

std::optional<TimePoint> latest_date(const std::vector<Retirement>& all) {
    std::optional<TimePoint> latest;
    for (const Retirement& one : all) {
        if (one.free) continue;
        if (!one.from) return std::nullopt;
        latest = latest ? std::max(*latest, *one.from) : *one.from;
    }
    return latest;
}

std::string why_not_free(const Retirement& one) {
    std::vector<std::string> reasons = one.obstacles;
    if (!one.repository.empty() && !one.fenced) reasons.emplace_back("its policy does not say yet that it is to go");
    if (one.fenced && !one.waiting.empty())
        reasons.push_back(counted(one.waiting.size(), "writer") + " made no backup since the policy says so");
    if (one.needing > 0) reasons.push_back(counted(one.needing, "backup") + " could not be restored without it");
    return join(reasons, "; ");
}

void print_retirement(Terminal& terminal, const Retirement& one) {
    const auto line = [&](const std::string& name, const std::string& value) {
        terminal.result("  " + name + std::string(name.size() < 18 ? 18 - name.size() : 1, ' ') + value);
    };
    terminal.result(printable(one.location) + (one.repository.empty() ? "" : " (repository " + one.repository + ")"));
    for (const std::string& obstacle : one.obstacles) line("not judged", printable(obstacle));
    if (!one.repository.empty()) {
        line("fence", one.fenced ? "policy " + std::to_string(one.policy) : "none");
        for (const restore::WaitingWriter& writer : one.waiting) {
            if (one.fenced) line("waits for", waiting_text(writer));
        }
        line("opens", counted(one.backups, "backup"));
        line("needed by",
             one.needing == 0 ? "nothing" : counted(one.needing, "backup") + ", the newest of " + day(*one.newest));
    }
    for (const std::string& sentence : untrusted_sentences(one.untrusted, "it"))
        line("not counted", printable(sentence));
    line("can be destroyed", date_text(one));
}

Json retirement_json(const Retirement& one) {
    Json waiting = Json::array();
    for (const restore::WaitingWriter& writer : one.waiting) {
        if (one.fenced) waiting.push_back(waiting_json(writer));
    }
    Json json = {{"repository", one.repository.empty() ? Json(nullptr) : Json(one.repository)},
                 {"fenced", one.fenced},
                 {"policy", one.policy},
                 {"waiting", std::move(waiting)},
                 {"backups", one.backups},
                 {"needing", one.needing},
                 {"newest", one.newest ? Json(to_rfc3339(*one.newest)) : Json(nullptr)},
                 {"from", one.from ? Json(to_rfc3339(*one.from)) : Json(nullptr)},
                 {"free", one.free}};
    set_text(json, "location", one.location);
    set_texts(json, "obstacles", one.obstacles);
    json["untrusted"] = untrusted_json(one.untrusted);
    return json;
}

}  // namespace signet::cli
