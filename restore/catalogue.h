// What backups a repository has: every journal read and verified, judged by the officer's statements, and named as far
// as this keyring knows the writers' label keys. Needs no protector and no data key.
#pragma once

#include "core/clock.h"
#include "format/log_epoch.h"
#include "keyring/keyring.h"
#include "keyring/officers.h"
#include "restore/checkpoint.h"
#include "restore/reach.h"
#include "storage/condemnations.h"
#include "storage/repository.h"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signet::restore {

/// A backup as a person sees it.
struct Backup {
    EntryId id;
    IdentityId writer;
    std::uint64_t sequence = 0;
    const format::SignedEntry* entry = nullptr;    ///< owned by the catalogue
    const format::BackupPublic* fields = nullptr;  ///< owned by the catalogue
    BodySource body;                               ///< where its body is: here, or sealed anew elsewhere
    bool is_stranded = false;  ///< behind damage in its writer's journal: not believed, only salvaged
    bool is_proven = false;    ///< stranded, and a keyring or a checkpoint knows it, or an entry that it leads to
    bool trusted = false;  ///< its writer was trusted for this entry, and so were those of all entries that it reaches
    std::string distrust;  ///< why not: "is by writer …, who is not trusted for it"
    TimePoint committed;   ///< the latest signing time of it and the runs before it
    std::optional<Error> damage;           ///< its names, where they can be opened, are not what they should be
    std::optional<format::Labels> labels;  ///< nothing without the writer's label key
    std::vector<std::string> tags;         ///< of the labels, or of the latest remark

    [[nodiscard]] TimePoint time() const { return fields->time; }
    [[nodiscard]] std::string short_id() const { return id.short_hex(8); }
    /// The series' name, or its id in hexadecimal where the name is not known.
    [[nodiscard]] std::string series() const { return labels ? labels->series : fields->series.hex(); }
    /// For messages: "prod-db at 2026-03-14 09:30:05 (1a2b3c4d)".
    [[nodiscard]] std::string describe() const;
};

/// The logs of a series under one data key, as the entry that opened it says.
struct LogEpoch {
    const format::SignedEntry* entry = nullptr;  ///< owned by the catalogue
    format::LogEpochPublic fields;
    bool trusted = false;  ///< its writer was trusted for it
    /// With how many logs it ended and which was the last, as a later entry says that counts.
    std::optional<std::pair<std::uint64_t, format::LogId>> closed;
    /// Whether logs count that no entry closes: not where the writer's trust has an end.
    bool counts_open = false;
    std::uint64_t kept_from = 1;           ///< an officer has let logs with lower numbers go
    std::optional<format::Labels> labels;  ///< nothing without the writer's label key
    std::optional<Error> damage;           ///< of its names: then its logs do not count

    [[nodiscard]] std::string series() const { return labels ? labels->series : fields.series.hex(); }
    [[nodiscard]] TimePoint opened() const { return entry->head.time; }
    /// Whether an officer has let all of its logs go: its key opens nothing any more.
    [[nodiscard]] bool is_released() const { return closed && kept_from > closed->first; }
};

/// Which backups.
struct BackupFilter {
    std::optional<std::string> series;  ///< a name, or at least 8 digits of a series id
    std::optional<std::string> host;
    std::vector<std::string> paths;  ///< each is one of the paths that were backed up
    std::vector<std::string> tags;   ///< all of them
    std::optional<TimePoint> from;   ///< time >= from
    std::optional<TimePoint> at;     ///< time <= at
    std::optional<TimePoint> as_of;  ///< committed <= as_of
    std::optional<IdentityId> line;  ///< of trusted writers those of this line, as Catalogue::line_of() names it
};

/// A series: its id, and the line of writers that makes it. Anybody can write down the id of another's series.
using SeriesKey = std::pair<SeriesId, IdentityId>;

/// BACKUP as commands take it: "latest", a prefix of an id, or either followed by ":/path".
struct BackupReference {
    std::string backup = "latest";
    std::string path = "/";  ///< absolute, without a slash at its end (but for the root)
    /// throws  Error{usage}: neither "latest" nor hexadecimal; a path that is not absolute or has "." or ".." in it
    [[nodiscard]] static BackupReference parse(std::string_view text);
};

class Catalogue;

/// That nobody can know whether newer entries are withheld: of which journals neither a checkpoint nor the memory of a
/// keyring says anything. Empty where there are none.
[[nodiscard]] std::string unproven_tails(const Catalogue& catalogue);

using storage::LastWord;

/// What was found wrong with a journal.
struct JournalFinding {
    IdentityId identity;
    Error error;                 ///< Error{damaged} or Error{unsupported}; names the object
    std::uint64_t sequence = 0;  ///< of the entry that it is about; those that follow it are not believed either
    bool trusted = false;        ///< a backup may be lost: the identity is trusted for that entry or a later one
    bool counts = false;         ///< that, or a statement by somebody trusted that cannot be read
    std::optional<TimePoint> committed;  ///< the latest signing time of the runs before it
};

struct CatalogueOptions {
    /// Whether a first contact is remembered, and the newest entries seen. Off: nothing is written.
    bool remember = true;
    /// For who only looks: entries have no bodies, and what `cache` knows is not read again (Repository::load_headers).
    /// No backup can be opened then.
    bool headers_only = false;
    const storage::JournalCache* cache = nullptr;
    /// A journal that ends before what this keyring has seen, or a checkpoint knows, is a finding, not the end.
    bool tolerate_rollback = false;
    /// What the keyrings have seen of the journals is not asked at all: for one of several places, which may be behind
    /// the others. Whether all of it is in one of them is the caller's to see: require_seen().
    bool may_be_behind = false;
    /// For who salvages: backups that stand behind damage in their writer's journal are found by their ids, and what
    /// stands there counts as stored. A journal that ends before what a keyring has seen is damaged at its end.
    bool beyond_damage = false;
    /// Writers whom a person who salvages vouches for: their backups may be opened although an officer's journal is
    /// broken, as far as no officer's statement that can be read ends their trust. Where none is broken, only officers
    /// say who is trusted.
    std::set<IdentityId> vouched = {};
    /// Kept outside of the repository: what it must show.
    std::vector<Checkpoint> checkpoints = {};
    /// Takes one sentence: the first contact with a repository, an untrusted journal, a finding.
    std::function<void(const std::string&)> notice = {};
};

class Catalogue;
/// For catalogues of several places of one repository that may each be behind.
/// throws  Error{damaged}: an entry that a keyring has seen is in none of them
void require_seen(const keyring::KeyringSet& keyrings, const std::vector<const Catalogue*>& places);

/// How much of a trusted identity's journal something outside of the storage vouches for.
struct Tail {
    IdentityId identity;
    std::uint64_t entries = 0;  ///< that are believed
    std::uint64_t proven = 0;   ///< the newest that a checkpoint or the memory of a keyring knew before this was loaded
};

/// Immutable once loaded. For any number of threads at once.
class Catalogue {
public:
    /// Reads every journal, then holds the repository to the keyrings' pins. A first contact pins it, with a notice
    /// that shows the officer's fingerprint. throws  Error{refused}: another officer or config.json than was pinned, or
    /// a checkpoint of another repository; Error{damaged}: entries that this keyring or a checkpoint has seen are gone
    /// or
    ///         replaced (named in the message); Error{io}
    [[nodiscard]] static Catalogue load(const storage::Repository& repository, keyring::KeyringSet& keyrings,
                                        const CatalogueOptions& options = {});

    /// Every backup, also untrusted ones, by (time, writer, sequence). Forgotten ones are not among them.
    [[nodiscard]] const std::vector<Backup>& backups() const { return backups_; }
    /// Backups that an officer's tombstone says are forgotten. Without names.
    [[nodiscard]] const std::vector<Backup>& forgotten() const { return forgotten_; }
    /// Backups that stand behind damage in their writer's journal, signed for their places, and that nothing refutes
    /// (restore/stranded.h): among no others.
    [[nodiscard]] const std::vector<Backup>& stranded() const { return stranded_; }
    [[nodiscard]] const std::vector<storage::Journal>& journals() const { return journals_; }
    [[nodiscard]] const keyring::Trust& trust() const { return trust_; }
    [[nodiscard]] const std::vector<JournalFinding>& findings() const { return findings_; }
    /// Why `trust()` and `Backup::trusted` are not to be relied on: an officer's journal is broken. Names the object.
    [[nodiscard]] const std::optional<Error>& doubt() const { return doubt_; }
    /// What did not stand up to the checkpoints (only where a rollback is tolerated).
    [[nodiscard]] const std::vector<Error>& refuted() const { return refuted_; }
    /// Of every identity that is trusted for its newest entry.
    [[nodiscard]] const std::vector<Tail>& tails() const { return tails_; }
    /// throws  the doubt, when there is one: nobody may read contents then, whichever backup was named
    void require_no_doubt() const;
    /// throws  as require_no_doubt(), unless a person vouches for its writer; Error{refused}: the backup's writer is
    /// not trusted for it, or the writer of an entry that it reaches is not trusted for that
    void require_trusted(const Backup& backup) const;
    [[nodiscard]] const RepositoryId& repository() const { return repository_; }

    /// The tombstone that counts about a backup; nullptr when there is none.
    [[nodiscard]] const LastWord* tombstone(const EntryId& backup) const { return tombstones_.find(backup); }
    /// The latest remark about a backup by somebody who is trusted; whether its tags are known depends on the label
    /// key.
    [[nodiscard]] const LastWord* remark(const EntryId& backup) const;

    /// A backup or partial entry by its place in a journal; nullptr when there is none.
    [[nodiscard]] const storage::RunEntry* run(const IdentityId& identity, std::uint64_t sequence) const;
    /// Which packs a backup needs: those of its own entry, those that it reaches, of its writer and of the
    /// predecessors, and those that it borrows, or what stands for them after repacking. The one place that says so.
    /// Entries that are not there are left out: check_reach() tells.
    [[nodiscard]] std::vector<ReachedEntry> reached_by(const Backup& backup) const;
    /// The same as the backup's entry says it, whatever was repacked since.
    [[nodiscard]] std::vector<ReachedEntry> named_by(const Backup& backup) const;
    /// Packs that others stand for, whoever needs them.
    [[nodiscard]] std::vector<ReachedEntry> replaced() const { return repacks_.replaced(runs_); }
    /// throws  Error{damaged}: its reach, or what it borrows, names an entry that is not there, or with another data
    /// key, or with fewer packs; or its names are damaged
    void check_reach(const Backup& backup) const;
    /// Whether check_reach() has nothing to say.
    [[nodiscard]] bool is_whole(const Backup& backup) const;
    /// Every backup and partial entry, by identity and sequence.
    [[nodiscard]] const RunEntries& runs() const { return runs_; }
    /// Repack entries that count.
    [[nodiscard]] const Repacks& repacks() const { return repacks_; }
    /// Every log epoch, also untrusted ones, by (time of signing, writer, sequence).
    [[nodiscard]] const std::vector<LogEpoch>& log_epochs() const { return log_epochs_; }
    /// Whether a word names that series: its name, or at least 8 digits of its id.
    [[nodiscard]] static bool names_series(std::string_view word, const std::optional<format::Labels>& labels,
                                           const SeriesId& series);

    /// What officers have condemned, and the verdicts on it, as far as they count.
    [[nodiscard]] const storage::Condemnations& condemnations() const { return condemnations_; }
    /// The officers' journals that count, and how far they were read.
    [[nodiscard]] format::ReadJournals officers_read() const;
    /// Whether a verdict has let something go that the backup needs: a pack, or the slots of a data key.
    [[nodiscard]] bool is_let_go(const Backup& backup) const;
    /// Whether a verdict has let a pack of an entry go, and not only for others that stand for it.
    [[nodiscard]] bool is_let_go(const ReachedEntry& reached, std::size_t pack) const;

    /// Those that match, oldest first; untrusted ones too.
    [[nodiscard]] std::vector<const Backup*> select(const BackupFilter& filter) const;
    /// By "latest" or a prefix of an id (at least 4 digits). What is returned is trusted.
    /// throws  Error{usage}: no such backup, or several; else as require_trusted(); for "latest" as latest()
    [[nodiscard]] const Backup& resolve(const std::string& reference, const BackupFilter& filter = {}) const;
    /// The newest trusted one that matches.
    /// throws  as require_no_doubt(); Error{usage}: none, or the wanted series' name is that of several;
    ///         Error{damaged}: a trusted journal has a damaged entry that may be newer;
    ///         Error{refused}: a newer one is by an untrusted writer. The hint is to name a backup by its id
    [[nodiscard]] const Backup& latest(const BackupFilter& filter = {}) const;
    /// By a prefix of its id, trusted or not. forgotten_too  whether a forgotten one will do
    /// throws  Error{usage}: none, or several; Error{refused}: it was forgotten; Error{damaged}: it is stranded, and
    /// this
    ///         is not for who salvages
    [[nodiscard]] const Backup& find(std::string_view id_prefix, bool forgotten_too = false) const;
    /// The same among the forgotten ones. throws  Error{usage}: none, or several
    [[nodiscard]] const Backup& find_forgotten(std::string_view id_prefix) const;

    /// Which writers are one line: one stands for all. That a writer says to have taken another's place proves nothing;
    /// that an officer said so does (`keyring trust --instead-of`), and so does a label key that opens the names of
    /// both (docs/format.md section 6).
    [[nodiscard]] const IdentityId& line_of(const IdentityId& writer) const;
    [[nodiscard]] SeriesKey series_of(const Backup& backup) const;
    [[nodiscard]] SeriesKey series_of(const LogEpoch& epoch) const;
    /// throws  Error{usage}: the trusted ones among these are of several series; says of which, and how to choose
    void require_one_series(const std::vector<const Backup*>& backups) const;
    /// throws  Error{usage}: the trusted ones among these are by several lines of writers
    void require_one_line(const std::vector<const Backup*>& backups) const;

    /// The label key of a writer, where a keyring has it.
    [[nodiscard]] const SecretBytes* label_key(const IdentityId& writer) const;

private:
    Catalogue() = default;
    using Problems = std::vector<std::pair<EntryPlace, Error>>;
    void judge(const storage::Repository& repository, const std::vector<const keyring::RepositoryPin*>& pins);
    void judge_stranded_entries(const std::vector<const keyring::RepositoryPin*>& pins,
                                const CatalogueOptions& options);
    [[nodiscard]] Problems decode_entries();
    void decode_stranded();
    void make_backups(const RunEntries& runs);
    void judge_trust(Backup& backup) const;
    [[nodiscard]] bool trusts_writer(const IdentityId& writer, std::uint64_t sequence) const;
    [[nodiscard]] bool is_ended_by_word(const IdentityId& writer, std::uint64_t sequence) const;
    [[nodiscard]] const RepackEntry* lender(const format::Borrowed& item, const Backup& backup) const;
    void check_borrowed(const Backup& backup) const;
    void judge_epochs();
    void take_log_releases();
    void hold_to_checkpoints(const CatalogueOptions& options);
    void measure_tails(const std::vector<const keyring::RepositoryPin*>& pins, const CatalogueOptions& options);
    void share_label_keys();
    void find_lines();
    [[nodiscard]] bool has_succeeded(const IdentityId& writer, const IdentityId& former) const;
    /// What an entry tells under its writer's label key; none where that is not at hand. throws  Error{damaged}
    [[nodiscard]] std::optional<format::Labels> labels_of(const format::SignedEntry& entry) const;
    void learn_names(const storage::Repository& repository, keyring::KeyringSet& keyrings);
    void apply_remarks();
    void take_tombstones();
    void take_condemnations();
    [[nodiscard]] std::optional<TimePoint> committed_before(const IdentityId& identity, std::uint64_t sequence) const;
    [[nodiscard]] const Backup* find_any(std::string_view id_prefix) const;
    [[noreturn]] void throw_stranded(const Backup& backup) const;
    void note_finding(const IdentityId& identity, std::uint64_t sequence, Error error);
    void note_damage(const format::SignedEntry& entry, const Error& error);
    void note_false_name(const format::SignedEntry& entry, const Error& error);
    [[nodiscard]] bool matches(const Backup& backup, const BackupFilter& filter) const;
    [[noreturn]] void throw_none(const BackupFilter& filter) const;
    [[nodiscard]] bool is_series(const Backup& backup, const std::string& series) const;

    RepositoryId repository_;
    std::vector<storage::Journal> journals_;
    RunEntries runs_;
    RunEntries stranded_runs_;  ///< empty for who salvages: they are among the others then
    std::set<EntryId> proven_stranded_;
    std::vector<std::pair<EntryId, Error>> refuted_stranded_;
    bool beyond_damage_ = false;
    std::set<IdentityId> vouched_;
    Repacks repacks_;
    std::vector<LogEpoch> log_epochs_;
    std::vector<Backup> backups_;
    std::vector<Backup> forgotten_;
    std::vector<Backup> stranded_;
    storage::Tombstones tombstones_;
    storage::Condemnations condemnations_;
    std::map<EntryId, LastWord> remarks_;
    std::vector<JournalFinding> findings_;
    std::optional<Error> doubt_;
    std::vector<Error> refuted_;
    std::vector<Tail> tails_;
    std::map<IdentityId, SecretBytes> label_keys_;
    std::set<std::pair<IdentityId, IdentityId>> successions_;  ///< by word of an officer: the former writer, the new
    std::map<IdentityId, IdentityId> lines_;                   ///< of writers that are not alone in theirs
    keyring::Trust trust_;
};

}  // namespace signet::restore
