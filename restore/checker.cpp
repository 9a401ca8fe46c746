#include "restore/checker.h"

#include <algorithm>
#include <exception>
#include <system_error>
#include <thread>

#include "core/crypto/digest.h"
#include "format/hashed_name.h"
#include "format/names.h"
#include "restore/content_check.h"
#include "restore/log_archive.h"
#include "restore/pack_verifier.h"
#include "restore/prune.h"
#include "storage/logs.h"
#include "storage/quarantine.h"

namespace signet::restore {
namespace {

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

/// "1 object", "2 objects".
std::string counted(std::uint64_t count, const char* thing) {
    return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

}  // namespace

Checker::Checker(const storage::Repository& repository, keyring::KeyringSet& keyrings, Planner& planner,
                 keyring::Resolver& resolver, CheckOptions options)
    : repository_(repository),
      keyrings_(keyrings),
      planner_(planner),
      resolver_(resolver),
      options_(options),
      catalogue_(planner.catalogue()),
      listing_(repository.store().list("")) {
    choose_sample();
    for (const storage::ObjectInfo& info : listing_) {
        const auto pack = format::parse_pack_name(info.name);
        if (!pack || sample_.contains(*pack)) bytes_total_ += info.size;
    }
    note_users(catalogue_);
    note_excused(catalogue_);
}

void Checker::choose_sample() {
    std::vector<format::PackInfo> packs;
    for (const storage::ObjectInfo& info : listing_) {
        if (const auto pack = format::parse_pack_name(info.name)) packs.push_back({*pack, info.size});
    }
    sample_ = options_.sample.choose(std::move(packs));
}

void Checker::stop_if_interrupted() const {
    if (options_.interrupted != nullptr && *options_.interrupted) throw Error(ErrorCode::interrupted, "interrupted");
}

void Checker::note_users(const Catalogue& catalogue) {
    for (const Backup& backup : catalogue.backups()) {
        const auto note = [&](const std::string& what) {
            users_[what].insert(backup.short_id());
            if (backup.trusted) needed_.insert(what);
        };
        for (const ReachedEntry& reached : catalogue.reached_by(backup)) {
            const format::SealedPacks& listed = *reached.listed;
            for (std::size_t i = 0; i < listed.packs.size(); ++i) {
                if (reached.has(i)) note(format::pack_name(listed.packs[i].id));
            }
            for (const format::IndexInfo& index : listed.indexes) note(format::index_name(index.id));
            note(listed.dek.hex());
        }
        note(backup.body.listed->dek.hex());
    }
    for (const JournalFinding& finding : catalogue.findings()) {
        for (const Backup& backup : catalogue.stranded()) {
            if (backup.writer == finding.identity && backup.sequence >= finding.sequence)
                users_[format::journal_name(finding.identity, finding.sequence)].insert(backup.short_id());
        }
    }
}

void Checker::note_excused(const Catalogue& catalogue) {
    const auto excuse = [this](const ReachedEntry& entry) {
        for (std::size_t i = 0; i < entry.listed->packs.size(); ++i) {
            if (entry.has(i)) excused_.insert(format::pack_name(entry.listed->packs[i].id));
        }
        for (const format::IndexInfo& index : entry.listed->indexes) excused_.insert(format::index_name(index.id));
        excused_.insert(entry.listed->dek.hex());
    };
    for (const Backup& backup : catalogue.forgotten()) {
        for (const ReachedEntry& entry : catalogue.named_by(backup)) excuse(entry);
        for (const ReachedEntry& entry : catalogue.reached_by(backup)) excuse(entry);
    }
    for (const ReachedEntry& entry : catalogue.replaced()) excuse(entry);
    excused_.merge(let_go_names(catalogue));
    for (const storage::Condemnation* one : catalogue.condemnations().all()) {
        for (const DekId& dek : one->fields.objects.deks) {
            if (catalogue.condemnations().of_dek(dek) == storage::Standing::let_go) excused_.insert(dek.hex());
        }
    }
}

bool Checker::may_be_gone(const std::string& used_as) const {
    return excused_.contains(used_as) && !needed_.contains(used_as);
}

std::set<std::string> Checker::users_of(const std::string& object) const {
    const auto slot = format::parse_slot_name(object);
    const auto users = users_.find(slot ? slot->dek.hex() : object);
    return users == users_.end() ? std::set<std::string>() : users->second;
}

void Checker::damage(const std::string& object, const std::string& message, bool is_altered) {
    findings_.add(object, message, is_altered, users_of(object));
}

void Checker::inform(std::string sentence) {
    const std::lock_guard lock(mutex_);
    report_.information.push_back(std::move(sentence));
}

void Checker::check_seen() {
    for (const keyring::Keyring& keyring : keyrings_.all()) {
        const keyring::RepositoryPin* pin = keyring.pin(catalogue_.repository());
        if (pin == nullptr) continue;
        for (const auto& [identity, seen] : pin->seen) {
            const auto& journals = catalogue_.journals();
            const IdentityId& writer = identity;  // clang 14 captures no structured binding
            const auto found = std::find_if(journals.begin(), journals.end(),
                                            [&](const auto& journal) { return journal.identity == writer; });
            const std::size_t entries = found == journals.end() ? 0 : found->entries.size();
            if (entries < seen.sequence) {
                damage(format::journal_name(identity, seen.sequence),
                       "this keyring has seen it, and the journal ends at entry " + std::to_string(entries));
            } else if (found->entries[seen.sequence - 1].id != seen.entry) {
                damage(format::journal_name(identity, seen.sequence), "this keyring has seen another entry there");
            }
        }
    }
}

void Checker::check_journals() {
    check_seen();
    for (const JournalFinding& finding : catalogue_.findings()) {
        damage(finding.sequence > 0 ? format::journal_name(finding.identity, finding.sequence)
                                    : "journal/" + finding.identity.hex(),
               finding.error.what());
    }
    if (catalogue_.doubt()) damage("journal", catalogue_.doubt()->what());
    for (const Error& error : catalogue_.refuted()) {
        const std::string text = error.what();
        damage(text.substr(0, text.find(':')), text);
    }
    if (const std::string sentence = unproven_tails(catalogue_); !sentence.empty()) inform(sentence);
    for (const Backup& backup : catalogue_.backups()) {
        if (!backup.trusted) {
            inform("backup " + backup.short_id() + " " + backup.distrust);
        }
        try {
            (void)planner_.keys_of(backup);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            damage(format::journal_name(backup.writer, backup.sequence), error.what());
        }
    }
}

void Checker::note_missing(const std::string& object, const std::string& used_as, const std::string& message) {
    const std::lock_guard lock(mutex_);
    missing_.try_emplace(object, Missing{used_as, message});
}

void Checker::judge_missing() {
    const bool is_explained = std::all_of(missing_.begin(), missing_.end(),
                                          [this](const auto& one) { return may_be_gone(one.second.used_as); });
    if (!is_explained) {
        // An officer may have forgotten a backup, and shredded it, since the journals were read.
        CatalogueOptions options;
        options.remember = false;
        options.tolerate_rollback = true;
        const auto now = Catalogue::load(repository_, keyrings_, options);
        users_.clear();
        needed_.clear();
        note_users(now);
        note_excused(now);
    }
    std::uint64_t gone = 0;
    for (const auto& [object, missing] : missing_) {
        if (may_be_gone(missing.used_as))
            ++gone;
        else if (is_rebuilt(object))
            inform(object + ": lost; what signet repair has rebuilt of it stands for it");
        else if (!storage::quarantined(repository_.store(), object).empty())
            damage(object, missing.message + "; what is left of it was set aside");
        else
            damage(object, missing.message);
    }
    if (gone == 0) return;
    inform(counted(gone, "object") + (gone == 1 ? " is" : " are") +
           " gone that nothing needs: of forgotten backups, sealed anew since, or let go by prune");
}

/// Whether something stands for a lost index segment. Only who has the writer's index key can say whether it opens; but
/// nothing is lost with an index segment.
bool Checker::is_rebuilt(const std::string& object) const {
    const auto index = format::parse_index_name(object);
    return index && !repository_.load_rebuilt_index(*index).empty();
}

void Checker::expect(const std::string& name, const std::string& used_as, std::uint64_t size,
                     const std::string& entry) {
    const bool is_new = named_.insert(name).second;
    const storage::ObjectInfo* info = listing_.find(name);
    if (info == nullptr) {
        if (is_new) note_missing(name, used_as, name + ": missing, and named by " + entry);
    } else if (size != 0 && info->size != size) {
        misfits_.insert(name);
        damage(name, name + ": has " + std::to_string(info->size) + " octets, and " + entry + " says " +
                         std::to_string(size));
    }
}

void Checker::check_references() {
    std::set<DekId> known_keys;
    const auto check_slots = [&](const std::string& entry, const format::SlottedKey& listed) {
        known_keys.insert(listed.dek);
        for (const format::Slot& slot : listed.slots) {
            const Bytes object = slot.encode();
            expect(format::slot_name(slot.thumbprint, slot.dek, crypto::sha256(object)), slot.dek.hex(), object.size(),
                   entry);
        }
    };
    const auto check_entry = [&](const EntryPlace& place, const format::SealedPacks& listed) {
        const std::string entry = format::journal_name(place.first, place.second);
        for (const format::PackInfo& pack : listed.packs) {
            const std::string name = format::pack_name(pack.id);
            expect(name, name, pack.size, entry);
        }
        for (const format::IndexInfo& index : listed.indexes) {
            const std::string name = format::index_name(index.id);
            expect(name, name, index.size, entry);
        }
        check_slots(entry, listed);
    };
    for (const auto& [place, run] : catalogue_.runs()) check_entry(place, run.fields);
    for (const auto& [place, repack] : catalogue_.repacks().entries()) check_entry(place, repack.fields);
    for (const LogEpoch& epoch : catalogue_.log_epochs())
        check_slots(format::journal_name(epoch.entry->identity, epoch.entry->head.sequence), epoch.fields);
    count_leftovers(known_keys);
}

void Checker::count_leftovers(const std::set<DekId>& known_keys) {
    std::uint64_t leftovers = 0;
    std::uint64_t aside = 0;
    for (const storage::ObjectInfo& info : listing_) {
        if (format::is_quarantined(info.name)) ++aside;
        const bool by_hash = format::parse_pack_name(info.name) || format::parse_index_name(info.name);
        if (by_hash && named_.count(info.name) == 0) ++leftovers;
        if (const auto slot = format::parse_slot_name(info.name)) {
            if (known_keys.count(slot->dek) == 0) ++leftovers;
        }
    }
    if (leftovers > 0 && catalogue_.findings().empty() && !catalogue_.doubt())
        inform(counted(leftovers, "object") + " of unfinished runs, which nothing needs");
    else if (leftovers > 0)
        inform(counted(leftovers, "object") +
               " that no entry names: of unfinished runs, or of entries that are not believed, as said above");
    if (aside > 0) inform(counted(aside, "object") + " set aside as damaged, below quarantine/");
}

void Checker::check_logs() {
    if (catalogue_.doubt()) return;
    std::uint64_t others = 0;
    logs_ = load_logs(repository_, catalogue_, std::nullopt);
    for (const LogSeries& series : logs_) {
        for (const LogStoredAgain& one : series.stored_again) {
            settled_logs_.insert(format::log_name(one.epoch->fields.dek, one.number));
            inform(one.sentence);
        }
        for (const LogProblem& problem : series.problems) {
            const std::string epoch = "logs/" + problem.epoch->fields.dek.hex();
            if (!is_damage(problem.error)) {
                inform(problem.error.what());
            } else if (problem.number == 0) {
                damage(epoch, problem.error.what());
            } else {
                const std::string object = format::log_name(problem.epoch->fields.dek, problem.number);
                settled_logs_.insert(object);
                const Log* log = problem.name.empty() ? nullptr : series.find(problem.name);
                findings_.add_log(object, problem.error.what(),
                                  log != nullptr ? loss_of(series, catalogue_, *log)
                                                 : loss_of(series, catalogue_, *problem.epoch, problem.number));
            }
        }
    }
    std::set<DekId> known;
    for (const LogEpoch& epoch : catalogue_.log_epochs()) known.insert(epoch.fields.dek);
    for (const storage::ObjectInfo& info : listing_) {
        const auto log = format::parse_log_name(info.name);
        if (log && !known.contains(log->dek)) ++others;
    }
    if (others > 0) inform(counted(others, "log") + " of epochs that no entry opens");
}

void Checker::judge_log(const std::string& object, const Error& error) {
    const auto place = format::parse_log_name(object);
    for (const LogSeries& series : logs_) {
        for (const Log& log : series.logs) {
            if (log.epoch->fields.dek != place->dek || log.number != place->number) continue;
            const Log* taken = series.find(log.name());
            const bool is_there =
                taken != &log && !taken->damage && taken->trailer().content_tag == log.trailer().content_tag;
            if (!is_there) return findings_.add_log(object, error.what(), loss_of(series, catalogue_, log));
            return inform(std::string(error.what()) + "; " + log.name() + " is there as " + taken->object() +
                          " as well: no damage");
        }
    }
    const auto& epochs = catalogue_.log_epochs();
    const auto epoch =
        std::find_if(epochs.begin(), epochs.end(), [&](const LogEpoch& one) { return one.fields.dek == place->dek; });
    if (epoch != epochs.end() && epoch->closed && place->number > epoch->closed->first)
        return inform(std::string(error.what()) + "; it does not count: its epoch was closed with fewer logs");
    damage(object, error.what());
}

void Checker::check_hash(const storage::ObjectInfo& info, const Digest& expected) {
    constexpr std::size_t kBlock = std::size_t{1024} * 1024;
    const auto reader = repository_.store().open_object(info.name);
    crypto::Sha256 hash;
    Bytes block(static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, std::max<std::uint64_t>(1, reader->size()))));
    for (std::uint64_t at = 0; at < reader->size();) {
        stop_if_interrupted();
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), reader->size() - at));
        const MutableByteView part(block.data(), size);
        reader->read(at, part);
        hash.update(part);
        bytes_ += size;
        at += size;
    }
    if (hash.finish() != expected) {
        throw Error(ErrorCode::damaged, info.name + ": its content is not what its name promises");
    }
}

void Checker::check_object(const storage::ObjectInfo& info) {
    ++objects_;
    if (info.name == format::kConfigName || format::parse_journal_name(info.name)) return;  // verified already
    if (format::is_quarantined(info.name)) return;
    if (const auto pack = format::parse_pack_name(info.name); pack && !sample_.contains(*pack)) return;
    const auto hashed = format::parse_hashed_name(info.name);
    const bool is_log = format::parse_log_name(info.name).has_value();
    if (!hashed && !is_log) return inform(info.name + ": no object of the repository");
    try {
        if (is_log) {
            bytes_ += info.size;
            if (settled_logs_.contains(info.name)) return;
            (void)storage::verify_log(*repository_.store().open_object(info.name), info.name);
            return;
        }
        // What cannot be right is not read: it may be of any size.
        if (misfits_.contains(info.name) || info.size > hashed->most_octets)
            throw Error(ErrorCode::damaged, info.name + ": has " + std::to_string(info.size) + " octets");
        check_hash(info, hashed->content);
        if (const auto slot = format::parse_slot_name(info.name)) {
            if (repository_.load_slot(*slot).repository != catalogue_.repository()) {
                throw Error(ErrorCode::damaged, info.name + ": belongs to another repository");
            }
        }
    } catch (const Error& error) {
        if (!is_damage(error) && error.code() != ErrorCode::io) throw;
        if (!repository_.store().exists(info.name)) {
            const auto slot = format::parse_slot_name(info.name);
            return note_missing(info.name, slot ? slot->dek.hex() : info.name, info.name + ": was listed, and is gone");
        }
        // A log stays where it is: one that is gone would look like one that its writer never stored.
        if (is_damage(error) && is_log) return judge_log(info.name, error);
        if (is_damage(error)) return damage(info.name, error.what(), true);
        const std::lock_guard lock(mutex_);
        report_.unreadable.emplace_back(error.what());
    }
}

void Checker::check_objects() {
    check_journals();
    check_references();
    check_logs();
    const auto& objects = listing_.objects();
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    const auto work = [&] {
        try {
            for (std::size_t i = next++; i < objects.size(); i = next++) check_object(objects[i]);
        } catch (...) {
            next.store(objects.size());
            const std::lock_guard lock(mutex_);
            failure = std::current_exception();
        }
    };
    const auto wanted = static_cast<unsigned>(options_.jobs);
    {
        std::vector<std::jthread> threads;
        try {
            for (unsigned i = 1; i < std::max(1U, wanted == 0 ? std::thread::hardware_concurrency() : wanted); ++i)
                threads.emplace_back(work);
        } catch (const std::system_error&) {
            // A limit on processes: those that could be started and this one do the work.
        }
        work();
    }
    if (failure) std::rethrow_exception(failure);
    judge_missing();
}

CheckReport Checker::report() const {
    CheckReport report = report_;
    report.findings = findings_.all();
    report.objects = objects_.load();
    report.bytes = bytes_.load();
    report.packs = sample_.size();
    return report;
}

void Checker::read_backup(const Backup& backup) {
    OpenOptions options;
    options.warn = [this](const std::string& sentence) {
        if (told_.insert(sentence).second) inform(sentence);
    };
    const auto open = OpenBackup::open(repository_, planner_, resolver_, backup, options);
    ContentCheck check(*open, read_[backup.writer], options_.interrupted);
    check.run([&](const std::string& path, const Error& error) {
        const std::string object = object_in(error);
        findings_.add_file(object.empty() ? "backup " + backup.short_id() : object, error.what(), backup.short_id(),
                           path);
    });
    report_.chunks += check.chunks();
}

void Checker::check_content() {
    for (const Backup& backup : catalogue_.backups()) {
        // Where trust cannot be known, reading says so.
        if (!backup.trusted && !catalogue_.doubt()) continue;
        const std::string name = "backup " + backup.short_id();
        try {
            read_backup(backup);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::key_unavailable) {
                report_.missing_keys.push_back(name + ": " + error.what());
            } else if (is_damage(error)) {
                const std::string object = object_in(error);
                findings_.add(object.empty() ? name : object, error.what(), false, {backup.short_id()});
            } else {
                throw;
            }
        }
    }
}

void Checker::check_sample() {
    catalogue_.require_no_doubt();
    std::map<EntryPlace, ReachedEntry> entries;
    for (const Backup& backup : catalogue_.backups()) {
        if (!backup.trusted) continue;
        for (ReachedEntry& entry : catalogue_.reached_by(backup))
            entries.try_emplace({entry.entry->identity, entry.entry->head.sequence}, std::move(entry));
    }
    OpenKeys keys(repository_, planner_, resolver_);
    PackVerifier verifier(repository_, keys, options_.interrupted);
    for (const auto& [place, entry] : entries) {
        std::set<PackId> wanted;
        for (const format::PackInfo& pack : entry.listed->packs) {
            const std::string name = format::pack_name(pack.id);
            // What is missing, or needed by nobody, was dealt with before.
            if (sample_.contains(pack.id) && needed_.contains(name)) wanted.insert(pack.id);
        }
        if (wanted.empty()) continue;
        const std::string name = format::journal_name(place.first, place.second);
        try {
            verifier.verify(entry, wanted,
                            [this](const std::string& object, const Error& error) { damage(object, error.what()); });
        } catch (const Error& error) {
            if (!is_about_slots(error)) throw;
            if (error.code() == ErrorCode::key_unavailable)
                report_.missing_keys.push_back("packs of " + name + ": " + error.what());
            else
                damage(name, error.what());
        }
    }
    report_.chunks += verifier.chunks();
}

}  // namespace signet::restore
