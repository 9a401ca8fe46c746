// The data keys of a repository, who opens each, and what is known of those protectors.
#include "restore/plan.h"
#include "restore/planner_parts.h"

#include <algorithm>
#include <tuple>

#include "format/names.h"
#include "format/officer_entry.h"

namespace signet::restore {

using format::Thumbprint;
using keyring::ProtectorStatus;

namespace {

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

}  // namespace

std::string name_in(const std::string& location) {
    constexpr std::string_view kLabel = "object=";  // of a key on a token
    if (const auto label = location.find(kLabel); location.starts_with("pkcs11:") && label != std::string::npos) {
        const std::size_t start = label + kLabel.size();
        return location.substr(start, location.find_first_of(";?", start) - start);
    }
    const std::size_t start = location.find_last_of(":#") + 1;
    return location.substr(start, location.find('/', start) - start);
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

const RunKey& Planner::key(const format::SignedEntry& entry, const format::SlottedKey& listed) const {
    const auto found = keys_.find(name_of(entry, listed));
    invariant(found != keys_.end(), "every entry of the catalogue has its data key");
    return found->second;
}

std::vector<const RunKey*> Planner::keys_of(const Backup& backup) const {
    catalogue_.check_reach(backup);
    return keys_left_of(backup);
}

std::vector<const RunKey*> Planner::keys_left_of(const Backup& backup) const {
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

}  // namespace signet::restore
