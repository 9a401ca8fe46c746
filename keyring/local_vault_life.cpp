// The life of keys in a local vault: states and dates, deletion, recovery and purge, tags, rotation, key backups.
#include <algorithm>

#include "keyring/key_backup.h"
#include "keyring/local_vault.h"
#include "keyring/local_vault_state.h"

namespace signet::keyring {
namespace {

constexpr std::int64_t kNsPerDay = std::int64_t{86'400} * kNsPerSecond;

bool is_past(const KeyVersion& key, TimePoint now) {
    const auto date = key.attributes.purge_date();
    return date && *date <= now;
}

/// Removes versions, and remembers that they were there.
template <class IsGone>
void remove_keys(Content& next, TimePoint now, const IsGone& is_gone) {
    for (const StoredKey& stored : next.keys) {
        if (!is_gone(stored.key)) continue;
        const KeyVersion& key = stored.key;
        next.purged.push_back({key.name, key.version, key.thumbprint, key.attributes.deleted.value_or(now), now});
    }
    std::erase_if(next.keys, [&](const StoredKey& stored) { return is_gone(stored.key); });
    LocalVault::State::tidy_records(next);
}

bool is_text(const std::string& text, std::size_t longest) {
    if (text.size() > longest) return false;
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

void for_reference(Content& content, const KeyVersion& meant, std::string_view reference,
                   const std::function<void(StoredKey&)>& apply) {
    bool is_there = false;
    for (StoredKey& stored : content.keys) {
        if (reference != stored.key.name && stored.key.thumbprint != meant.thumbprint) continue;
        is_there = true;
        apply(stored);
    }
    if (!is_there) {
        throw Error(ErrorCode::key_unavailable, "key " + meant.reference() + " was purged: its retention has ended",
                    "if there is a key backup of it: signet key restore FILE");
    }
}

// States and dates.

void LocalVault::set_enabled(std::string_view reference, bool enabled) {
    state_->change([&](Content& next) {
        for_reference(next, get(reference), reference, [&](StoredKey& stored) {
            KeyVersion& key = stored.key;
            if (enabled && key.attributes.deleted) {
                // By its name alone, what is deleted stays as it is, and is recovered as it was.
                if (reference == key.name) return;
                throw Error(ErrorCode::refused, "key " + key.reference() + " is deleted",
                            "signet key recover " + key.reference());
            }
            key.attributes.enabled = enabled;
        });
    });
}

void LocalVault::set_dates(std::string_view reference, const KeyDates& dates) {
    State::check_dates(dates);
    state_->change([&](Content& next) {
        for_reference(next, get(reference), reference, [&](StoredKey& stored) {
            stored.key.attributes.not_before = dates.not_before;
            stored.key.attributes.expires = dates.expires;
        });
    });
}

// Deletion.

void LocalVault::State::purge_due() {
    const TimePoint now = clock->now();
    const auto is_due = [&](const KeyVersion& key) { return is_past(key, now); };
    if (std::none_of(listing.begin(), listing.end(), is_due)) return;
    Content next = content;
    remove_keys(next, now, is_due);
    write(std::move(next));
}

void LocalVault::soft_delete(std::string_view reference, const Retention& retention) {
    if (retention.days < Retention::kLeastDays || retention.days > Retention::kMostDays) {
        throw Error(ErrorCode::usage, "a retention of " + std::to_string(retention.days) + " days",
                    "deleted keys are kept for 7 to 90 days");
    }
    state_->change([&](Content& next) {
        const TimePoint now = state_->clock->now();
        for_reference(next, get(reference), reference, [&](StoredKey& stored) {
            KeyAttributes& attributes = stored.key.attributes;
            if (attributes.deleted) return;
            attributes.deleted = now;
            attributes.purge_at = TimePoint{now.ns + retention.days * kNsPerDay};
        });
    });
}

void LocalVault::recover(std::string_view reference) {
    state_->change([&](Content& next) {
        bool was_deleted = false;
        const KeyVersion meant = get(reference);
        for_reference(next, meant, reference, [&](StoredKey& stored) {
            KeyAttributes& attributes = stored.key.attributes;
            was_deleted = was_deleted || attributes.deleted.has_value();
            attributes.deleted.reset();
            attributes.purge_at.reset();
        });
        if (!was_deleted) throw Error(ErrorCode::refused, "key " + std::string(reference) + " is not deleted");
    });
}

void LocalVault::State::check_purge(const KeyVersion& key) const {
    if (!key.attributes.deleted) {
        throw Error(ErrorCode::refused, "key " + key.reference() + " is not deleted",
                    "delete it first: signet key delete " + key.reference());
    }
    if (!content.purge_protection || is_past(key, clock->now())) return;
    throw Error(ErrorCode::refused,
                "key " + key.reference() + " cannot be purged before " + to_table_time(*key.attributes.purge_date()) +
                    ": the vault has purge protection",
                "it can be recovered until then: signet key recover " + key.reference());
}

void LocalVault::check_purge(std::string_view reference) const {
    const KeyVersion meant = get(reference);
    for (const KeyVersion& key : list()) {
        if (reference == key.name || key.thumbprint == meant.thumbprint) state_->check_purge(key);
    }
}

std::vector<PurgedKey> LocalVault::purge(std::string_view reference) {
    refresh();
    const KeyVersion meant = get(reference);
    const std::size_t before = purged().size();
    const auto is_meant = [&](const auto& key) { return reference == key.name || key.thumbprint == meant.thumbprint; };
    state_->change([&](Content& next) {
        for (const StoredKey& stored : next.keys) {
            if (is_meant(stored.key)) state_->check_purge(stored.key);
        }
        remove_keys(next, state_->clock->now(), is_meant);
    });
    // What was due had gone before it was asked for.
    std::vector<PurgedKey> removed;
    for (std::size_t i = before; i < purged().size(); ++i) {
        if (is_meant(purged()[i])) removed.push_back(purged()[i]);
    }
    return removed;
}

const std::vector<PurgedKey>& LocalVault::purged() const { return state_->content.purged; }
bool LocalVault::purge_protection() const { return state_->content.purge_protection; }

void LocalVault::waive_purge_protection() {
    state_->change([&](Content& next) {
        if (!next.purge_protection) return;
        if (!next.keys.empty() || !next.purged.empty()) {
            throw Error(ErrorCode::refused, "purge protection cannot be switched off once a vault has held a key",
                        "make another vault with --vault DIR");
        }
        next.purge_protection = false;
    });
}

// What belongs to a name.

KeyRecord& LocalVault::State::record_of(Content& next, const std::string& name) const {
    const auto is_name = [&](const StoredKey& stored) { return stored.key.name == name; };
    if (std::none_of(next.keys.begin(), next.keys.end(), is_name)) {
        throw Error(ErrorCode::key_unavailable, "no key " + name + " in the " + what(), "list them: signet key list");
    }
    const auto place =
        std::lower_bound(next.records.begin(), next.records.end(), name,
                         [](const KeyRecord& record, const std::string& text) { return record.name < text; });
    if (place != next.records.end() && place->name == name) return *place;
    KeyRecord record;
    record.name = name;
    return *next.records.insert(place, std::move(record));
}

void LocalVault::State::tidy_records(Content& next) {
    std::erase_if(next.records, [&](const KeyRecord& record) {
        const auto is_name = [&](const StoredKey& stored) { return stored.key.name == record.name; };
        return record.is_empty() || std::none_of(next.keys.begin(), next.keys.end(), is_name);
    });
}

KeyRecord LocalVault::record(std::string_view name) const {
    for (const KeyRecord& record : state_->content.records) {
        if (record.name == name) return record;
    }
    KeyRecord none;
    none.name = name;
    return none;
}

void LocalVault::set_tags(const std::string& name, const std::map<std::string, std::optional<std::string>>& tags) {
    for (const auto& [tag, value] : tags) {
        const bool is_well = !tag.empty() && is_text(tag, KeyRecord::kLongestTagName) &&
                             (!value || is_text(*value, KeyRecord::kLongestTagValue));
        if (!is_well) {
            throw Error(ErrorCode::usage, "a tag's name has 1 to 128 octets and its value at most 256, in one line");
        }
    }
    state_->change([&](Content& next) {
        KeyRecord& record = state_->record_of(next, name);
        for (const auto& [tag, value] : tags) {
            if (value)
                record.tags[tag] = *value;
            else
                record.tags.erase(tag);
        }
        if (record.tags.size() > KeyRecord::kMostTags) {
            throw Error(ErrorCode::usage, "a key has at most " + std::to_string(KeyRecord::kMostTags) + " tags");
        }
        State::tidy_records(next);
    });
}

void LocalVault::set_rotation_policy(const std::string& name, const RotationPolicy& policy) {
    for (const auto& days : {policy.after_days, policy.before_expiry_days}) {
        if (days && (*days < RotationPolicy::kLeastDays || *days > RotationPolicy::kMostDays)) {
            throw Error(ErrorCode::usage, "a key is rotated 7 to 3650 days after it was made, or before it expires");
        }
    }
    state_->change([&](Content& next) {
        state_->record_of(next, name).rotation = policy;
        State::tidy_records(next);
    });
}

std::vector<KeyVersion> LocalVault::due_for_rotation() const {
    std::vector<KeyVersion> due;
    const TimePoint now = state_->clock->now();
    for (const KeyRecord& record : state_->content.records) {
        const KeyVersion* newest = nullptr;
        for (const KeyVersion& key : list()) {
            if (key.name == record.name && !key.attributes.deleted) newest = &key;
        }
        if (newest == nullptr || !newest->attributes.enabled) continue;
        const auto when = record.rotation.due(*newest);
        if (when && *when <= now) due.push_back(*newest);
    }
    return due;
}

// Key backups.

void LocalVault::note_key_backup(const std::string& name, const KeyBackupRecord& made) {
    state_->change([&](Content& next) { state_->record_of(next, name).backup = made; });
}

std::vector<KeyVersion> LocalVault::adopt(const std::vector<WholeKey>& keys, const KeyRecord& record) {
    std::vector<KeyVersion> added;
    state_->change([&](Content& next) {
        const auto is_same_name = [&](const StoredKey& stored) { return stored.key.name == record.name; };
        const bool is_new_name = std::none_of(next.keys.begin(), next.keys.end(), is_same_name);
        for (const WholeKey& whole : keys) {
            bool is_there = false;
            for (const StoredKey& other : next.keys) {
                is_there = is_there || other.key.thumbprint == whole.key.thumbprint;
                if (other.key.reference() != whole.key.reference() || other.key.thumbprint == whole.key.thumbprint)
                    continue;
                throw Error(ErrorCode::refused,
                            "the " + state_->what() + " has another key as " + other.key.reference(),
                            "restore it into another vault: --vault DIR");
            }
            if (is_there) continue;
            std::erase_if(next.purged, [&](const PurgedKey& key) { return key.thumbprint == whole.key.thumbprint; });
            state_->insert(next, {whole.key, {}}, whole.pkcs8);
            added.push_back(whole.key);
        }
        if (is_new_name) state_->record_of(next, record.name) = record;
        State::tidy_records(next);
    });
    return added;
}

KeyBackupState LocalVault::backup_state(std::string_view name) const {
    const KeyRecord kept = record(name);
    if (!kept.backup) return KeyBackupState::none;
    std::vector<KeyVersion> versions;
    for (const KeyVersion& key : list()) {
        if (key.name == name) versions.push_back(key);
    }
    return key_digest(versions, kept) == kept.backup->digest ? KeyBackupState::current : KeyBackupState::outdated;
}

}  // namespace signet::keyring
