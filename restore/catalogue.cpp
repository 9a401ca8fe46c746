#include "restore/catalogue.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "core/zone.h"
#include "format/log_release.h"
#include "format/officer_entry.h"
#include "restore/catalogue_parts.h"

namespace signet::restore {
namespace {

void tell(const CatalogueOptions& options, const std::string& sentence) {
    if (options.notice) options.notice(sentence);
}

const storage::Journal* journal_of(const std::vector<storage::Journal>& journals, const IdentityId& identity) {
    const auto found = std::find_if(journals.begin(), journals.end(),
                                    [&](const storage::Journal& journal) { return journal.identity == identity; });
    return found == journals.end() ? nullptr : &*found;
}

bool is_run(const format::SignedEntry& entry) {
    return entry.kind == format::EntryKind::backup || entry.kind == format::EntryKind::partial;
}

EntryPlace place_of(const format::SignedEntry& entry) { return {entry.identity, entry.head.sequence}; }

/// What this keyring saw before and the repository no longer shows. Empty when all is there.
std::string rolled_back(const IdentityId& identity, const keyring::SeenEntry& seen, const storage::Journal* journal) {
    const std::string object = format::journal_name(identity, seen.sequence);
    if (journal != nullptr && seen.sequence <= journal->entries.size()) {
        const EntryId& found = journal->entries[seen.sequence - 1].id;
        if (found == seen.entry) return {};
        return object + ": this keyring has seen entry " + seen.entry.short_hex(16) + " there, and now it is " +
               found.short_hex(16);
    }
    // Still there but not believed: damage, which is reported as such.
    if (journal != nullptr &&
        std::binary_search(journal->unbelieved.begin(), journal->unbelieved.end(), seen.sequence)) {
        return {};
    }
    const std::size_t left = journal == nullptr ? 0 : journal->entries.size();
    return object + ": this keyring has seen it (" + seen.entry.short_hex(16) +
           "), and now the journal ends at entry " + std::to_string(left);
}

/// Whether nothing depends on an identity's journal: it was an officer, was withdrawn, and is no writer.
bool is_without_effect(const keyring::Trust& trust, const IdentityId& identity) {
    const keyring::TrustedIdentity* officer = trust.find(identity, format::Role::officer);
    const keyring::TrustedIdentity* writer = trust.find(identity, format::Role::writer);
    return officer != nullptr && officer->last_sequence < officer->first_sequence &&
           (writer == nullptr || writer->last_sequence < writer->first_sequence);
}

/// Holds the repository's config.json to the keyrings' pins. returns  the pins
std::vector<const keyring::RepositoryPin*> check_config(const storage::Repository& repository,
                                                        const keyring::KeyringSet& keyrings) {
    const format::RepositoryConfig& config = repository.config();
    std::vector<const keyring::RepositoryPin*> pins;
    for (const keyring::Keyring& keyring : keyrings.all()) {
        const keyring::RepositoryPin* pin = keyring.pin(config.repository);
        if (pin == nullptr) continue;
        keyring::require_pinned(*pin, config, repository.config_hash());
        pins.push_back(pin);
    }
    return pins;
}

/// Holds the journals to what the keyrings have seen of them.
void check_seen(const std::vector<const keyring::RepositoryPin*>& pins, const std::vector<storage::Journal>& journals,
                const keyring::Trust& trust, const CatalogueOptions& options) {
    for (const keyring::RepositoryPin* pin : pins) {
        for (const auto& each : pin->seen) {
            const auto& identity = each.first;
            const auto& seen = each.second;
            const storage::Journal* journal = journal_of(journals, identity);
            const std::string lost = rolled_back(identity, seen, journal);
            if (lost.empty()) continue;
            // For who salvages a journal that was cut short is damaged like any other; one that is another is not.
            const bool is_cut = journal == nullptr || seen.sequence > journal->entries.size();
            const bool is_tolerated = options.tolerate_rollback || (options.beyond_damage && is_cut);
            if (!is_tolerated && !is_without_effect(trust, identity)) {
                throw Error(ErrorCode::damaged, lost + ": the repository was rolled back, or entries were removed",
                            "an older copy of the repository looks the same; bring the missing entries back; where "
                            "they are lost for good, signet restore ID --salvage restores what opens");
            }
            tell(options, lost);
        }
    }
}

/// Pins a repository at first contact and remembers the newest entries of trusted journals.
void remember(const storage::Repository& repository, const Catalogue& catalogue, keyring::KeyringSet& keyrings,
              const CatalogueOptions& options) {
    const keyring::Trust& trust = catalogue.trust();
    const format::RepositoryConfig& config = repository.config();
    keyring::Keyring& own = keyrings.own();
    try {
        const keyring::RepositoryPin* pin = own.pin(config.repository);
        const bool is_first = std::none_of(keyrings.all().begin(), keyrings.all().end(), [&](const auto& keyring) {
            return keyring.pin(config.repository) != nullptr;
        });
        if (is_first) {
            tell(options, "first contact with repository " + config.repository.hex() + ": from now on its officer is " +
                              config.officer.hex() + "; compare this with what `signet init` printed");
            if (const std::string tail = unproven_tails(catalogue); !tail.empty()) tell(options, tail);
        }
        if (pin == nullptr) {
            own.pin_repository(config.repository, config.officer, repository.config_hash());
            pin = own.pin(config.repository);
        }
        std::map<IdentityId, keyring::SeenEntry> newer;
        for (const storage::Journal& journal : catalogue.journals()) {
            if (journal.entries.empty()) continue;
            const format::SignedEntry& last = journal.entries.back();
            if (!trust.trusts(journal.identity, format::Role::writer, last.head.sequence) &&
                !trust.trusts(journal.identity, format::Role::officer, last.head.sequence)) {
                continue;
            }
            const auto seen = pin->seen.find(journal.identity);
            if (seen != pin->seen.end() && seen->second.sequence >= last.head.sequence) continue;
            newer[journal.identity] = {last.head.sequence, last.id};
        }
        if (!newer.empty()) own.note_seen(config.repository, newer);
    } catch (const Error& error) {
        // Looking at a repository must work with a keyring on a read-only disk.
        if (error.code() != ErrorCode::io) throw;
        tell(options, std::string("what was seen of the repository is not remembered: ") + error.what());
    }
}

}  // namespace

void require_seen(const keyring::KeyringSet& keyrings, const std::vector<const Catalogue*>& places) {
    for (const keyring::Keyring& keyring : keyrings.all()) {
        const keyring::RepositoryPin* pin = keyring.pin(places.front()->repository());
        if (pin == nullptr) continue;
        for (const auto& [identity, seen] : pin->seen) {
            const std::string lost = rolled_back(identity, seen, journal_of(places.front()->journals(), identity));
            const auto shows = [&writer = identity, &entry = seen](const Catalogue* place) {
                return rolled_back(writer, entry, journal_of(place->journals(), writer)).empty();
            };
            const bool is_somewhere = std::any_of(places.begin(), places.end(), shows);
            if (!is_somewhere) throw Error(ErrorCode::damaged, lost);
        }
    }
}

std::string Backup::describe() const {
    return (labels ? labels->series : "series " + fields->series.short_hex(8)) + " at " +
           first_second_text(fields->time) + " (" + short_id() + ")";
}

Catalogue Catalogue::load(const storage::Repository& repository, keyring::KeyringSet& keyrings,
                          const CatalogueOptions& options) {
    Catalogue catalogue;
    catalogue.repository_ = repository.config().repository;
    catalogue.beyond_damage_ = options.beyond_damage;
    catalogue.vouched_ = options.vouched;
    catalogue.journals_ = options.headers_only ? repository.load_headers(options.cache) : repository.load_journals();
    const std::vector<const keyring::RepositoryPin*> pins = check_config(repository, keyrings);
    const std::vector<const keyring::RepositoryPin*> memory =
        options.may_be_behind ? std::vector<const keyring::RepositoryPin*>{} : pins;
    catalogue.judge_stranded_entries(memory, options);
    catalogue.judge(repository, memory);
    if (!options.may_be_behind) check_seen(pins, catalogue.journals_, catalogue.trust_, options);
    catalogue.hold_to_checkpoints(options);
    catalogue.measure_tails(pins, options);
    catalogue.learn_names(repository, keyrings);
    catalogue.find_lines();
    catalogue.apply_remarks();
    std::sort(catalogue.backups_.begin(), catalogue.backups_.end(), [](const Backup& left, const Backup& right) {
        return std::tuple(left.time(), left.writer, left.sequence) <
               std::tuple(right.time(), right.writer, right.sequence);
    });

    for (const JournalFinding& finding : catalogue.findings_) tell(options, finding.error.what());
    if (catalogue.doubt_) tell(options, catalogue.doubt_->what());
    std::map<IdentityId, std::size_t> untrusted;
    for (const Backup& backup : catalogue.backups_) untrusted[backup.writer] += backup.trusted ? 0 : 1;
    for (const auto& [writer, count] : untrusted) {
        if (count > 0)
            tell(options, std::to_string(count) + (count == 1 ? " backup" : " backups") + " by writer " + writer.hex() +
                              ", who is not trusted for " + (count == 1 ? "it" : "them"));
    }
    if (options.remember) remember(repository, catalogue, keyrings, options);
    return catalogue;
}

std::string unproven_tails(const Catalogue& catalogue) {
    std::vector<Tail> unproven;
    std::copy_if(catalogue.tails().begin(), catalogue.tails().end(), std::back_inserter(unproven),
                 [](const Tail& tail) { return tail.proven == 0; });
    if (unproven.empty()) return {};
    std::stable_sort(unproven.begin(), unproven.end(),
                     [](const Tail& left, const Tail& right) { return left.entries > right.entries; });
    std::string names;
    for (const Tail& tail : unproven) {
        names += (names.empty() ? "" : ", ") + tail.identity.short_hex(16) + " (" + std::to_string(tail.entries) +
                 (tail.entries == 1 ? " entry)" : " entries)");
    }
    return "the tail cannot be proven of " + std::to_string(unproven.size()) +
           (unproven.size() == 1 ? " journal: " : " journals: ") + names +
           ": no checkpoint was given, and no keyring has seen it before; the storage may withhold newer entries";
}

void Catalogue::hold_to_checkpoints(const CatalogueOptions& options) {
    refuted_ = compare(options.checkpoints, repository_, journals_, beyond_damage_);
    if (!refuted_.empty() && !options.tolerate_rollback) throw refuted_.front();
}

void Catalogue::measure_tails(const std::vector<const keyring::RepositoryPin*>& pins, const CatalogueOptions& options) {
    for (const storage::Journal& journal : journals_) {
        const std::uint64_t entries = journal.entries.size();
        if (!trust_.trusts(journal.identity, format::Role::writer, entries) &&
            !trust_.trusts(journal.identity, format::Role::officer, entries)) {
            continue;
        }
        Tail tail{journal.identity, entries, 0};
        for (const keyring::RepositoryPin* pin : pins) {
            const auto seen = pin->seen.find(journal.identity);
            if (seen != pin->seen.end()) tail.proven = std::max(tail.proven, seen->second.sequence);
        }
        for (const Checkpoint& checkpoint : options.checkpoints) {
            if (checkpoint.identity == journal.identity) tail.proven = std::max(tail.proven, checkpoint.sequence);
        }
        tails_.push_back(tail);
    }
}

/// Runs and epochs of what is believed. returns  what is wrong there
Catalogue::Problems Catalogue::decode_entries() {
    Problems problems;
    for (const storage::Journal& journal : journals_) {
        if (journal.problem)
            problems.emplace_back(EntryPlace{journal.identity, journal.entries.size() + 1}, *journal.problem);
        for (const format::SignedEntry& entry : journal.entries) {
            try {
                if (is_run(entry)) {
                    runs_.emplace(place_of(entry), storage::RunEntry{&entry, format::backup_public(entry)});
                } else if (entry.kind == format::EntryKind::log_epoch) {
                    LogEpoch epoch;
                    epoch.entry = &entry;
                    epoch.fields = format::log_epoch_public(entry);
                    log_epochs_.push_back(std::move(epoch));
                }
            } catch (const Error& error) {
                if (!is_damage(error)) throw;
                problems.emplace_back(place_of(entry), error);
            }
        }
    }
    return problems;
}

void Catalogue::decode_stranded() {
    RunEntries& runs = beyond_damage_ ? runs_ : stranded_runs_;
    for (const storage::Journal& journal : journals_) {
        for (const format::SignedEntry& entry : journal.stranded) {
            // Its fields were checked when it was read.
            if (is_run(entry)) runs.emplace(place_of(entry), storage::RunEntry{&entry, format::backup_public(entry)});
        }
    }
}

/// Computes trust, decodes runs, and collects what is wrong.
void Catalogue::judge(const storage::Repository& repository, const std::vector<const keyring::RepositoryPin*>& pins) {
    Problems problems = decode_entries();
    decode_stranded();
    const auto read = [this](const IdentityId& identity) -> keyring::OfficerJournal {
        const storage::Journal* journal = journal_of(journals_, identity);
        if (journal == nullptr) return {};
        return {journal->entries, journal->problem};
    };
    keyring::Officers officers = keyring::read_officers(repository.config().officer, read, pins);
    trust_ = std::move(officers.trust);
    doubt_ = std::move(officers.doubt);

    std::vector<const storage::Journal*> all;
    for (const storage::Journal& journal : journals_) all.push_back(&journal);
    repacks_ = Repacks(
        all, runs_,
        [this](const format::SignedEntry& entry) {
            return trust_.trusts(entry.identity, format::Role::officer, entry.head.sequence);
        },
        [&](const format::SignedEntry& entry, const Error& error) { note_damage(entry, error); });
    take_tombstones();
    judge_epochs();
    take_log_releases();
    take_condemnations();
    make_backups(runs_);
    make_backups(stranded_runs_);
    for (auto& [place, error] : problems) note_finding(place.first, place.second, std::move(error));
}

void Catalogue::make_backups(const RunEntries& runs) {
    std::pair<IdentityId, TimePoint> latest;
    for (const auto& [place, run] : runs) {
        // A clock set back does not make an entry older than the one before it.
        if (latest.first != place.first) latest = {place.first, run.entry->head.time};
        latest.second = std::max(latest.second, run.entry->head.time);
        if (run.entry->kind != format::EntryKind::backup) continue;
        Backup backup;
        backup.committed = latest.second;
        backup.id = run.entry->id;
        backup.writer = place.first;
        backup.sequence = place.second;
        backup.entry = run.entry;
        backup.fields = &run.fields;
        backup.body = repacks_.body_of(run);
        backup.is_stranded = place.second > journal_of(journals_, place.first)->entries.size();
        backup.is_proven = proven_stranded_.contains(backup.id);
        judge_trust(backup);
        const bool is_forgotten = tombstones_.is_forgotten(backup.id);
        if (!backup.is_stranded)
            (is_forgotten ? forgotten_ : backups_).push_back(std::move(backup));
        else if (!is_forgotten)
            stranded_.push_back(std::move(backup));
    }
}

/// Who is trusted for which epoch, and which of them have ended. They come journal by journal, in order.
void Catalogue::judge_epochs() {
    for (std::size_t i = 0; i < log_epochs_.size(); ++i) {
        LogEpoch& epoch = log_epochs_[i];
        const IdentityId& writer = epoch.entry->identity;
        epoch.trusted = trust_.trusts(writer, format::Role::writer, epoch.entry->head.sequence);
        const keyring::TrustedIdentity* known = trust_.find(writer, format::Role::writer);
        epoch.counts_open = epoch.trusted && known != nullptr && known->last_sequence == UINT64_MAX;
        if (!epoch.trusted) continue;
        for (const format::ClosedEpoch& closed : epoch.fields.closed) {
            const auto end = log_epochs_.begin() + static_cast<std::ptrdiff_t>(i);
            const auto ended = std::find_if(log_epochs_.begin(), end, [&](const LogEpoch& one) {
                return one.fields.dek == closed.epoch && one.entry->identity == writer &&
                       one.fields.series == epoch.fields.series;
            });
            const std::pair said(closed.logs, closed.last);
            if (ended == end || (ended->closed && *ended->closed != said)) {
                note_damage(*epoch.entry, Error(ErrorCode::damaged, name_of(*epoch.entry) + ": closes log epoch " +
                                                                        closed.epoch.hex() + ", which it cannot"));
                continue;
            }
            ended->closed = said;
        }
    }
    std::sort(log_epochs_.begin(), log_epochs_.end(), [](const LogEpoch& left, const LogEpoch& right) {
        return std::tuple(left.opened(), left.entry->identity, left.entry->head.sequence) <
               std::tuple(right.opened(), right.entry->identity, right.entry->head.sequence);
    });
}

void Catalogue::take_log_releases() {
    std::map<std::pair<IdentityId, DekId>, std::uint64_t> released;
    for (const storage::Journal& journal : journals_) {
        for (const format::SignedEntry& entry : journal.entries) {
            if (entry.kind != format::EntryKind::log_release) continue;
            if (!trust_.trusts(entry.identity, format::Role::officer, entry.head.sequence)) continue;
            try {
                const auto fields = format::LogReleaseFields::decode(entry.public_fields(), name_of(entry));
                for (const format::LogRelease& one : fields.releases) {
                    std::uint64_t& kept_from = released[{one.writer, one.epoch}];
                    kept_from = std::max(kept_from, one.kept_from);
                }
            } catch (const Error& error) {
                if (!is_damage(error)) throw;
                note_damage(entry, error);
            }
        }
    }
    for (LogEpoch& epoch : log_epochs_) {
        const auto found = released.find({epoch.entry->identity, epoch.fields.dek});
        if (found != released.end()) epoch.kept_from = found->second;
    }
}

void Catalogue::note_finding(const IdentityId& identity, std::uint64_t sequence, Error error) {
    // What follows the entry is not believed either: trust that begins after it loses as much as trust that covers it.
    const auto reaches_trust = [&](format::Role role) {
        const keyring::TrustedIdentity* found = trust_.find(identity, role);
        return found != nullptr && found->first_sequence <= found->last_sequence && sequence <= found->last_sequence;
    };
    const bool trusted = reaches_trust(format::Role::writer) || reaches_trust(format::Role::officer);
    findings_.push_back({identity, std::move(error), sequence, trusted, trusted, committed_before(identity, sequence)});
}

/// As Backup::committed of the last run before an entry.
std::optional<TimePoint> Catalogue::committed_before(const IdentityId& identity, std::uint64_t sequence) const {
    std::optional<TimePoint> latest;
    const auto end = runs_.lower_bound({identity, sequence});
    for (auto run = runs_.lower_bound({identity, 0}); run != end; ++run) {
        const TimePoint time = run->second.entry->head.time;
        latest = std::max(latest.value_or(time), time);
    }
    return latest;
}

/// A statement by somebody who is trusted cannot be read: no backup is lost by that.
void Catalogue::note_damage(const format::SignedEntry& entry, const Error& error) {
    findings_.push_back({entry.identity, error, entry.head.sequence, false, true, std::nullopt});
}

void Catalogue::take_tombstones() {
    const auto stands = [this](const format::TombstoneStatement& said) {
        const auto is_it = [&](const RunEntries& runs) {
            const auto found = runs.find({said.writer, said.sequence});
            return found != runs.end() && found->second.entry->id == said.backup;
        };
        return is_it(runs_) || is_it(stranded_runs_);
    };
    const auto take = [&](const format::SignedEntry& entry, const StatementOrder& order) {
        if (entry.kind != format::EntryKind::tombstone) return;
        if (!trust_.trusts(entry.identity, format::Role::officer, entry.head.sequence)) return;
        try {
            tombstones_.take(entry, order, stands);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            note_damage(entry, error);
        }
    };
    visit_statements(journals_, take);
    if (!doubt_) return;
    for (const storage::Journal& journal : journals_) storage::visit_stranded(journal, take);
}

void Catalogue::take_condemnations() {
    for (const storage::Journal& journal : journals_) {
        for (const format::SignedEntry& entry : journal.entries) {
            if (!trust_.trusts(entry.identity, format::Role::officer, entry.head.sequence)) continue;
            try {
                condemnations_.take(entry);
            } catch (const Error& error) {
                if (!is_damage(error)) throw;
                note_damage(entry, error);
            }
        }
    }
}

format::ReadJournals Catalogue::officers_read() const {
    format::ReadJournals read;
    for (const storage::Journal& journal : journals_) {
        const keyring::TrustedIdentity* officer = trust_.find(journal.identity, format::Role::officer);
        const bool has_effect = officer != nullptr && officer->first_sequence <= officer->last_sequence;
        if (has_effect && !journal.entries.empty() && read.size() < format::kMaxObeyed)
            read.push_back({journal.identity, journal.entries.size()});
    }
    std::sort(read.begin(), read.end(), [](const auto& a, const auto& b) { return a.identity < b.identity; });
    return read;
}

}  // namespace signet::restore
