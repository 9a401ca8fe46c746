#include "tests/unit/restore/plan_model.h"

#include <algorithm>
#include <tuple>

namespace signet::restore::test {
namespace {

using Told = ModelPlace::Told;

ProtectorStatus status_of(Told told) {
    switch (told) {
        case Told::well:
            return ProtectorStatus::usable;
        case Told::disabled:
            return ProtectorStatus::disabled;
        case Told::deleted:
        case Told::gone:
            return ProtectorStatus::deleted;
        case Told::denied:
            return ProtectorStatus::denied;
        case Told::unreachable:
            return ProtectorStatus::unreachable;
    }
    return ProtectorStatus::denied;
}

/// The place that decides, and what it says; nothing when all are out of reach.
std::optional<std::pair<const ModelPlace*, Told>> decision(const ModelProtector& protector) {
    for (const ModelPlace* place : protector.private_halves) {
        // An outage opens the way to the next place, unless it comes after a refusal.
        const Told said =
            place->told == Told::unreachable ? place->remembered.value_or(Told::unreachable) : place->told;
        if (said != Told::unreachable) return std::pair(place, said);
    }
    return std::nullopt;
}

ProtectorStatus by_dates(const ModelPlace& place, TimePoint at) {
    if (place.not_before && at < *place.not_before) return ProtectorStatus::not_yet_valid;
    if (place.expires && at >= *place.expires) return ProtectorStatus::expired;
    return ProtectorStatus::usable;
}

int rank_of(const std::optional<keyring::LinkRole>& role) {
    if (role == keyring::LinkRole::default_) return 0;
    if (role == keyring::LinkRole::linked) return 1;
    return role ? 3 : 2;
}

bool by_moment(const ModelRun* left, const ModelRun* right, const std::vector<IdentityId>& writers) {
    const auto key = [&](const ModelRun* run) {
        return std::tuple(run->time, writers[static_cast<std::size_t>(run->writer)], run->sequence);
    };
    return key(left) < key(right);
}

}  // namespace

void ask_all(std::map<Thumbprint, ModelProtector>& protectors) {
    for (auto& [thumbprint, protector] : protectors) {
        for (ModelPlace* place : protector.private_halves) {
            if (place->told == Told::unreachable) {
                if (place->remembered) break;
                continue;
            }
            if (place->told == Told::well)
                place->remembered.reset();
            else  // whichever keyring links it, the host's own one remembers
                place->remembered = place->told;
            break;
        }
    }
}

PlanModel::PlanModel(const ModelHistory& history, const std::map<Thumbprint, ModelProtector>& protectors,
                     ModelQuestion question)
    : history_(history), protectors_(protectors), question_(std::move(question)) {
    for (const ModelRun& run : history_.runs) {
        places_[{run.writer, run.sequence}] = &run;
        Key& key = keys_[name_of(run)];
        // What was committed is the run; an interrupted entry counts as long as there is nothing else.
        if (run.is_backup || !key.is_committed) key.time = run.time;
        key.is_committed |= run.is_backup;
        const auto stored = history_.stored.find(run.dek);
        if (stored != history_.stored.end()) key.openers.insert(stored->second.begin(), stored->second.end());
        if (question_.as_of && run.committed > *question_.as_of) continue;
        key.has_backup |= run.is_backup;
        for (const Thumbprint& slot : run.slots) {
            key.openers.insert(slot);
            // Beyond its trust a writer's word is worth what anybody's is.
            if (!run.is_believed) continue;
            key.is_signed.insert(slot);
            const auto used = last_used_.try_emplace(slot, run.time).first;
            used->second = std::max(used->second, run.time);
        }
    }
    for (auto& [name, key] : keys_) {
        key.chosen = choose(key);
        key.shown = key.chosen ? std::set{*key.chosen} : key.openers;
        key.is_proven = std::any_of(key.is_signed.begin(), key.is_signed.end(),
                                    [&](const Thumbprint& one) { return state_of(one).unwraps; });
    }
}

ModelState PlanModel::state_of(const Thumbprint& thumbprint) const {
    const auto found = protectors_.find(thumbprint);
    if (question_.without.contains(thumbprint) || found == protectors_.end() || !found->second.is_linked) {
        return {ProtectorStatus::missing, false};
    }
    const ModelProtector& protector = found->second;
    if (protector.private_halves.empty()) return {ProtectorStatus::wrap_only, false};
    if (question_.offline) return {ProtectorStatus::usable, true};  // every link was well when it was made
    const auto decided = decision(protector);
    if (!decided) return {ProtectorStatus::unreachable, false};
    if (decided->second != Told::well) return {status_of(decided->second), false};
    return {by_dates(*decided->first, horizon()), true};
}

const ModelRun* PlanModel::run_at(int writer, std::uint64_t sequence) const { return places_.at({writer, sequence}); }

const std::vector<const ModelRun*>& PlanModel::visible(int series) const {
    const auto [found, is_new] = visible_.try_emplace(series);
    std::vector<const ModelRun*>& backups = found->second;
    if (!is_new) return backups;
    for (const ModelRun& run : history_.runs) {
        const bool was_there = !question_.as_of || run.committed <= *question_.as_of;
        if (run.is_backup && run.is_trusted && run.series == series && was_there) backups.push_back(&run);
    }
    std::sort(backups.begin(), backups.end(),
              [&](const ModelRun* left, const ModelRun* right) { return by_moment(left, right, history_.writers); });
    return backups;
}

std::set<PlanModel::KeyName> PlanModel::needs(const ModelRun& run) const {
    std::set<KeyName> keys{name_of(run)};
    for (const auto& [writer, sequence] : run.reach) keys.insert(name_of(*run_at(writer, sequence)));
    return keys;
}

/// A data key is known by who signed, its id and its commitment; what nobody trusted says is about another one.
PlanModel::KeyName PlanModel::name_of(const ModelRun& run) {
    return {run.writer, run.dek, run.commitment, run.is_believed};
}

/// The opener that is used: one that unwraps, rather vouched for by a trusted writer, rather within its dates, rather
/// the default than a linked one than one of another keyring than a recovery one, rather the one in use most recently.
std::optional<Thumbprint> PlanModel::choose(const Key& key) const {
    using Worth = std::tuple<bool, bool, int, std::int64_t, Thumbprint>;
    std::optional<Worth> best;
    for (const Thumbprint& opener : key.openers) {
        const ModelState state = state_of(opener);
        if (!state.unwraps) continue;
        const auto known = protectors_.find(opener);
        const auto used = last_used_.find(opener);
        const Worth worth{!key.is_signed.contains(opener), state.status != ProtectorStatus::usable,
                          rank_of(known->second.role), used == last_used_.end() ? 0 : -used->second.ns, opener};
        if (!best || worth < *best) best = worth;
    }
    if (!best) return std::nullopt;
    return std::get<Thumbprint>(*best);
}

std::set<Thumbprint> PlanModel::blockers(const ModelRun& run) const {
    std::set<Thumbprint> blocking;
    for (const KeyName& name : needs(run)) {
        const Key& key = keys_.at(name);
        if (!key.chosen) blocking.insert(key.openers.begin(), key.openers.end());
    }
    return blocking;
}

bool PlanModel::is_restorable(const ModelRun& run) const {
    if (!run.is_trusted || run.is_broken) return false;
    const std::set<KeyName> keys = needs(run);
    return std::all_of(keys.begin(), keys.end(),
                       [&](const KeyName& name) { return keys_.at(name).chosen.has_value(); });
}

bool PlanModel::is_unproven(const ModelRun& run) const {
    const std::set<KeyName> keys = needs(run);
    return is_restorable(run) &&
           !std::all_of(keys.begin(), keys.end(), [&](const KeyName& name) { return keys_.at(name).is_proven; });
}

std::vector<const ModelRun*> PlanModel::line_of(const ModelRun& run) const { return visible(run.series); }

const ModelRun* PlanModel::newest(const std::vector<const ModelRun*>& backups, TimePoint moment) {
    const ModelRun* found = nullptr;
    for (const ModelRun* run : backups) {
        if (run->time <= moment) found = run;
    }
    return found;
}

const ModelRun* PlanModel::at(int series, TimePoint moment) const { return newest(visible(series), moment); }

/// What the moments from..to, both included, are restored from.
std::vector<const ModelRun*> PlanModel::moments(const std::vector<const ModelRun*>& backups, TimePoint from,
                                                TimePoint to) {
    std::set<TimePoint> starts;
    for (const ModelRun* run : backups) {
        if (run->time > from && run->time <= to) starts.insert(run->time);
    }
    std::vector<const ModelRun*> wanted;
    if (const ModelRun* first = newest(backups, from)) wanted.push_back(first);
    for (const TimePoint start : starts) wanted.push_back(newest(backups, start));
    return wanted;
}

const std::vector<ModelInterval>& PlanModel::whole(int series) const {
    const auto [found, is_new] = whole_.try_emplace(series);
    if (is_new) found->second = cover(moments(visible(series), {INT64_MIN}, {INT64_MAX}), horizon());
    return found->second;
}

std::vector<ModelInterval> PlanModel::cover(const std::vector<const ModelRun*>& backups, TimePoint end) const {
    std::vector<ModelInterval> intervals;
    for (std::size_t i = 0; i < backups.size(); ++i) {
        const ModelRun& run = *backups[i];
        ModelInterval next;
        next.from = run.time;
        next.to = i + 1 < backups.size() ? backups[i + 1]->time : std::max(end, run.time);
        next.restorable = is_restorable(run);
        next.is_damaged = run.is_broken;
        next.unproven = is_unproven(run);
        if (!next.restorable && !run.is_broken) next.blocked_by = blockers(run);
        next.backups = 1;
        ModelInterval* last = intervals.empty() ? nullptr : &intervals.back();
        const auto verdict = [](const ModelInterval& one) {
            return std::tuple(one.restorable, one.unproven, one.is_damaged, one.blocked_by);
        };
        if (last != nullptr && verdict(*last) == verdict(next)) {
            last->to = next.to;
            last->backups += 1;
        } else {
            intervals.push_back(next);
        }
    }
    return intervals;
}

/// Whom these moments, which a backup is restored for, need.
void PlanModel::add_moments(ModelPlan& plan, const ModelRun& run, TimePoint from, TimePoint to) const {
    if (run.is_broken) return;
    std::set<Thumbprint> needed;
    for (const KeyName& name : needs(run)) {
        const std::set<Thumbprint>& shown = keys_.at(name).shown;
        needed.insert(shown.begin(), shown.end());
    }
    for (const Thumbprint& one : needed) {
        auto& known = plan.required.at(one).moments;
        if (known.empty() || known.back().second != from)
            known.emplace_back(from, to);
        else
            known.back().second = to;
    }
}

ModelPlan PlanModel::about(const std::vector<const ModelRun*>& backups, TimePoint from, TimePoint to) const {
    ModelPlan plan;
    std::set<KeyName> all;
    std::set<Thumbprint> own;
    for (const ModelRun* run : backups) {
        const Key& key = keys_.at(name_of(*run));
        own.insert(key.openers.begin(), key.openers.end());
        plan.is_broken |= run->is_broken;
        if (!run->is_broken) all.merge(needs(*run));
    }
    plan.restorable = !plan.is_broken;
    for (const KeyName& name : all) {
        const Key& key = keys_.at(name);
        const auto& opener = key.chosen;
        plan.restorable &= opener.has_value();
        if (key.openers.empty()) plan.orphaned.insert(std::get<DekId>(name));
        if (!opener && !key.openers.empty()) plan.unopenable.insert(std::get<DekId>(name));
        if (opener && !key.is_proven) plan.unproven += 1;
        for (const Thumbprint& one : key.shown) {
            const bool is_new = !plan.required.contains(one);
            ModelRequired& required = plan.required[one];
            required.status = state_of(one).status;
            required.usable = state_of(one).unwraps;
            required.inherited = !own.contains(one);
            required.from = is_new ? key.time : std::min(required.from, key.time);
            required.to = is_new ? key.time : std::max(required.to, key.time);
            required.backups += key.has_backup ? 1U : 0U;
            required.deks += 1;
            required.unproven += key.is_signed.contains(one) ? 0U : 1U;
            for (const Thumbprint& other : key.openers) {
                if (other != one) required.alternatives.insert(other);
            }
        }
    }
    for (std::size_t i = 0; i < backups.size(); ++i) {
        const TimePoint end = i + 1 < backups.size() ? backups[i + 1]->time : to;
        add_moments(plan, *backups[i], std::max(backups[i]->time, from), end);
    }
    return plan;
}

/// The moments closest to a stretch that can be restored, in whole seconds where a gap has one before it.
void PlanModel::find_nearest(ModelPlan& plan, TimePoint from, TimePoint to) {
    if (plan.restorable) return;
    for (const ModelInterval& interval : plan.coverage) {
        if (!interval.restorable) continue;
        if (interval.from <= from) {
            const TimePoint last{(interval.to.ns - 1) / kNsPerSecond * kNsPerSecond};
            plan.before = interval.to > from ? from : std::max(last, interval.from);
        }
        if (!plan.after && interval.to > to) plan.after = std::max(interval.from, to);
    }
}

ModelPlan PlanModel::plan(const ModelRun& run) const {
    ModelPlan plan = about({&run}, run.time, run.time);
    // Anybody can claim a series' id: what others stored under it is nothing to this backup.
    plan.coverage = cover(moments(line_of(run), {INT64_MIN}, {INT64_MAX}), horizon());
    find_nearest(plan, run.time, run.time);
    return plan;
}

ModelPlan PlanModel::plan(int series, TimePoint from, TimePoint to) const {
    const std::vector<const ModelRun*>& all = visible(series);
    if (!all.empty()) from = std::max(from, all.front()->time);  // there is nothing before
    ModelPlan plan = about(moments(all, from, to), from, to);
    plan.coverage = whole(series);
    find_nearest(plan, from, to);
    return plan;
}

std::optional<ModelPlan> PlanModel::lane(int series, std::optional<TimePoint> from, std::optional<TimePoint> to) const {
    const std::vector<const ModelRun*> all = visible(series);
    if (all.empty()) return std::nullopt;
    const TimePoint start = from.value_or(all.front()->time);
    const TimePoint end = to.value_or(std::max({horizon(), all.back()->time, start}));
    if (at(series, end) == nullptr) return std::nullopt;
    const std::vector<const ModelRun*> wanted = moments(all, start, end);
    ModelPlan plan = about(wanted, start, end);
    plan.coverage = cover(wanted, end);
    plan.coverage.front().from = std::max(plan.coverage.front().from, start);
    find_nearest(plan, start, end);
    return plan;
}

}  // namespace signet::restore::test
