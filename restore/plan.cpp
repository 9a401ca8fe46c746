#include "restore/plan.h"

#include <algorithm>
#include <tuple>

#include "format/names.h"
#include "format/officer_entry.h"

namespace signet::restore {
namespace {

using format::Thumbprint;
using keyring::ProtectorStatus;

/// Lower is better, among openers that can be used.
int rank_of(const std::optional<keyring::LinkRole>& role) {
    if (!role) return 2;
    switch (*role) {
        case keyring::LinkRole::default_:
            return 0;
        case keyring::LinkRole::linked:
            return 1;
        case keyring::LinkRole::recovery:
            return 3;
    }
    return 2;
}

/// What the last test of a link found, as it was recorded.
ProtectorStatus status_of_record(const std::string& state) {
    constexpr std::pair<std::string_view, ProtectorStatus> kStates[] = {
        {"disabled", ProtectorStatus::disabled},       {"not-yet-valid", ProtectorStatus::not_yet_valid},
        {"expired", ProtectorStatus::expired},         {"deleted", ProtectorStatus::deleted},
        {"unavailable", ProtectorStatus::unreachable}, {"throttled", ProtectorStatus::unreachable},
        {"denied", ProtectorStatus::denied},           {"not-found", ProtectorStatus::deleted}};
    for (const auto& [text, status] : kStates) {
        if (state == text || state == "key-" + std::string(text)) return status;
    }
    return state.empty() || state == "enabled" || state == "ok" ? ProtectorStatus::usable : ProtectorStatus::denied;
}

bool can_unwrap(ProtectorStatus status) {
    return status == ProtectorStatus::usable || status == ProtectorStatus::expired ||
           status == ProtectorStatus::not_yet_valid;
}

/// "prod-2025" of "local:prod-2025/1".
std::string name_in(const std::string& location) {
    constexpr std::string_view kLabel = "object=";  // of a key on a token
    if (const auto label = location.find(kLabel); location.starts_with("pkcs11:") && label != std::string::npos) {
        const std::size_t start = label + kLabel.size();
        return location.substr(start, location.find_first_of(";?", start) - start);
    }
    const std::size_t start = location.find_last_of(":#") + 1;
    return location.substr(start, location.find('/', start) - start);
}

bool same_verdict(const CoverageInterval& left, const CoverageInterval& right) {
    return left.restorable == right.restorable && left.unproven == right.unproven &&
           left.blocked_by == right.blocked_by && left.damage.empty() == right.damage.empty();
}

bool succeeds(const Backup& backup, const IdentityId& writer) {
    const auto& predecessors = backup.fields->predecessors;
    return std::find(predecessors.begin(), predecessors.end(), writer) != predecessors.end();
}

/// Whether two backups are by one writer, or one is by a successor of the other's.
bool is_of_one_line(const Backup& left, const Backup& right) {
    return left.writer == right.writer || succeeds(left, right.writer) || succeeds(right, left.writer);
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

/// What a key's dates say of a protector at another time than now.
void judge_dates(keyring::ProtectorReport& report, TimePoint at) {
    const bool is_about_dates = report.status == ProtectorStatus::usable || report.status == ProtectorStatus::expired ||
                                report.status == ProtectorStatus::not_yet_valid;
    if (!is_about_dates || (!report.not_before && !report.expires)) return;
    if (report.not_before && at < *report.not_before) {
        report.status = ProtectorStatus::not_yet_valid;
        report.detail = "not valid before " + to_table_time(*report.not_before);
    } else if (report.expires && at >= *report.expires) {
        report.status = ProtectorStatus::expired;
        report.detail = "expired at " + to_table_time(*report.expires);
    } else if (report.status != ProtectorStatus::usable) {
        report.status = ProtectorStatus::usable;
        report.detail = "within its dates at " + to_table_time(at);
    }
}

/// What a repack entry's packs are of: the newest of the runs that it names.
TimePoint time_of(const RepackEntry& repack, const Catalogue& catalogue) {
    std::optional<TimePoint> newest;
    const auto look_at = [&](const IdentityId& identity, std::uint64_t sequence) {
        const storage::RunEntry* run = catalogue.run(identity, sequence);
        if (run != nullptr) newest = std::max(newest.value_or(run->fields.time), run->fields.time);
    };
    for (const format::ReplacedPacks& item : repack.fields.replaced) look_at(item.identity, item.sequence);
    for (const format::ResealedBody& body : repack.fields.bodies) look_at(repack.fields.writer, body.sequence);
    return newest.value_or(repack.entry->head.time);
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

void Planner::collect_keys() {
    std::pair<IdentityId, TimePoint> committed;  // as Backup::committed
    for (const auto& [place, run] : catalogue_.runs()) {
        if (committed.first != place.first) committed = {place.first, run.entry->head.time};
        committed.second = std::max(committed.second, run.entry->head.time);
        const bool was_there = !options_.as_of || committed.second <= *options_.as_of;
        const bool is_backup = run.entry->kind == format::EntryKind::backup;
        collect_key(name_of(*run.entry, run.fields), run.fields, {run.fields.time, run.fields.started}, is_backup,
                    was_there);
    }
    for (const auto& [place, repack] : catalogue_.repacks().entries()) {
        // Whenever it was made: it says what is needed from now on, for whatever moment.
        collect_key(name_of(*repack.entry, repack.fields), repack.fields,
                    {time_of(repack, catalogue_), repack.entry->head.time}, !repack.fields.is_opening, true);
    }
    for (const LogEpoch& epoch : catalogue_.log_epochs()) {
        const RunKeyName name = name_of(*epoch.entry, epoch.fields);
        const bool was_there = !options_.as_of || epoch.opened() <= *options_.as_of;
        collect_key(name, epoch.fields, {epoch.opened(), epoch.opened()}, false, was_there);
        keys_.at(name).is_of_logs = true;
    }
}

RunKeyName Planner::name_of(const format::SignedEntry& entry, const format::SlottedKey& listed) const {
    const auto role = entry.kind == format::EntryKind::repack ? format::Role::officer : format::Role::writer;
    const bool is_trusted = catalogue_.trust().trusts(entry.identity, role, entry.head.sequence);
    return {entry.identity, listed.dek, listed.commitment, is_trusted};
}

/// was_there  at the moment of the plan: else nobody opens the key by these slots
void Planner::collect_key(const RunKeyName& name, const format::SlottedKey& listed, const RunTimes& times,
                          bool is_committed, bool was_there) {
    const auto [found_key, is_new] = keys_.try_emplace(name);
    RunKey& key = found_key->second;
    key.dek = name.dek;
    key.writer = name.signer;
    key.commitment = name.commitment;
    key.is_trusted = name.is_trusted;
    if (is_new) key.made = times.made;
    if (is_new || is_committed) key.time = times.time;
    if (!was_there) return;
    key.has_backup = key.has_backup || is_committed;
    for (const format::Slot& slot : listed.slots) {
        auto found = std::find_if(key.openers.begin(), key.openers.end(),
                                  [&](const Opener& opener) { return opener.thumbprint == slot.thumbprint; });
        if (found == key.openers.end())
            found = key.openers.insert(found, {slot.thumbprint, key.is_trusted, {}, {}, false});
        found->slots.push_back(&slot);
        if (!key.is_trusted) continue;
        TimePoint& used = last_used_.try_emplace(slot.thumbprint, times.time).first->second;
        used = std::max(used, times.time);
    }
}

void Planner::add_stored_slots() {
    const auto slots = repository_.list_slots();
    for (auto& [name, key] : keys_) {
        const auto [first, last] = slots.equal_range(key.dek);
        for (auto slot = first; slot != last; ++slot) {
            const Thumbprint& thumbprint = slot->second.thumbprint;
            auto found = std::find_if(key.openers.begin(), key.openers.end(),
                                      [&](const Opener& opener) { return opener.thumbprint == thumbprint; });
            if (found == key.openers.end()) found = key.openers.insert(found, {thumbprint, false, {}, {}, false});
            found->names.push_back(slot->second);
        }
    }
}

std::map<Thumbprint, std::set<std::string>> Planner::names_of_protectors() const {
    std::map<Thumbprint, std::set<std::string>> known;
    const auto add_location = [](std::set<std::string>& names, const std::string& location) {
        names.insert({location, location.substr(location.find(':') + 1)});
    };
    for (const auto& protector : resolver_.keyrings().protectors()) {
        std::set<std::string>& names = known[protector.thumbprint];
        names.insert(protector.name);
        for (const std::string& location : protector.locations) add_location(names, location);
    }
    for (const auto& [name, key] : keys_) {
        for (const Opener& opener : key.openers) known.try_emplace(opener.thumbprint);
    }
    const auto add_slots = [&](const format::SlottedKey& listed, bool is_trusted) {
        for (const format::Slot& slot : listed.slots) {
            std::set<std::string>& names = known[slot.thumbprint];
            // Who is not trusted gives nothing a name.
            if (!is_trusted || !names.empty()) continue;
            names.insert(name_in(slot.location));
            add_location(names, slot.location);
        }
    };
    for (const auto& [place, run] : catalogue_.runs())
        add_slots(run.fields, catalogue_.trust().trusts(place.first, format::Role::writer, place.second));
    for (const auto& [place, repack] : catalogue_.repacks().entries()) add_slots(repack.fields, true);
    for (const LogEpoch& epoch : catalogue_.log_epochs()) add_slots(epoch.fields, epoch.trusted);
    return known;
}

std::set<Thumbprint> Planner::protectors_named(const std::string& reference) const {
    std::set<Thumbprint> found;
    for (const auto& [thumbprint, names] : names_of_protectors()) {
        if (names.contains(reference) || thumbprint.matches_prefix(reference)) found.insert(thumbprint);
    }
    if (!found.empty()) return found;
    throw Error(ErrorCode::usage, "no protector is called \"" + reference + "\"",
                "signet keyring show lists the linked ones; signet plan shows what a backup needs");
}

keyring::ProtectorReport Planner::recorded(const Thumbprint& thumbprint) const {
    keyring::ProtectorReport report;
    report.thumbprint = thumbprint;
    const auto known = resolver_.keyrings().find(thumbprint);
    if (!known) return report;
    report.name = known->name;
    report.role = known->role;
    report.locations = known->locations;
    for (const keyring::Keyring& keyring : resolver_.keyrings().all()) {
        const keyring::Link* link = keyring.find(thumbprint);
        if (link == nullptr || link->wrap_only()) continue;
        report.status = status_of_record(link->last_state);
        report.can_unwrap = can_unwrap(report.status);
        if (link->last_state_time) report.detail = "as recorded at " + to_table_time(*link->last_state_time);
        return report;
    }
    report.status = ProtectorStatus::wrap_only;
    return report;
}

keyring::ProtectorReport Planner::ask(const Thumbprint& thumbprint) {
    if (without_.contains(thumbprint)) {
        keyring::ProtectorReport report;
        report.thumbprint = thumbprint;
        if (const auto known = resolver_.keyrings().find(thumbprint)) report.name = known->name;
        report.detail = "left out of this plan";
        return report;
    }
    keyring::ProtectorReport report = options_.offline ? recorded(thumbprint) : resolver_.status(thumbprint);
    if (options_.as_of) judge_dates(report, *options_.as_of);
    return report;
}

const keyring::ProtectorReport& Planner::status(const Thumbprint& thumbprint) {
    const auto found = statuses_.find(thumbprint);
    if (found != statuses_.end()) return found->second;
    return statuses_.emplace(thumbprint, ask(thumbprint)).first->second;
}

void Planner::note_failure(const Thumbprint& thumbprint, const Error& error) {
    keyring::ProtectorReport& report = statuses_.try_emplace(thumbprint, status(thumbprint)).first->second;
    report.can_unwrap = false;
    if (report.status == ProtectorStatus::usable) report.status = ProtectorStatus::denied;
    report.detail = error.what();
    if (!error.hint().empty()) report.hint = error.hint();
}

void Planner::disprove(const RunKey& key, const Thumbprint& thumbprint, const std::vector<std::string>& objects) {
    const auto found = keys_.find(key.name());
    if (found == keys_.end()) return;
    for (Opener& opener : found->second.openers) {
        if (opener.thumbprint == thumbprint) opener.disproved = true;
    }
    for (const std::string& object : objects) {
        lies_.insert(object + ": does not hold data key " + key.dek.short_hex() + ", as it says");
    }
}

bool Planner::may_open(const Opener& opener) { return !opener.disproved && status(opener.thumbprint).can_unwrap; }

std::vector<const Opener*> Planner::order(const RunKey& key) {
    std::vector<const Opener*> openers;
    for (const Opener& opener : key.openers) openers.push_back(&opener);
    const auto worth = [this](const Opener& opener) {
        const keyring::ProtectorReport& report = status(opener.thumbprint);
        const auto used = last_used_.find(opener.thumbprint);
        const std::int64_t newest_first = used == last_used_.end() ? 0 : -used->second.ns;
        // What anybody can claim comes last, whatever it claims to be for: it must not hide who is really needed.
        return std::tuple(!may_open(opener), !opener.is_signed, report.status != ProtectorStatus::usable,
                          rank_of(report.role), newest_first, opener.thumbprint);
    };
    std::sort(openers.begin(), openers.end(),
              [&](const Opener* left, const Opener* right) { return worth(*left) < worth(*right); });
    return openers;
}

bool Planner::is_usable(const RunKey& key) {
    return std::any_of(key.openers.begin(), key.openers.end(), [&](const Opener& opener) { return may_open(opener); });
}

bool Planner::is_proven(const RunKey& key) {
    return std::any_of(key.openers.begin(), key.openers.end(),
                       [&](const Opener& opener) { return opener.is_signed && may_open(opener); });
}

std::string Planner::location_of(const Opener& opener) const {
    for (const format::Slot* slot : opener.slots) {
        if (!slot->location.empty()) return slot->location;
    }
    for (const format::SlotName& name : opener.names) {
        try {
            return repository_.load_slot(name).location;
        } catch (const Error&) {
            // Only a hint for people: a slot that cannot be read is reported by whoever needs it.
        }
    }
    return {};
}

TimePoint Planner::horizon() const { return options_.as_of ? *options_.as_of : resolver_.vaults().clock().now(); }

const RunKey& Planner::key(const format::SignedEntry& entry, const format::SlottedKey& listed) const {
    const auto found = keys_.find(name_of(entry, listed));
    invariant(found != keys_.end(), "every entry of the catalogue has its data key");
    return found->second;
}

std::vector<const RunKey*> Planner::keys_of(const Backup& backup) const {
    catalogue_.check_reach(backup);
    std::vector<const RunKey*> needed{&key(*backup.body.entry, *backup.body.listed)};
    std::map<DekId, Digest> commitments{{needed.front()->dek, needed.front()->commitment}};
    for (const ReachedEntry& reached : catalogue_.reached_by(backup)) {
        const RunKey& found = key(*reached.entry, *reached.listed);
        // Packs name their data key by its id alone.
        if (commitments.emplace(found.dek, found.commitment).first->second != found.commitment) {
            throw Error(ErrorCode::damaged,
                        format::journal_name(backup.writer, backup.sequence) + ": needs two data keys of one id, " +
                            found.dek.hex(),
                        "its writer made it so; an earlier backup of the series may be whole: signet list");
        }
        if (std::find(needed.begin(), needed.end(), &found) == needed.end()) needed.push_back(&found);
    }
    return needed;
}

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
    if (logs.end < plan.to) {
        plan.warnings.push_back("the logs of " + plan.series + " end at " + to_rfc3339(logs.end) +
                                ": no later moment can be restored");
    }
}

Plan Planner::make(const std::vector<const Backup*>& wanted, const Stretch& stretch, Broken broken,
                   const FindLogs& find_logs) {
    Plan plan;
    plan.series = wanted.back()->series();
    plan.series_id = wanted.back()->fields->series;
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
    // Anybody can claim a series' id: only who succeeded whom makes backups of different writers one series.
    std::erase_if(series, [&](const Backup* other) {
        return other->fields->series != backup.fields->series || !is_of_one_line(*other, backup);
    });
    return series;
}

Plan Planner::plan(const Backup& base, const std::vector<NeededLogs>& logs, TimePoint at) {
    catalogue_.require_no_doubt();
    Plan plan;
    plan.series = base.series();
    plan.series_id = base.fields->series;
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
    TimePoint reached = base.time();
    for (const NeededLogs& some : logs) {
        const bool opened_so_far = plan.restorable;
        gathering.add(key(*some.epoch->entry, some.epoch->fields), some, {at, at}, plan);
        if (opened_so_far && !plan.restorable) plan.reachable = reached;
        if (plan.restorable) reached = std::max(reached, some.to);
    }
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
    require_one_series(series);
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
    std::vector<std::pair<SeriesId, std::vector<const Backup*>>> lanes;
    for (const Backup* backup : visible(whole)) {
        auto lane = std::find_if(lanes.begin(), lanes.end(),
                                 [&](const auto& each) { return each.first == backup->fields->series; });
        if (lane == lanes.end()) lane = lanes.insert(lane, {backup->fields->series, {}});
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
