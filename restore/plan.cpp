#include "restore/plan.h"

#include <algorithm>
#include <tuple>

#include "format/names.h"
#include "restore/planner_parts.h"

namespace signet::restore {
namespace {

using format::Thumbprint;
using keyring::ProtectorStatus;

bool same_verdict(const CoverageInterval& left, const CoverageInterval& right) {
    return left.restorable == right.restorable && left.unproven == right.unproven &&
           left.blocked_by == right.blocked_by && left.damage.empty() == right.damage.empty();
}

/// A moment just before `end`, in whole seconds where the interval has one.
TimePoint last_moment(const CoverageInterval& interval) {
    const TimePoint before{(interval.to.ns - 1) / kNsPerSecond * kNsPerSecond};
    return before >= interval.from ? before : interval.from;
}

/// Whose unlocking would open a key that nothing opens now. Whose slots lied is no protector that is missing, unless
/// there is no other.
std::vector<const Opener*> blockers(const RunKey& key) {
    std::vector<const Opener*> openers;
    for (const Opener& opener : key.openers) {
        if (!opener.disproved) openers.push_back(&opener);
    }
    if (!openers.empty()) return openers;
    for (const Opener& opener : key.openers) openers.push_back(&opener);
    return openers;
}

/// Of the backups of a series, those that a moment of a stretch is restored from: the newest one at its start, and
/// those in it. Of backups of one moment the last counts.
std::vector<const Backup*> within(const std::vector<const Backup*>& series, TimePoint from, TimePoint to) {
    std::vector<const Backup*> wanted;
    for (const Backup* backup : series) {
        if (backup->time() > to) break;
        if (backup->time() <= from) wanted.clear();
        if (!wanted.empty() && wanted.back()->time() == backup->time()) wanted.pop_back();
        wanted.push_back(backup);
    }
    return wanted;
}

/// Adds moments that do not begin before the last ones.
void add_moments(std::vector<Moments>& all, const Moments& more) {
    if (all.empty() || all.back().to < more.from)
        all.push_back(more);
    else
        all.back().to = std::max(all.back().to, more.to);
}

/// Bases are of no use without the logs after them.
bool have_bases(const std::vector<const Backup*>& wanted) {
    return std::any_of(wanted.begin(), wanted.end(),
                       [](const Backup* backup) { return backup->fields->base.has_value(); });
}

/// Cuts an interval in two where `at` lies within it. What counts its backups stays with the first part.
void cut(std::vector<CoverageInterval>& coverage, TimePoint at) {
    const auto found = std::find_if(coverage.begin(), coverage.end(), [&](const CoverageInterval& interval) {
        return interval.from < at && at < interval.to;
    });
    if (found == coverage.end()) return;
    CoverageInterval rest = *found;
    found->to = at;
    rest.from = at;
    rest.backups = 0;
    coverage.insert(found + 1, std::move(rest));
}

}  // namespace

/// Collects what a set of data keys needs, protector by protector.
class Planner::Gathering {
public:
    Gathering(Planner& planner, std::set<Thumbprint> own) : planner_(planner), own_(std::move(own)) {}

    /// A data key that these moments need. Moments come in order.
    void add(const RunKey& key, const Moments& moments, Plan& plan) {
        const auto [found, is_new] = chosen_.try_emplace(&key);
        if (is_new) found->second = choose(key, plan);
        for (const Opener* opener : found->second) add_moments(required_.at(opener->thumbprint).moments, moments);
    }

    /// The same of logs. moments  that they are replayed for
    void add(const RunKey& key, const NeededLogs& logs, const Moments& moments, Plan& plan) {
        add(key, moments, plan);
        for (const Opener* opener : chosen_.at(&key)) {
            RequiredProtector& one = required_.at(opener->thumbprint);
            one.logs += logs.count;
            one.needed_from = std::min(one.needed_from, logs.from);
            one.needed_to = std::max(one.needed_to, logs.to);
        }
    }

    [[nodiscard]] std::vector<RequiredProtector> take() {
        std::vector<RequiredProtector> all;
        for (auto& [thumbprint, one] : required_) all.push_back(std::move(one));
        std::sort(all.begin(), all.end(), [](const RequiredProtector& left, const RequiredProtector& right) {
            return std::tuple(left.usable, left.needed_from, left.report.thumbprint) <
                   std::tuple(right.usable, right.needed_from, right.report.thumbprint);
        });
        return all;
    }

private:
    /// The opener that is used, or those that are missing.
    std::vector<const Opener*> choose(const RunKey& key, Plan& plan) {
        const std::vector<const Opener*> openers = planner_.order(key);
        std::vector<const Opener*> chosen;
        if (openers.empty()) {
            plan.orphaned.push_back(key.dek);
            plan.restorable = false;
        } else if (planner_.may_open(*openers.front())) {
            plan.unproven += openers.front()->is_signed ? 0U : 1U;
            chosen = {openers.front()};
        } else {
            plan.unopenable.push_back(key.dek);
            plan.restorable = false;
            chosen = blockers(key);
        }
        for (const Opener* opener : chosen) add_opener(key, *opener, openers);
        return chosen;
    }

    void add_opener(const RunKey& key, const Opener& opener, const std::vector<const Opener*>& openers) {
        auto [found, is_new] = required_.try_emplace(opener.thumbprint);
        RequiredProtector& one = found->second;
        if (is_new) {
            one.report = planner_.status(opener.thumbprint);
            one.usable = one.report.can_unwrap;
            one.inherited = !own_.contains(opener.thumbprint);
            one.locations = one.report.locations;
            one.escrowed = planner_.escrowed_.contains(opener.thumbprint);
            one.needed_from = key.time;
            one.needed_to = key.time;
        }
        if (one.locations.empty()) {
            const std::string location = planner_.location_of(opener);
            if (!location.empty()) one.locations.push_back(location);
        }
        if (one.report.name.empty() && !one.locations.empty()) one.report.name = name_in(one.locations.front());
        one.needed_from = std::min(one.needed_from, key.time);
        one.needed_to = std::max(one.needed_to, key.time);
        one.backups += key.has_backup ? 1 : 0;
        one.deks += 1;
        one.unproven += opener.is_signed ? 0 : 1;
        for (const Opener* other : openers) {
            if (other->thumbprint == opener.thumbprint) continue;
            const auto at = std::lower_bound(one.alternatives.begin(), one.alternatives.end(), other->thumbprint);
            if (at == one.alternatives.end() || *at != other->thumbprint)
                one.alternatives.insert(at, other->thumbprint);
        }
    }

    Planner& planner_;
    std::set<Thumbprint> own_;
    std::map<const RunKey*, std::vector<const Opener*>> chosen_;
    std::map<Thumbprint, RequiredProtector> required_;
};

Planner::Planner(const Catalogue& catalogue, const storage::Repository& repository, keyring::Resolver& resolver,
                 PlanOptions options)
    : catalogue_(catalogue), repository_(repository), resolver_(resolver), options_(std::move(options)) {
    collect_keys();
    add_stored_slots();
    for (const storage::ObjectInfo& info : repository_.store().list("escrow/")) {
        if (const auto name = format::parse_escrow_name(info.name)) escrowed_.insert(name->thumbprint);
    }
    for (const std::string& reference : options_.without_keys) without_.merge(protectors_named(reference));
}

TimePoint Planner::horizon() const { return options_.as_of ? *options_.as_of : resolver_.vaults().clock().now(); }

Outlook Planner::outlook(const Backup& backup) {
    const CoverageInterval interval = covered_by(backup);
    if (!interval.damage.empty()) return Outlook::damaged;
    if (!interval.restorable) return Outlook::blocked;
    return interval.unproven ? Outlook::unproven : Outlook::restorable;
}

bool Planner::restorable(const Backup& backup) {
    return backup.trusted && !catalogue_.doubt() && covered_by(backup).restorable;
}

std::vector<const Backup*> Planner::visible(const BackupFilter& filter) const {
    BackupFilter then = filter;
    then.as_of = options_.as_of;
    std::vector<const Backup*> backups = catalogue_.select(then);
    std::erase_if(backups, [](const Backup* backup) { return !backup->trusted; });
    return backups;
}

CoverageInterval Planner::covered_by(const Backup& backup) {
    CoverageInterval interval;
    interval.from = backup.time();
    interval.backups = 1;
    std::set<Thumbprint> blocked_by;
    try {
        for (const RunKey* key : keys_of(backup)) {
            interval.unproven = interval.unproven || !is_proven(*key);
            if (is_usable(*key)) continue;
            interval.restorable = false;
            for (const Opener* opener : blockers(*key)) blocked_by.insert(opener->thumbprint);
        }
    } catch (const Error& error) {
        if (error.code() != ErrorCode::damaged) throw;
        interval.restorable = false;
        interval.damage = error.what();
    }
    interval.unproven = interval.unproven && interval.restorable;
    interval.blocked_by.assign(blocked_by.begin(), blocked_by.end());
    return interval;
}

std::vector<CoverageInterval> Planner::coverage(const std::vector<const Backup*>& series, TimePoint end) {
    std::vector<CoverageInterval> intervals;
    for (std::size_t i = 0; i < series.size(); ++i) {
        const bool is_last = i + 1 == series.size();
        // Of backups of one moment the last counts.
        if (!is_last && series[i + 1]->time() == series[i]->time()) continue;
        CoverageInterval interval = covered_by(*series[i]);
        interval.to = is_last ? std::max(end, interval.from) : series[i + 1]->time();
        if (!intervals.empty() && same_verdict(intervals.back(), interval)) {
            intervals.back().to = interval.to;
            intervals.back().backups += 1;
        } else {
            intervals.push_back(std::move(interval));
        }
    }
    return intervals;
}

void Planner::add_warnings(Plan& plan) const {
    for (const RequiredProtector& one : plan.required) {
        const std::string name =
            one.report.thumbprint.short_text() + (one.report.name.empty() ? "" : " " + one.report.name);
        if (one.usable && one.report.status != ProtectorStatus::usable) {
            plan.warnings.push_back(name + " is " + std::string(text(one.report.status)) + ", and still unwraps");
        }
        if (one.unproven > 0) {
            plan.warnings.push_back(name + ": that it opens " + std::to_string(one.unproven) + " of " +
                                    std::to_string(one.deks) + " data keys is a claim of stored slots, not proven");
        }
    }
    for (const DekId& dek : plan.orphaned) plan.warnings.push_back("data key " + dek.hex() + " has no slot at all");
    plan.warnings.insert(plan.warnings.end(), lies_.begin(), lies_.end());
    for (const JournalFinding& finding : catalogue_.findings()) {
        if (finding.trusted) plan.warnings.emplace_back(finding.error.what());
    }
}

/// Where the data key of logs decides.
void Planner::cover(std::vector<CoverageInterval>& coverage, const Moments& moments, const RunKey& key) {
    const bool usable = is_usable(key);
    if (usable && is_proven(key)) return;
    cut(coverage, moments.from);
    cut(coverage, moments.to);
    for (CoverageInterval& interval : coverage) {
        if (interval.to <= moments.from || interval.from >= moments.to) continue;
        interval.unproven = usable && interval.restorable;
        if (usable) continue;
        interval.restorable = false;
        for (const Opener* opener : blockers(key)) {
            const auto at =
                std::lower_bound(interval.blocked_by.begin(), interval.blocked_by.end(), opener->thumbprint);
            if (at == interval.blocked_by.end() || *at != opener->thumbprint)
                interval.blocked_by.insert(at, opener->thumbprint);
        }
    }
}

void Planner::add_logs(const LogsOfStretch& logs, Gathering& gathering, Plan& plan) {
    if (logs.end < plan.to) {
        plan.warnings.push_back("the logs of " + plan.series + " end at " + to_rfc3339(logs.end) +
                                ": no later moment can be restored");
        plan.restorable = plan.restorable && plan.from <= logs.end;
        plan.to = std::max(plan.from, logs.end);
    }
    // Nobody has looked at the logs of what lies outside.
    cut(plan.coverage, plan.from);
    cut(plan.coverage, plan.to);
    std::erase_if(plan.coverage, [&](const CoverageInterval& interval) {
        return interval.to < plan.from || interval.from > plan.to ||
               (interval.from < interval.to && (interval.to == plan.from || interval.from == plan.to));
    });
    for (const StretchLogs& some : logs.needed) {
        const RunKey& opened_by = key(*some.logs.epoch->entry, some.logs.epoch->fields);
        const Moments part{std::max(some.moments.from, plan.from), std::min(some.moments.to, plan.to)};
        gathering.add(opened_by, some.logs, part, plan);
        cover(plan.coverage, some.moments, opened_by);
    }
}

Plan Planner::make(const std::vector<const Backup*>& wanted, const Stretch& stretch, Broken broken,
                   const FindLogs& find_logs) {
    Plan plan;
    plan.series = wanted.back()->series();
    std::tie(plan.series_id, plan.line) = catalogue_.series_of(*wanted.back());
    plan.from = stretch.from;
    plan.to = stretch.to;
    plan.coverage = stretch.coverage;
    plan.options = options_;
    std::set<Thumbprint> own;
    for (const Backup* backup : wanted) {
        for (const Opener& opener : key(*backup->body.entry, *backup->body.listed).openers)
            own.insert(opener.thumbprint);
    }
    const auto tolerate = [&](const Error& error) {
        if (broken == Broken::is_thrown || error.code() != ErrorCode::damaged) throw;
        plan.restorable = false;
        plan.warnings.emplace_back(error.what());
    };
    std::optional<LogsOfStretch> logs;
    if (have_bases(wanted) && find_logs) {
        try {
            logs = find_logs(wanted, {plan.from, plan.to});
        } catch (const Error& error) {
            tolerate(error);
        }
    } else if (have_bases(wanted)) {
        plan.warnings.push_back(
            "the logs of " + plan.series +
            " are not looked at here: signet plan --at T says whether base and logs lead to a moment");
    }
    for (const StretchLogs& some : logs ? logs->needed : std::vector<StretchLogs>{}) {
        for (const Opener& opener : key(*some.logs.epoch->entry, some.logs.epoch->fields).openers)
            own.insert(opener.thumbprint);
    }
    Gathering gathering(*this, std::move(own));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const TimePoint end = i + 1 < wanted.size() ? wanted[i + 1]->time() : plan.to;
        const Moments moments{std::max(wanted[i]->time(), plan.from), end};
        try {
            for (const RunKey* key : keys_of(*wanted[i])) gathering.add(*key, moments, plan);
        } catch (const Error& error) {
            tolerate(error);
        }
    }
    if (logs) add_logs(*logs, gathering, plan);
    plan.required = gathering.take();
    if (!plan.restorable) plan.find_nearest();
    add_warnings(plan);
    return plan;
}

Plan Planner::plan(const Backup& backup) {
    catalogue_.require_no_doubt();
    if (options_.as_of && backup.committed > *options_.as_of) {
        throw Error(ErrorCode::usage, "backup " + backup.describe() + " was not there at " +
                                          to_rfc3339(*options_.as_of) + ": it was signed at " +
                                          to_rfc3339(backup.entry->head.time));
    }
    Plan plan =
        make({&backup}, {backup.time(), backup.time(), coverage(series_of(backup), horizon())}, Broken::is_thrown);
    plan.backup = backup.id;
    return plan;
}

std::vector<const Backup*> Planner::series_of(const Backup& backup) const {
    std::vector<const Backup*> series = visible({});
    const SeriesKey wanted = catalogue_.series_of(backup);
    std::erase_if(series, [&](const Backup* other) { return catalogue_.series_of(*other) != wanted; });
    return series;
}

Plan Planner::plan(const Backup& base, const std::vector<NeededLogs>& logs, TimePoint at) {
    catalogue_.require_no_doubt();
    Plan plan;
    plan.series = base.series();
    std::tie(plan.series_id, plan.line) = catalogue_.series_of(base);
    plan.backup = base.id;
    plan.from = at;
    plan.to = at;
    plan.options = options_;
    plan.coverage = coverage(series_of(base), horizon());
    std::set<Thumbprint> own;
    for (const Opener& opener : key(*base.body.entry, *base.body.listed).openers) own.insert(opener.thumbprint);
    for (const NeededLogs& some : logs) {
        for (const Opener& opener : key(*some.epoch->entry, some.epoch->fields).openers) own.insert(opener.thumbprint);
    }
    Gathering gathering(*this, std::move(own));
    for (const RunKey* one : keys_of(base)) gathering.add(*one, {at, at}, plan);
    for (const NeededLogs& some : logs)
        gathering.add(key(*some.epoch->entry, some.epoch->fields), some, {at, at}, plan);
    plan.required = gathering.take();
    add_warnings(plan);
    return plan;
}

Plan Planner::plan(const BackupFilter& filter, const FindLogs& find_logs) {
    catalogue_.require_no_doubt();
    BackupFilter whole = filter;
    whole.from.reset();
    whole.at.reset();
    const std::vector<const Backup*> series = visible(whole);
    if (series.empty()) throw Error(ErrorCode::usage, "there is no such backup", "signet list shows what there is");
    catalogue_.require_one_series(series);
    const TimePoint first = series.front()->time();
    const bool is_clipped = filter.from && *filter.from < first;
    const TimePoint from = is_clipped ? first : filter.from.value_or(first);
    const TimePoint to = filter.at.value_or(std::max({horizon(), series.back()->time(), from}));
    const std::vector<const Backup*> wanted = within(series, from, to);
    if (wanted.empty()) {
        throw Error(ErrorCode::usage,
                    "there is no backup of " + series.front()->series() + " as old as " + to_rfc3339(to),
                    "its oldest is of " + to_rfc3339(first));
    }
    Plan plan = make(wanted, {from, to, coverage(series, horizon())}, Broken::is_thrown, find_logs);
    if (is_clipped)
        plan.warnings.push_back("nothing before " + to_rfc3339(first) + " can be restored: no backup is older");
    return plan;
}

std::vector<Plan> Planner::timeline(const BackupFilter& filter, const FindLogs& find_logs) {
    catalogue_.require_no_doubt();
    BackupFilter whole = filter;
    whole.from.reset();
    whole.at.reset();
    std::vector<std::pair<SeriesKey, std::vector<const Backup*>>> lanes;
    for (const Backup* backup : visible(whole)) {
        const SeriesKey series = catalogue_.series_of(*backup);
        auto lane = std::find_if(lanes.begin(), lanes.end(), [&](const auto& each) { return each.first == series; });
        if (lane == lanes.end()) lane = lanes.insert(lane, {series, {}});
        lane->second.push_back(backup);
    }
    const TimePoint present = horizon();  // of all lanes the same
    std::vector<Plan> plans;
    plans.reserve(lanes.size());
    for (const auto& [series, backups] : lanes) {
        const TimePoint from = filter.from.value_or(backups.front()->time());
        const TimePoint to = filter.at.value_or(std::max({present, backups.back()->time(), from}));
        const std::vector<const Backup*> wanted = within(backups, from, to);
        if (wanted.empty()) continue;
        Stretch stretch{from, to, coverage(wanted, to)};
        TimePoint& start = stretch.coverage.front().from;
        start = std::max(start, from);
        plans.push_back(make(wanted, stretch, Broken::is_warning, find_logs));
    }
    std::sort(plans.begin(), plans.end(),
              [](const Plan& left, const Plan& right) { return left.series < right.series; });
    return plans;
}

void Plan::find_nearest() {
    before.reset();
    after.reset();
    for (const CoverageInterval& interval : coverage) {
        if (!interval.restorable) continue;
        if (interval.from <= from) before = interval.to <= from ? last_moment(interval) : from;
        if (interval.to > to && !after) after = std::max(interval.from, to);
    }
}

KeyUnavailable::KeyUnavailable(Plan plan)
    : Error(ErrorCode::key_unavailable,
            "cannot restore " + plan.series + " at " + to_rfc3339(plan.to) + ": " + plan.reason(),
            "signet plan shows when each is needed"),
      plan_(std::make_shared<const Plan>(std::move(plan))) {}

}  // namespace signet::restore
