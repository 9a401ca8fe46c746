// Names and tags, as far as the label keys at hand open them.
#include "restore/catalogue.h"

#include "format/officer_entry.h"
#include "restore/catalogue_parts.h"

#include <algorithm>

namespace signet::restore {

const SecretBytes* Catalogue::label_key(const IdentityId& writer) const {
    const auto found = label_keys_.find(writer);
    return found == label_keys_.end() || found->second.empty() ? nullptr : &found->second;
}

/// A successor has the label key of its predecessors: who knows one of them knows all. That it opens names is tried:
/// anybody can claim to succeed somebody.
void Catalogue::share_label_keys() {
    const auto opens_names_of = [this](const IdentityId& writer, const SecretBytes& key) {
        const auto one = std::find_if(backups_.begin(), backups_.end(),
                                      [&](const Backup& backup) { return backup.writer == writer; });
        const auto epoch = std::find_if(log_epochs_.begin(), log_epochs_.end(),
                                        [&](const LogEpoch& each) { return each.entry->identity == writer; });
        if (one == backups_.end() && epoch == log_epochs_.end()) return false;
        const format::SignedEntry& entry = one != backups_.end() ? *one->entry : *epoch->entry;
        try {
            return format::open_labels(entry, key).has_value();
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            return false;
        }
    };
    const auto share = [&](std::vector<IdentityId> line, const IdentityId& successor) {
        line.push_back(successor);
        const auto knower = std::find_if(line.begin(), line.end(),
                                         [this](const IdentityId& writer) { return label_key(writer) != nullptr; });
        if (knower == line.end()) return;
        for (const IdentityId& writer : line) {
            const SecretBytes& key = *label_key(*knower);
            if (label_key(writer) == nullptr && opens_names_of(writer, key)) label_keys_[writer] = key.clone();
        }
    };
    for (const Backup& backup : backups_) share(backup.fields->predecessors, backup.writer);
    for (const LogEpoch& epoch : log_epochs_) share(epoch.fields.predecessors, epoch.entry->identity);
}

std::optional<format::Labels> Catalogue::labels_of(const format::SignedEntry& entry) const {
    const SecretBytes* key = label_key(entry.identity);
    if (key == nullptr) return std::nullopt;
    auto labels = format::open_labels(entry, *key);
    if (labels) format::check_series(entry, *labels, *key);
    return labels;
}

/// Who writes down another's series, or names that nobody can read, spoils what is his: nothing else may be lost for
/// it.
void Catalogue::note_false_name(const format::SignedEntry& entry, const Error& error) {
    findings_.push_back({entry.identity, error, entry.head.sequence, false, false, {}});
}

void Catalogue::learn_names(const storage::Repository& repository, keyring::KeyringSet& keyrings) {
    const RepositoryId& id = repository.config().repository;
    if (const auto own = keyrings.own().writer_if_present()) {
        label_keys_.emplace(own->identity(), keyrings.own().writer_keys(id, *own).label_key.clone());
    }
    const auto learn_key = [&](const IdentityId& writer) {
        if (label_keys_.contains(writer)) return;
        auto key = keyrings.label_key(id, writer);
        // An empty key stands for "not known", so that each writer is asked about once.
        label_keys_.emplace(writer, key ? std::move(*key) : SecretBytes());
    };
    for (const Backup& backup : backups_) learn_key(backup.writer);
    for (const Backup& backup : stranded_) learn_key(backup.writer);
    for (const LogEpoch& epoch : log_epochs_) learn_key(epoch.entry->identity);
    share_label_keys();
    for (LogEpoch& epoch : log_epochs_) {
        try {
            epoch.labels = labels_of(*epoch.entry);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            epoch.damage = error;
            note_false_name(*epoch.entry, error);
        }
    }
    const auto name = [this](Backup& backup) {
        try {
            backup.labels = labels_of(*backup.entry);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            backup.damage = Error(ErrorCode::damaged, error.what());
            note_false_name(*backup.entry, error);
        }
        if (backup.labels) backup.tags = backup.labels->tags;
    };
    std::for_each(backups_.begin(), backups_.end(), name);
    std::for_each(stranded_.begin(), stranded_.end(), name);
}

void Catalogue::apply_remarks() {
    std::map<EntryId, Backup*> by_id;
    for (Backup& backup : backups_) by_id[backup.id] = &backup;
    std::map<EntryId, StatementOrder> latest;
    visit_statements(journals_, [&](const format::SignedEntry& entry, const StatementOrder& order) {
        if (entry.kind != format::EntryKind::remark) return;
        if (!trust_.trusts(entry.identity, format::Role::writer, entry.head.sequence) &&
            !trust_.trusts(entry.identity, format::Role::officer, entry.head.sequence)) {
            return;
        }
        try {
            const auto fields = format::RemarkFields::decode(entry.public_fields(), name_of(entry));
            const auto backup = by_id.find(fields.backup);
            if (backup == by_id.end() || backup->second->writer != fields.writer) return;
            LastWord& newest = remarks_.try_emplace(fields.backup, LastWord{order, entry.id, false}).first->second;
            if (newest.order < order) newest = {order, entry.id, false};
            const SecretBytes* key = label_key(fields.writer);
            auto tags = key == nullptr ? std::nullopt : format::open_remark(entry, *key);
            if (!tags || (latest.contains(fields.backup) && order < latest.at(fields.backup))) return;
            latest[fields.backup] = order;
            backup->second->tags = std::move(*tags);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            note_damage(entry, error);
        }
    });
}

const LastWord* Catalogue::remark(const EntryId& backup) const {
    const auto found = remarks_.find(backup);
    return found == remarks_.end() ? nullptr : &found->second;
}

}  // namespace signet::restore
