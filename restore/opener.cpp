#include "restore/opener.h"

#include "restore/lost_runs.h"
#include "restore/place_loader.h"
#include "restore/spare_packs.h"

namespace signet::restore {
namespace {

void check_commitment(const format::DataKey& opened, const RunKey& key, const std::string& what) {
    if (opened.commitment() != key.commitment) {
        throw Error(ErrorCode::damaged, what + ": holds another data key than the backup was made with");
    }
}

/// Tries every slot of one opener, those of signed entries first.
/// lies  is given the names of slots that do not hold the key
format::DataKey unwrap_with(const storage::Repository& repository, keyring::Resolver& resolver, const RunKey& key,
                            const Opener& opener, std::vector<std::string>& lies) {
    std::optional<Error> failure;
    const auto attempt = [&](const format::Slot& slot, const std::string& what) -> std::optional<format::DataKey> {
        try {
            format::DataKey opened = resolver.unwrap(slot);
            check_commitment(opened, key, what);
            return opened;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::key_unavailable) throw;
            if (error.code() == ErrorCode::damaged) lies.push_back(what);
            if (!failure || error.code() == ErrorCode::key_unavailable) failure = error;
            return std::nullopt;
        }
    };
    for (const format::Slot* slot : opener.slots) {
        if (auto opened = attempt(*slot, "slot of " + opener.thumbprint.short_text())) return std::move(*opened);
        // The slots of one run under one protector are copies; a protector that refuses one refuses all.
        if (failure->code() == ErrorCode::key_unavailable) throw *failure;
    }
    for (const format::SlotName& name : opener.names) {
        const std::string what = format::slot_name(name.thumbprint, name.dek, name.content);
        try {
            const format::Slot slot = repository.load_slot(name);
            if (auto opened = attempt(slot, what)) return std::move(*opened);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
            lies.push_back(what);
            if (!failure) failure = error;
        }
        // Whatever one of them leads to: anybody may have stored it, and the next may be the genuine one.
    }
    throw *failure;
}

/// The slots that unwrap_key() is likely to try first, all under one key manager asked for at once.
void open_ahead(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                const std::vector<const RunKey*>& keys) {
    std::vector<format::Slot> slots;
    for (const RunKey* key : keys) {
        const std::vector<const Opener*> order = planner.order(*key);
        if (order.empty()) continue;
        const Opener& first = *order.front();
        const keyring::ProtectorReport& report = planner.status(first.thumbprint);
        if (!report.can_unwrap || !report.remote || report.remote->lanes < 2) continue;
        if (!first.slots.empty()) {
            slots.push_back(*first.slots.front());
        } else if (!first.names.empty()) {
            try {
                slots.push_back(repository.load_slot(first.names.front()));
            } catch (const Error& error) {
                if (!is_about_slots(error)) throw;
            }
        }
    }
    if (!slots.empty()) resolver.unwrap_ahead(slots);
}

/// A backup or log epoch is of the series that its writer's label key names, and of no other. throws  Error{damaged}
void check_names(const format::SignedEntry& entry, const SecretBytes& label_key) {
    if (const auto labels = format::open_labels(entry, label_key))
        return format::check_series(entry, *labels, label_key);
    throw Error(ErrorCode::damaged, format::journal_name(entry.identity, entry.head.sequence) +
                                        ": its names are sealed under another key than its body says");
}

/// ": sha256:ab12cd34ef56 (prod), disabled in local:prod/1; …"; for no opener nothing.
std::string in_what_state(Planner& planner, const RunKey& key) {
    std::string text;
    for (const Opener& opener : key.openers) {
        const keyring::ProtectorReport& report = planner.status(opener.thumbprint);
        std::string name = report.name;
        if (name.empty() && !opener.slots.empty()) name = opener.slots.front()->location;
        text += (text.empty() ? ": " : "; ") + opener.thumbprint.short_text() +
                (name.empty() ? "" : " (" + name + ")") + ", " +
                (report.detail.empty() ? std::string(keyring::text(report.status)) : report.detail);
    }
    return text;
}

}  // namespace

format::DataKey unwrap_key(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                           const RunKey& key) {
    std::optional<Error> failure;
    std::vector<std::string> lies;
    for (const Opener* opener : planner.order(key)) {
        if (!planner.status(opener->thumbprint).can_unwrap) continue;
        try {
            lies.clear();
            return unwrap_with(repository, resolver, key, *opener, lies);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::key_unavailable) {
                planner.note_failure(opener->thumbprint, error);
            } else if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) {
                throw;
            } else {
                planner.disprove(key, opener->thumbprint, lies);
            }
            if (!failure || error.code() == ErrorCode::key_unavailable) failure = error;
        }
    }
    if (failure && failure->code() != ErrorCode::key_unavailable) {
        // Who stores slots that open nothing must not turn a protector that is missing into damage.
        for (const Opener& opener : key.openers) {
            if (!opener.is_signed || planner.status(opener.thumbprint).can_unwrap) continue;
            throw Error(ErrorCode::key_unavailable,
                        "data key " + key.dek.short_hex() + ": protector " + opener.thumbprint.short_text() +
                            ", which its writer names, cannot be used, and " + failure->what());
        }
    }
    if (failure) throw *failure;
    throw Error(ErrorCode::key_unavailable,
                "data key " + key.dek.short_hex() + ": no usable protector opens it" + in_what_state(planner, key));
}

format::DataKey unwrap_key_by(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                              const RunKey& key, const format::Thumbprint& opener) {
    RunKey alone = key;
    std::erase_if(alone.openers, [&](const Opener& one) { return one.thumbprint != opener; });
    return unwrap_key(repository, planner, resolver, alone);
}

format::DataKey unwrap_epoch(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                             const LogEpoch& epoch) {
    format::DataKey key = unwrap_key(repository, planner, resolver, planner.key(*epoch.entry, epoch.fields));
    const std::string name = format::journal_name(epoch.entry->identity, epoch.entry->head.sequence);
    // Who only looked has read no bodies.
    const format::SignedEntry entry = format::decode_entry(repository.store().get(name, format::kMaxEntry), name);
    if (entry.id != epoch.entry->id) throw Error(ErrorCode::damaged, name + ": another entry than was there before");
    check_names(entry, format::open_epoch_keys(entry, key).label_key);
    return key;
}

bool is_about_slots(const Error& error) {
    return error.code() == ErrorCode::key_unavailable || error.code() == ErrorCode::damaged ||
           error.code() == ErrorCode::unsupported;
}

/// For a salvage: a chunk of a pack that is lost may have been stored again since. The places in whole packs come
/// first.
void OpenBackup::load_salvage(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                              PlaceLoader& places) {
    const Catalogue& catalogue = planner.catalogue();
    const storage::CompleteListing packs = repository.store().list("packs/");
    std::vector<ReachedEntry> lost;
    for (const ReachedEntry& entry : catalogue.reached_by(backup_)) {
        PartedEntry parted = part(entry, packs);
        places.load(parted.whole);
        if (chooses_any(parted.lost)) lost.push_back(std::move(parted.lost));
    }
    const std::set<DekId> lost_runs = lost_keys(catalogue, backup_);
    if (lost.empty() && lost_runs.empty()) return;
    load_spares(repository, planner, resolver, packs, places);
    load_lost_runs(repository, catalogue, resolver, packs, lost_runs, places);
    for (const ReachedEntry& entry : lost) places.load(entry);
}

/// Whatever else the writer's line has stored.
void OpenBackup::load_spares(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                             const storage::CompleteListing& packs, PlaceLoader& places) {
    for (const ReachedEntry& spare :
         stored_packs(planner.catalogue(), line_of(planner.catalogue(), backup_.writer), packs)) {
        const RunKey& key = planner.key(*spare.entry, *spare.listed);
        const auto known = keys_.find(key.dek);
        if (missing_.contains(key.dek)) continue;
        if (known == keys_.end()) {
            try {
                keys_.emplace(key.dek, unwrap_key(repository, planner, resolver, key));
            } catch (const Error& error) {
                if (!is_about_slots(error)) throw;
                continue;
            }
        } else if (known->second.commitment() != key.commitment) {
            continue;
        }
        places.load_spare(spare);
    }
}

/// Packs of the entries that it reaches and that are not there.
void OpenBackup::load_lost_runs(const storage::Repository& repository, const Catalogue& catalogue,
                                keyring::Resolver& resolver, const storage::CompleteListing& packs,
                                const std::set<DekId>& lost, PlaceLoader& places) {
    if (lost.empty()) return;
    for (const auto& [dek, found] : unlisted_packs(catalogue, repository.store(), packs, lost)) {
        if (keys_.contains(dek)) {
            places.load_unlisted(dek, found);
            continue;
        }
        std::string why;
        auto run = unwrap_for(repository, resolver, dek, found, why);
        if (!run) {
            missing_.emplace(dek, why);
            continue;
        }
        keys_.emplace(dek, std::move(run->key));
        places.load_unlisted(dek, run->packs);
    }
}

void OpenBackup::unwrap_keys(const Backup& backup, const storage::Repository& repository, Planner& planner,
                             keyring::Resolver& resolver, const OpenOptions& options) {
    const std::vector<const RunKey*> needed = options.salvage ? planner.keys_left_of(backup) : planner.keys_of(backup);
    open_ahead(repository, planner, resolver, needed);
    for (const RunKey* key : needed) {
        try {
            keys_.emplace(key->dek, unwrap_key(repository, planner, resolver, *key));
        } catch (const Error& error) {
            const bool is_missing = error.code() == ErrorCode::key_unavailable;
            // Without the key of its body there is no tree to go by.
            if (options.salvage && key != needed.front() && (is_missing || error.code() == ErrorCode::damaged)) {
                missing_.emplace(key->dek, error.what());
                if (options.warn) options.warn(error.what());
            } else if (is_missing && !planner.catalogue().doubt() && planner.catalogue().is_whole(backup)) {
                throw KeyUnavailable(planner.plan(backup));
            } else {
                throw;
            }
        }
    }
}

std::unique_ptr<OpenBackup> OpenBackup::open(const storage::Repository& repository, Planner& planner,
                                             keyring::Resolver& resolver, const Backup& backup,
                                             const OpenOptions& options) {
    planner.catalogue().require_trusted(backup);
    if (!options.salvage) {
        Plan plan = planner.plan(backup);
        if (!plan.restorable) throw KeyUnavailable(std::move(plan));
    }
    std::unique_ptr<OpenBackup> open(new OpenBackup(backup));
    if (backup.is_stranded && options.warn)
        options.warn("backup " + backup.describe() + " stands behind damage in its writer's journal: " +
                     (backup.is_proven ? "that it was there is proven by what is known of a later entry"
                                       : "it was signed by its writer, and that it was there before is not proven"));
    open->unwrap_keys(backup, repository, planner, resolver, options);
    open->body_ = backup.body.open(open->keys_.at(backup.body.listed->dek));
    try {
        check_names(*backup.entry, open->body_.keys.label_key);
    } catch (const Error& error) {
        if (!options.salvage || error.code() != ErrorCode::damaged) throw;
        if (options.warn) options.warn(error.what());
    }
    PlaceLoader places(repository, open->body_.keys, open->keys_, options.salvage, options.warn, open->table_);
    if (options.salvage) {
        open->load_salvage(repository, planner, resolver, places);
    } else {
        for (const ReachedEntry& reached : planner.catalogue().reached_by(backup)) places.load(reached);
    }
    FrameReaderOptions frames = options.frames;
    frames.any_size = frames.any_size || options.salvage;
    open->frames_ = std::make_unique<FrameReader>(repository.store(), open->table_, open->keys_,
                                                  repository.config().repository, frames);
    // What only a salvage believes is not remembered.
    if (!options.salvage && planner.catalogue().label_key(backup.writer) == nullptr) {
        try {
            resolver.keyrings().own().learn_label_key(repository.config().repository, backup.writer,
                                                      open->body_.keys.label_key);
        } catch (const Error& error) {
            // Names in later listings are a convenience; a keyring that cannot be written must not stop a restore.
            if (options.warn)
                options.warn(std::string("names of this writer's backups are not remembered: ") + error.what());
        }
    }
    return open;
}

}  // namespace signet::restore
