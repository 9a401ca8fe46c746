// Commits: index segments, then the entry, each durable before the next (docs/format.md section 14).
#pragma once

#include "format/backup_entry.h"
#include "format/index.h"
#include "keyring/keyring.h"
#include "storage/repository.h"

#include <functional>
#include <vector>

namespace signet::backup {

/// Writes the entries of one run. Used by one thread at a time.
class Committer {
public:
    struct Setup {
        const storage::Repository& repository;
        keyring::Keyring& keyring;  ///< for the head of the audit log
        const keyring::WriterIdentity& writer;
        const format::WriterKeys& keys;
        const format::DataKey& dek;
        format::BackupPublic fields;  ///< what is the same in all entries of the run
        format::Labels labels;
        EntryId policy;
    };
    /// journal  as it was when the run began
    Committer(Setup setup, const storage::Journal& journal);

    /// Commits packs stored so far, so that a later run can refer to them.
    void partial(const std::vector<format::IndexedPack>& packs);
    /// Commits the backup. reach  of earlier runs; the run's own partial entries are added. require_allowed  asked
    /// when all else is done, and again whenever another run of this writer took the number that this one wanted: the
    /// other may have obeyed a newer policy, and whoever saw that counts on this entry too. throws  as require_allowed
    [[nodiscard]] EntryId commit(const std::vector<format::IndexedPack>& packs, std::vector<format::Reach> reach,
                                 format::BackupBody body, bool has_errors,
                                 const std::function<void()>& require_allowed);

    /// The newest entry of the journal, this run's or one before it; sequence 0 when there is none.
    [[nodiscard]] keyring::SeenEntry last() const { return {next_sequence_ - 1, previous_}; }
    /// When the last entry of this run was signed.
    [[nodiscard]] TimePoint signed_at() const { return signed_at_; }

private:
    [[nodiscard]] format::BackupPublic fields_with(const std::vector<format::IndexedPack>& packs);
    [[nodiscard]] EntryId append(format::EntryKind kind, const format::BackupPublic& fields,
                                 const format::BackupBody& body, const std::function<void()>& require_allowed = {});
    void follow(const storage::Journal& journal);
    Setup setup_;
    std::uint64_t next_sequence_ = 1;
    EntryId previous_;
    TimePoint signed_at_;
    std::vector<format::Reach> own_;  ///< the run's partial entries, all their packs
};

}  // namespace signet::backup
