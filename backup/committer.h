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
    /// An entry that is about to be signed.
    struct NextEntry {
        format::EntryKind kind{};
        std::uint64_t sequence = 0;
        const format::BackupPublic& fields;
        const format::ReadJournals& bound;  ///< what earlier entries of the journal obey
    };
    struct Setup {
        const storage::Repository& repository;
        keyring::Keyring& keyring;  ///< for the head of the audit log
        const keyring::WriterIdentity& writer;
        const format::WriterKeys& keys;
        const format::DataKey& dek;
        format::BackupPublic fields;  ///< what is the same in all entries of the run
        format::Labels labels;
        EntryId policy;
        /// Asked right before an entry is signed, and again when another run of this writer took its number: says what
        /// the entry obeys. throws  what forbids the entry
        std::function<format::ReadJournals(const NextEntry&)> obey;
    };
    /// journal  as it was when the run began
    Committer(Setup setup, const storage::Journal& journal);

    /// Says that this run is about to store packs under its data key, whose slots are stored: before the first of them.
    void announce();
    /// Says that the writer has read officers' journals up to there, and nothing else.
    void acknowledge(const format::ReadJournals& obeyed);
    /// Commits packs stored so far, so that a later run can refer to them.
    void partial(const std::vector<format::IndexedPack>& packs);
    /// Commits the backup. reach  of earlier runs; the run's own partial entries are added.
    /// throws  as Setup::obey: another run of this writer may have obeyed what is newer, and whoever saw that counts on
    ///         this entry too
    [[nodiscard]] EntryId commit(const std::vector<format::IndexedPack>& packs, std::vector<format::Reach> reach,
                                 format::BackupBody body, bool has_errors);

    /// What commit() is to say of packs of repack entries. Ascending by (identity, sequence).
    void set_borrowed(std::vector<format::Borrowed> borrowed) { borrowed_ = std::move(borrowed); }
    /// What commit() is to say of a base.
    void set_base(const format::BasePlace& base, TimePoint complete) {
        setup_.fields.kind = format::BackupKind::base;
        setup_.fields.base = base;
        setup_.fields.time = complete;
    }
    /// What the journal's entries obey, as far as they were read.
    [[nodiscard]] const format::ReadJournals& bound() const { return bound_; }
    /// The newest entry of the journal, this run's or one before it; sequence 0 when there is none.
    [[nodiscard]] keyring::SeenEntry last() const { return {next_sequence_ - 1, previous_}; }
    /// When the last entry of this run was signed.
    [[nodiscard]] TimePoint signed_at() const { return signed_at_; }

private:
    [[nodiscard]] format::BackupPublic fields_with(const std::vector<format::IndexedPack>& packs);
    [[nodiscard]] EntryId append(format::EntryKind kind, format::BackupPublic fields, const format::BackupBody& body);
    [[nodiscard]] EntryId append(const std::function<Bytes(const format::EntryHead&)>& make);
    void follow(const storage::Journal& journal);
    Setup setup_;
    std::uint64_t next_sequence_ = 1;
    EntryId previous_;
    TimePoint signed_at_;
    format::ReadJournals bound_;
    std::vector<format::Borrowed> borrowed_;
    std::vector<format::Reach> own_;  ///< the run's partial entries, all their packs
};

}  // namespace signet::backup
