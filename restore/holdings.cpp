#include "restore/holdings.h"

#include <algorithm>
#include <array>

#include "format/names.h"
#include "format/pack.h"
#include "restore/remains.h"

namespace signet::restore {
namespace {

constexpr std::size_t kIndexOwnerOffset = 28;  // docs/format.md section 10

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

template <class Map, class Key>
const typename Map::mapped_type& found_in(const Map& map, const Key& key) {
    static const typename Map::mapped_type kNothing{};
    const auto found = map.find(key);
    return found == map.end() ? kNothing : found->second;
}

}  // namespace

Holdings::Holdings(const storage::Repository& repository, const Catalogue& catalogue,
                   const storage::CompleteListing& listing)
    : repository_(repository), catalogue_(catalogue), listing_(listing) {
    require_whole();
    for (const storage::ObjectInfo& info : listing) {
        if (const auto name = remains_of(info.name)) remains_[*name] += info.size;
    }
    collect_entries();
    judge_runs();
    judge_repackers();
    collect_needs();
}

/// What cannot be read may be a backup that needs what would be deleted, or may say that one counts again.
void Holdings::require_whole() {
    catalogue_.require_no_doubt();
    for (const JournalFinding& finding : catalogue_.findings()) {
        if (finding.counts) throw finding.error;
        may_overlook_ = true;
    }
}

void Holdings::collect_entries() {
    for (const storage::Journal& journal : catalogue_.journals()) {
        lengths_[journal.identity] = journal.entries.size();
        bound_[journal.identity] = storage::bound_of(journal);
    }
    for (const auto& [place, run] : catalogue_.runs()) {
        entries_[place] = {place, &run.fields, place.first, true, run.fields.run};
        successors_[place.first].insert(place.first);
        for (const IdentityId& predecessor : run.fields.predecessors) successors_[predecessor].insert(place.first);
    }
    for (const auto& [place, repack] : catalogue_.repacks().entries())
        entries_[place] = {place, &repack.fields, repack.fields.writer, true, {}};
    for (const auto& [place, entry] : entries_) {
        const auto& packs = entry.listed->packs;
        for (std::size_t pack = 0; pack < packs.size(); ++pack) packs_[packs[pack].id].emplace_back(place, pack);
        for (const format::IndexInfo& index : entry.listed->indexes) indexes_[index.id].push_back(place);
        deks_[entry.listed->dek].push_back(place);
    }
    for (const ReachedEntry& reached : catalogue_.replaced()) {
        const EntryPlace place{reached.entry->identity, reached.entry->head.sequence};
        for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
            if (reached.has(pack)) replaced_.insert({place, pack});
        }
    }
}

bool Holdings::has_ended(const IdentityId& identity, format::Role role) const {
    const keyring::TrustedIdentity* known = catalogue_.trust().find(identity, role);
    if (known == nullptr) return false;
    const auto length = lengths_.find(identity);
    const std::uint64_t next = (length == lengths_.end() ? 0 : length->second) + 1;
    return known->last_sequence < next || known->first_sequence > known->last_sequence;
}

/// A run is over when it has its backup, when a later one of its series began (a writer makes one at a time), or when
/// nothing of its writer counts any more.
void Holdings::judge_runs() {
    struct Run {
        std::vector<EntryPlace> entries;
        SeriesId series;
        bool has_backup = false;
    };
    std::map<std::pair<IdentityId, format::RunId>, Run> runs;
    std::map<std::pair<IdentityId, SeriesId>, std::uint64_t> newest;  // first entry of the newest run of a series
    for (const auto& [place, entry] : catalogue_.runs()) {
        Run& run = runs[{place.first, entry.fields.run}];
        run.entries.push_back(place);
        run.series = entry.fields.series;
        run.has_backup = run.has_backup || entry.entry->kind == format::EntryKind::backup;
        auto& first = newest[{place.first, run.series}];
        first = std::max(first, run.entries.front().second);
    }
    for (const auto& [key, run] : runs) {
        const bool is_over = run.has_backup || newest.at({key.first, run.series}) > run.entries.front().second ||
                             has_ended(key.first, format::Role::writer);
        if (!is_over) live_runs_[key.first].insert(run.series);
        for (const EntryPlace& place : run.entries) entries_.at(place).is_live = !is_over;
    }
}

/// Who repacks may go on with a data key until it opens another one for the same writer.
void Holdings::judge_repackers() {
    for (const auto& [writer, series] : live_runs_) live_owners_.insert(writer);
    std::map<std::pair<IdentityId, IdentityId>, DekId> newest;
    for (const auto& [place, repack] : catalogue_.repacks().entries())
        newest[{place.first, repack.fields.writer}] = repack.fields.dek;
    for (const auto& [place, repack] : catalogue_.repacks().entries()) {
        const bool is_live = newest.at({place.first, repack.fields.writer}) == repack.fields.dek &&
                             !has_ended(place.first, format::Role::officer);
        entries_.at(place).is_live = is_live;
        if (is_live) live_owners_.insert(repack.fields.writer);
    }
}

void Holdings::need(const format::SealedPacks& listed, const Bytes& bitmap) {
    needed_deks_.insert(listed.dek);
    for (std::size_t pack = 0; pack < listed.packs.size(); ++pack) {
        if (format::bitmap_has(bitmap, pack)) needed_packs_.insert(listed.packs[pack].id);
    }
}

void Holdings::collect_needs() {
    for (const Backup& backup : catalogue_.backups()) {
        if (backup.trusted) catalogue_.check_reach(backup);
        // Whom no officer has judged may be a successor that waits for it. Of whom they were judged keep what is
        // theirs.
        const bool keeps_all =
            backup.trusted || catalogue_.trust().find(backup.writer, format::Role::writer) == nullptr;
        for (const ReachedEntry& reached : catalogue_.reached_by(backup)) {
            if (keeps_all || reached.writer == backup.writer) need(*reached.listed, reached.bitmap);
            if (!backup.trusted) continue;
            for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
                // What was let go is lost by no damage: somebody was too late to take the backup back.
                if (reached.has(pack) && !catalogue_.is_let_go(reached, pack))
                    relied_on_.emplace(reached.listed->packs[pack].id, &backup);
            }
        }
        needed_deks_.insert(backup.body.listed->dek);
    }
    // Logs are never condemned: which of them a base needs is not asked.
    for (const LogEpoch& epoch : catalogue_.log_epochs()) needed_deks_.insert(epoch.fields.dek);
    for (const auto& [place, entry] : entries_) {
        if (!entry.is_live) continue;
        needed_deks_.insert(entry.listed->dek);
        // The packs of a repack entry are needed for what they stand for, or not at all.
        if (!entry.run) continue;
        need(*entry.listed, all_packs(*entry.listed));
        for (const ReachedEntry& reached :
             catalogue_.repacks().follow({{catalogue_.run(place.first, place.second)->entry, entry.listed, entry.owner,
                                           all_packs(*entry.listed)}}))
            need(*reached.listed, reached.bitmap);
    }
}

const HeldEntry* Holdings::entry(const EntryPlace& place) const {
    const auto found = entries_.find(place);
    return found == entries_.end() ? nullptr : &found->second;
}

std::optional<std::uint64_t> Holdings::octets_of(const std::string& name) const {
    const storage::ObjectInfo* info = listing_.find(name);
    const auto beside = remains_.find(name);
    if (info == nullptr && beside == remains_.end()) return std::nullopt;
    return (info == nullptr ? 0 : info->size) + (beside == remains_.end() ? 0 : beside->second);
}

const std::set<SeriesId>& Holdings::live_runs(const IdentityId& writer) const { return found_in(live_runs_, writer); }
const std::vector<ListedPack>& Holdings::named(const PackId& pack) const { return found_in(packs_, pack); }
const std::vector<EntryPlace>& Holdings::named(const IndexId& index) const { return found_in(indexes_, index); }
const std::vector<EntryPlace>& Holdings::named(const DekId& dek) const { return found_in(deks_, dek); }

std::vector<ListedPack> Holdings::standing_for(const ListedPack& place) const {
    const HeldEntry& entry = entries_.at(place.first);
    const storage::RunEntry* run = catalogue_.run(place.first.first, place.first.second);
    const format::SignedEntry* signed_entry =
        run != nullptr ? run->entry : catalogue_.repacks().entries().at(place.first).entry;
    ReachedEntry reached{signed_entry, entry.listed, entry.owner, {}};
    format::bitmap_set(reached.bitmap, place.second);
    std::vector<ListedPack> standing;
    for (const ReachedEntry& one : catalogue_.repacks().follow({reached})) {
        for (std::size_t pack = 0; pack < one.listed->packs.size(); ++pack) {
            if (one.has(pack)) standing.push_back({{one.entry->identity, one.entry->head.sequence}, pack});
        }
    }
    return standing;
}

std::optional<DekId> Holdings::dek_of_loose(const PackId& pack) const {
    std::array<std::uint8_t, format::kPackHeaderSize> header{};
    const std::string name = format::pack_name(pack);
    try {
        repository_.store().get_range(name, 0, header);
        return format::PackKeys::dek_of(header, name);
    } catch (const Error& error) {
        if (!is_damage(error)) throw;
        return std::nullopt;
    }
}

std::optional<IdentityId> Holdings::owner_of_loose(const IndexId& index) const {
    std::array<std::uint8_t, IdentityId::kSize> owner{};
    try {
        repository_.store().get_range(format::index_name(index), kIndexOwnerOffset, owner);
        return IdentityId::from(owner);
    } catch (const Error& error) {
        if (!is_damage(error)) throw;
        return std::nullopt;
    }
}

std::vector<IdentityId> Holdings::who_may_refer(const IdentityId& owner) const {
    std::vector<IdentityId> writers;
    for (const IdentityId& writer : found_in(successors_, owner)) {
        if (!has_ended(writer, format::Role::writer)) writers.push_back(writer);
    }
    return writers;
}

bool Holdings::is_bound(const IdentityId& identity, const IdentityId& officer, std::uint64_t sequence) const {
    if (identity == officer) return true;  // what it said stands in its own journal, before whatever it says next
    return format::read_up_to(found_in(bound_, identity), officer) >= sequence;
}

WaitingWriter Holdings::describe(const IdentityId& identity) const {
    WaitingWriter waiting{identity, {}, {}, found_in(lengths_, identity)};
    for (const auto* each : {&catalogue_.forgotten(), &catalogue_.backups()}) {
        for (const Backup& backup : *each) {
            if (backup.writer != identity) continue;
            waiting.last_backup = std::max(waiting.last_backup, backup.time());
            if (backup.labels) waiting.host = backup.labels->host;
        }
    }
    return waiting;
}

format::ReadJournals Holdings::seen() const {
    format::ReadJournals seen;
    for (const auto& [identity, length] : lengths_) {
        if (length > 0 && seen.size() < format::kMaxSeenJournals) seen.push_back({identity, length});
    }
    return seen;
}

}  // namespace signet::restore
