#include "cli/checker.h"

#include "cli/content_check.h"
#include "cli/signals.h"
#include "core/crypto/digest.h"
#include "format/limits.h"
#include "format/names.h"
#include "restore/prune.h"

#include <algorithm>
#include <exception>
#include <system_error>
#include <thread>

namespace signet::cli {
namespace {

const restore::Catalogue& tolerant_catalogue(Context& context) {
    restore::CatalogueOptions options;
    options.tolerate_rollback = true;
    return context.load_catalogue(options);
}

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

/// What an object's name says of its hash; empty when the name is none of ours.
std::string hash_in_name(const std::string& name) {
    if (const auto pack = format::parse_pack_name(name)) return pack->hex();
    if (const auto index = format::parse_index_name(name)) return index->hex();
    if (const auto slot = format::parse_slot_name(name)) return slot->content.hex();
    if (const auto escrow = format::parse_escrow_name(name)) return escrow->content.hex();
    return {};
}

}  // namespace

Checker::Checker(Context& context)
    : context_(context), catalogue_(tolerant_catalogue(context)), listing_(context.repository().store().list("")) {
    for (const storage::ObjectInfo& info : listing_) bytes_total_ += info.size;
    note_users(catalogue_);
    note_excused(catalogue_);
}

void Checker::note_users(const restore::Catalogue& catalogue) {
    for (const restore::Backup& backup : catalogue.backups()) {
        const auto note = [&](const std::string& what) {
            users_[what].insert(backup.short_id());
            if (backup.trusted) needed_.insert(what);
        };
        for (const restore::ReachedEntry& reached : catalogue.reached_by(backup)) {
            const format::SealedPacks& listed = *reached.listed;
            for (std::size_t i = 0; i < listed.packs.size(); ++i) {
                if (reached.has(i)) note(format::pack_name(listed.packs[i].id));
            }
            for (const format::IndexInfo& index : listed.indexes) note(format::index_name(index.id));
            note(listed.dek.hex());
        }
        note(backup.body.listed->dek.hex());
    }
}

void Checker::note_excused(const restore::Catalogue& catalogue) {
    const auto excuse = [this](const restore::ReachedEntry& entry) {
        for (std::size_t i = 0; i < entry.listed->packs.size(); ++i) {
            if (entry.has(i)) excused_.insert(format::pack_name(entry.listed->packs[i].id));
        }
        for (const format::IndexInfo& index : entry.listed->indexes) excused_.insert(format::index_name(index.id));
        excused_.insert(entry.listed->dek.hex());
    };
    for (const restore::Backup& backup : catalogue.forgotten()) {
        for (const restore::ReachedEntry& entry : catalogue.named_by(backup)) excuse(entry);
        for (const restore::ReachedEntry& entry : catalogue.reached_by(backup)) excuse(entry);
    }
    for (const restore::ReachedEntry& entry : catalogue.replaced()) excuse(entry);
    excused_.merge(restore::let_go_names(catalogue));
    for (const storage::Condemnation* one : catalogue.condemnations().all()) {
        for (const DekId& dek : one->fields.objects.deks) {
            if (catalogue.condemnations().of_dek(dek) == storage::Standing::let_go) excused_.insert(dek.hex());
        }
    }
}

bool Checker::may_be_gone(const std::string& used_as) const {
    return excused_.contains(used_as) && !needed_.contains(used_as);
}

void Checker::damage(const std::string& object, const std::string& message) {
    Damage found{object, message, {}};
    if (const auto users = users_.find(object); users != users_.end()) found.backups = users->second;
    if (const auto slot = format::parse_slot_name(object)) {
        if (const auto users = users_.find(slot->dek.hex()); users != users_.end()) found.backups = users->second;
    }
    const std::lock_guard lock(mutex_);
    report_.damages.push_back(std::move(found));
}

void Checker::check_seen() {
    for (const keyring::Keyring& keyring : context_.keyrings().all()) {
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
    for (const restore::JournalFinding& finding : catalogue_.findings()) {
        damage("journal/" + finding.identity.hex(), finding.error.what());
    }
    if (catalogue_.doubt()) damage("journal", catalogue_.doubt()->what());
    for (const restore::Backup& backup : catalogue_.backups()) {
        if (!backup.trusted) {
            report_.information.push_back("backup " + backup.short_id() + " " + backup.distrust);
        }
        try {
            (void)context_.planner().keys_of(backup);
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
        restore::CatalogueOptions options;
        options.remember = false;
        options.tolerate_rollback = true;
        const auto now = restore::Catalogue::load(context_.repository(), context_.keyrings(), options);
        users_.clear();
        needed_.clear();
        note_users(now);
        note_excused(now);
    }
    std::uint64_t gone = 0;
    for (const auto& [object, missing] : missing_) {
        if (may_be_gone(missing.used_as))
            ++gone;
        else
            damage(object, missing.message);
    }
    if (gone == 0) return;
    report_.information.push_back(
        counted(gone, "object") + (gone == 1 ? " is" : " are") +
        " gone that nothing needs: of forgotten backups, sealed anew since, or let go by prune");
}

void Checker::expect(const std::string& name, const std::string& used_as, std::uint64_t size,
                     const std::string& entry) {
    const bool is_new = named_.insert(name).second;
    const storage::ObjectInfo* info = listing_.find(name);
    if (info == nullptr) {
        if (is_new) note_missing(name, used_as, name + ": missing, and named by " + entry);
    } else if (size != 0 && info->size != size) {
        damage(name, name + ": has " + std::to_string(info->size) + " octets, and " + entry + " says " +
                         std::to_string(size));
    }
}

void Checker::check_references() {
    std::set<DekId> known_keys;
    const auto check_entry = [&](const restore::EntryPlace& place, const format::SealedPacks& listed) {
        const std::string entry = format::journal_name(place.first, place.second);
        known_keys.insert(listed.dek);
        for (const format::PackInfo& pack : listed.packs) {
            const std::string name = format::pack_name(pack.id);
            expect(name, name, pack.size, entry);
        }
        for (const format::IndexInfo& index : listed.indexes) {
            const std::string name = format::index_name(index.id);
            expect(name, name, index.size, entry);
        }
        for (const format::Slot& slot : listed.slots) {
            const Bytes object = slot.encode();
            expect(format::slot_name(slot.thumbprint, slot.dek, crypto::sha256(object)), slot.dek.hex(), object.size(),
                   entry);
        }
    };
    for (const auto& [place, run] : catalogue_.runs()) check_entry(place, run.fields);
    for (const auto& [place, repack] : catalogue_.repacks().entries()) check_entry(place, repack.fields);
    std::uint64_t leftovers = 0;
    for (const storage::ObjectInfo& info : listing_) {
        const bool by_hash = format::parse_pack_name(info.name) || format::parse_index_name(info.name);
        if (by_hash && named_.count(info.name) == 0) ++leftovers;
        if (const auto slot = format::parse_slot_name(info.name)) {
            if (known_keys.count(slot->dek) == 0) ++leftovers;
        }
    }
    if (leftovers > 0) {
        report_.information.push_back(counted(leftovers, "object") + " of unfinished runs, which nothing needs");
    }
}

void Checker::check_hash(const storage::ObjectInfo& info, const std::string& expected) {
    constexpr std::size_t kBlock = std::size_t{1024} * 1024;
    const auto reader = context_.repository().store().open_object(info.name);
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
    if (hash.finish().hex() != expected) {
        throw Error(ErrorCode::damaged, info.name + ": its content is not what its name promises");
    }
}

void Checker::check_object(const storage::ObjectInfo& info) {
    ++objects_;
    if (info.name == format::kConfigName || format::parse_journal_name(info.name)) return;  // verified already
    const std::string expected = hash_in_name(info.name);
    if (expected.empty()) {
        const std::lock_guard lock(mutex_);
        report_.information.push_back(info.name + ": no object of the repository");
        return;
    }
    try {
        check_hash(info, expected);
        if (const auto slot = format::parse_slot_name(info.name)) {
            if (context_.repository().load_slot(*slot).repository != catalogue_.repository()) {
                throw Error(ErrorCode::damaged, info.name + ": belongs to another repository");
            }
        }
    } catch (const Error& error) {
        if (!is_damage(error) && error.code() != ErrorCode::io) throw;
        if (!context_.repository().store().exists(info.name)) {
            const auto slot = format::parse_slot_name(info.name);
            return note_missing(info.name, slot ? slot->dek.hex() : info.name, info.name + ": was listed, and is gone");
        }
        if (is_damage(error)) return damage(info.name, error.what());
        const std::lock_guard lock(mutex_);
        report_.unreadable.emplace_back(error.what());
    }
}

void Checker::check_objects() {
    check_journals();
    check_references();
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
    const auto wanted = static_cast<unsigned>(context_.jobs());
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
    report_.objects = objects_.load();
    report_.bytes = bytes_.load();
    std::sort(report_.damages.begin(), report_.damages.end(),
              [](const Damage& a, const Damage& b) { return a.object < b.object; });
}

void Checker::read_backup(const restore::Backup& backup) {
    const auto open = context_.open(backup);
    ContentCheck check(*open, read_[backup.writer]);
    check.run([&](const std::string& path, const Error& error) {
        const std::lock_guard lock(mutex_);
        report_.damages.push_back({path, error.what(), {backup.short_id()}});
    });
    report_.chunks += check.chunks();
}

void Checker::check_content() {
    for (const restore::Backup& backup : catalogue_.backups()) {
        // Where trust cannot be known, reading says so.
        if (!backup.trusted && !catalogue_.doubt()) continue;
        try {
            read_backup(backup);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::key_unavailable)
                report_.missing_keys.push_back("backup " + backup.short_id() + ": " + error.what());
            else if (is_damage(error))
                report_.damages.push_back({"backup " + backup.short_id(), error.what(), {backup.short_id()}});
            else
                throw;
        }
    }
}

ProgressState Checker::progress() const {
    ProgressState state;
    state.files_done = objects_.load();
    state.files_total = listing_.size();
    state.bytes_done = bytes_.load();
    state.bytes_total = bytes_total_;
    state.total_known = true;
    return state;
}

}  // namespace signet::cli
