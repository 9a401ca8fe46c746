// Writes journals of many backups in little time: real signed entries, made through format/ alone, of backups that have
// no packs in the store. For tests and measurements of what reads headers only.
#pragma once

#include "format/backup_entry.h"
#include "format/officer_entry.h"
#include "storage/repository.h"

#include <string>

namespace signet::test {

class JournalWriter {
public:
    /// A journal that has no entries yet. repository  outlives the writer
    JournalWriter(const storage::Repository& repository, crypto::SigningKey key, format::WriterKeys keys);

    [[nodiscard]] IdentityId identity() const { return key_.verify_key().identity(); }
    [[nodiscard]] std::uint64_t next_sequence() const { return sequence_ + 1; }
    [[nodiscard]] SeriesId series(const std::string& name) const { return format::series_id(keys_.label_key, name); }

    /// A backup or partial entry. The names are those of the series and of a host "host".
    EntryId append(format::EntryKind kind, const format::BackupPublic& fields, const format::DataKey& dek,
                   const std::string& series_name, TimePoint signed_at);
    /// An officer's statements.
    EntryId append(const format::TrustFields& fields, TimePoint signed_at);

private:
    [[nodiscard]] format::EntryHead head(TimePoint signed_at) const;
    EntryId store(const Bytes& object);
    const storage::Repository& repository_;
    crypto::SigningKey key_;
    format::WriterKeys keys_;
    std::uint64_t sequence_ = 0;
    EntryId last_;
};

/// A slot whose wrapped key is noise: a plan never opens it.
[[nodiscard]] format::Slot hollow_slot(const format::DataKey& dek, const format::Thumbprint& thumbprint,
                                       const std::string& location);

}  // namespace signet::test
