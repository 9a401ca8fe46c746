// Plans: which protectors a restore to a moment needs, which of them can be used, and what can be restored without the
// others. Computed from public headers and slot names alone; vaults are asked to describe, never to unwrap.
#pragma once

#include "keyring/resolver.h"
#include "restore/catalogue.h"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace signet::restore {

/// How a plan is made.
struct PlanOptions {
    /// As if these were missing: thumbprint prefixes, names of links, or locations ("local:prod/2", "prod/2").
    std::vector<std::string> without_keys;
    /// As the repository stood at that time: with what was signed until then, and with protectors as their dates have
    /// it then. Trust, stored slots and whatever else vaults say are those of now: they have no time.
    std::optional<TimePoint> as_of;
    bool offline = false;  ///< no vault is asked; the keyring's records decide
};

/// A protector that wraps a data key.
struct Opener {
    format::Thumbprint thumbprint;
    /// Its slot stands in an entry that its signer was trusted for; else it is a claim by whoever stored or signed it.
    bool is_signed = false;
    std::vector<format::SlotName> names;     ///< of stored slots
    std::vector<const format::Slot*> slots;  ///< of entries, owned by the catalogue
    bool disproved = false;                  ///< the protector was asked, and none of the slots holds the data key
};

/// What tells one data key from all others. A signer can write any id into an entry, also that of an older data key: so
/// the id alone names none, and what untrusted entries say is kept apart from what backups rely on.
struct RunKeyName {
    IdentityId signer;
    DekId dek;
    Digest commitment;
    bool is_trusted = false;  ///< of entries that the signer was trusted for
    friend auto operator<=>(const RunKeyName&, const RunKeyName&) = default;
};

/// A data key and the run that it was made for: of a writer, or of an officer who sealed packs anew.
struct RunKey {
    DekId dek;
    IdentityId writer;  ///< who signed the run's entries
    Digest commitment;
    bool is_trusted = false;      ///< the entries are ones that the signer was trusted for
    TimePoint time;               ///< of the run, or of what was sealed anew
    TimePoint made;               ///< when the run began, whatever time its backup claims
    bool has_backup = false;      ///< the run was committed
    bool is_of_logs = false;      ///< made for a log epoch
    std::vector<Opener> openers;  ///< by thumbprint

    [[nodiscard]] RunKeyName name() const { return {writer, dek, commitment, is_trusted}; }
};

/// Moments: from <= T < to; one moment where both are the same.
struct Moments {
    TimePoint from;
    TimePoint to;
};

/// What a restore asks a key manager for.
struct RemoteCalls {
    std::string vault;                  ///< "aws:eu-west-1/111122223333"
    std::uint64_t count = 0;            ///< unwraps: one for each data key
    std::uint64_t at_once = 1;          ///< so many of them
    std::chrono::milliseconds time{0};  ///< all in all, by how long describing the key took; 0: not known
};

/// A protector in a plan.
struct RequiredProtector {
    keyring::ProtectorReport report;
    bool usable = false;                           ///< it can unwrap
    bool inherited = false;                        ///< opens no backup's own data key: needed for what backups refer to
    std::vector<format::Thumbprint> alternatives;  ///< other openers of the same data keys
    std::vector<std::string> locations;            ///< of the keyring, or the hints of slots
    bool escrowed = false;  ///< its private half lies in the repository, sealed: `keyring recover` brings it
    TimePoint needed_from;  ///< times of the runs that made those data keys
    TimePoint needed_to;
    std::vector<Moments> moments;  ///< of those the plan is about: whose restore needs it, in order
    std::uint64_t backups = 0;     ///< committed runs among the ones that made those data keys
    std::uint64_t logs = 0;
    std::uint64_t deks = 0;
    std::uint64_t unproven = 0;  ///< data keys for which only a stored, unsigned slot says that this opens them

    /// Nothing where no key manager is asked.
    [[nodiscard]] std::optional<RemoteCalls> calls() const;
    /// For people: "prod/3", with the version where that is known; "" without a name.
    [[nodiscard]] std::string title() const;
};

/// A stretch of moments: from <= T < to.
struct CoverageInterval {
    TimePoint from;
    TimePoint to;
    bool restorable = true;
    bool unproven = false;  ///< restorable only if a stored, unsigned slot tells the truth
    std::vector<format::Thumbprint> blocked_by;
    std::string damage;   ///< what is wrong with its backups, of the first of them; "": nothing
    std::string refused;  ///< why a restore to these moments is refused whatever keys there are; "": it is not
    std::uint64_t backups = 0;
};

/// Logs under one data key that a restore needs.
struct NeededLogs {
    const LogEpoch* epoch = nullptr;
    TimePoint from;  ///< of the first and the last of them
    TimePoint to;
    std::uint64_t count = 0;
};

/// Logs under one data key, and the moments whose restore needs some of them.
struct StretchLogs {
    NeededLogs logs;
    Moments moments;
};
/// What the moments of a stretch need beside bases.
struct LogsOfStretch {
    std::vector<StretchLogs> needed;
    TimePoint end;  ///< the last moment that they lead to
};
/// Finds it for the bases among these backups. throws  as path_to()
using FindLogs = std::function<LogsOfStretch(const std::vector<const Backup*>& wanted, const Moments& stretch)>;

/// What can be said of restoring one backup without trying.
enum class Outlook {
    restorable,
    unproven,  ///< only if a stored, unsigned slot tells the truth
    blocked,   ///< a data key that nothing usable opens
    damaged,   ///< its reach names what is not there
};

struct Plan {
    std::string series;  ///< name or id
    SeriesId series_id;
    IdentityId line;                ///< of the series' writers, as Catalogue::line_of() names it
    std::optional<EntryId> backup;  ///< of a plan for one
    /// What was asked for, from the first backup on; equal to `to` for a moment.
    TimePoint from;
    TimePoint to;
    bool restorable = true;
    std::vector<RequiredProtector> required;  ///< unusable ones first, then by time
    std::vector<DekId> unopenable;            ///< data keys that nothing usable opens
    std::vector<DekId> orphaned;              ///< data keys without any slot
    std::uint64_t unproven = 0;  ///< data keys that can be opened only if a stored, unsigned slot tells the truth
    std::vector<CoverageInterval> coverage;  ///< of the whole series; of a timeline, or with logs: from `from` to `to`
    std::optional<TimePoint> before;         ///< nearest restorable moments; only when not restorable
    std::optional<TimePoint> after;
    /// Of a plan with logs, where a key is missing: up to when the logs can be replayed that open.
    std::optional<TimePoint> reachable;
    std::vector<std::string> warnings;  ///< "sha256:… expires on …", claims, untrusted or damaged entries
    PlanOptions options;

    /// One object in one line: {"message_type":"key_report",…}.
    [[nodiscard]] std::string json() const;
    /// For people: several lines. Without "signet: " before it.
    [[nodiscard]] std::string text() const;
    /// Sets `before` and `after` by the coverage.
    void find_nearest();
    /// "2 of 3 protectors it needs cannot be used".
    [[nodiscard]] std::string reason() const;
};

/// Error{key_unavailable} with the plan that explains it.
class KeyUnavailable final : public Error {
public:
    explicit KeyUnavailable(Plan plan);
    [[nodiscard]] const Plan& plan() const { return *plan_; }

private:
    std::shared_ptr<const Plan> plan_;
};

/// Makes plans of one repository. Not for two threads at once.
class Planner {
public:
    /// Lists the slots once. All arguments outlive the planner.
    /// throws  Error{usage}: an unknown key in without_keys; Error{io}
    Planner(const Catalogue& catalogue, const storage::Repository& repository, keyring::Resolver& resolver,
            PlanOptions options = {});

    /// What this backup needs. All plans: throws  Error{damaged}: an officer's journal is broken
    /// throws  Error{usage}: it was not there at `as_of`; Error{damaged}: as keys_of()
    [[nodiscard]] Plan plan(const Backup& backup);
    /// What a base and the logs after it need. logs  in the order of their replay; at  the moment that is restored
    [[nodiscard]] Plan plan(const Backup& base, const std::vector<NeededLogs>& logs, TimePoint at);
    /// Whether a data key could be unwrapped, as far as is known without trying.
    [[nodiscard]] bool can_open(const RunKey& key) { return is_usable(key); }
    /// What any moment of a stretch needs that has a backup. filter  its series; `from` and `at` of it bound the
    /// stretch, else all of it. find_logs  asked where there are bases; without it the plan says that it is of these
    /// alone. throws  Error{usage}: no backup of that series covers it, or several series match; Error{damaged}: as
    /// keys_of(); as find_logs
    [[nodiscard]] Plan plan(const BackupFilter& filter, const FindLogs& find_logs = {});
    /// One plan for each series that matches and has a backup by then, from `from` to `at` of the filter, else over its
    /// whole time: what `timeline` draws. A backup whose reach is broken makes a gap, and a warning;
    /// so does a gap of logs.
    [[nodiscard]] std::vector<Plan> timeline(const BackupFilter& filter, const FindLogs& find_logs = {});

    /// The data keys that a backup needs, the one of its body first.
    /// throws  Error{damaged}: its reach names an entry that is not there or has another DEK, or two of them have one
    /// id
    [[nodiscard]] std::vector<const RunKey*> keys_of(const Backup& backup) const;
    /// The same as far as what it reaches is there: for who salvages. throws  Error{damaged}: two of them have one id
    [[nodiscard]] std::vector<const RunKey*> keys_left_of(const Backup& backup) const;
    /// Whether everything it needs can be unwrapped, as far as can be known without trying.
    [[nodiscard]] Outlook outlook(const Backup& backup);
    /// Whether its writer is trusted and a restore could go ahead, be it by unproven slots.
    [[nodiscard]] bool restorable(const Backup& backup);
    /// The data key that an entry of the catalogue lists its packs under.
    [[nodiscard]] const RunKey& key(const format::SignedEntry& entry, const format::SlottedKey& listed) const;
    /// The protectors that a word names: a thumbprint or its beginning, the name of a link, or a location
    /// ("local:prod/2", "prod/2"). throws  Error{usage}: none
    [[nodiscard]] std::set<format::Thumbprint> protectors_named(const std::string& reference) const;
    /// What the resolver says of a protector, with the options applied; asked once.
    [[nodiscard]] const keyring::ProtectorReport& status(const format::Thumbprint& thumbprint);
    /// Remembers that a protector did not unwrap after all; plans made from now on say so.
    void note_failure(const format::Thumbprint& thumbprint, const Error& error);
    /// Remembers that the slots of one opener do not hold the data key; plans made from now on do not count them, and
    /// say so. objects  names of the slots, for people
    void disprove(const RunKey& key, const format::Thumbprint& thumbprint, const std::vector<std::string>& objects);
    /// Whether an opener may open its data key, as far as is known: its protector unwraps, and its slots did not lie.
    [[nodiscard]] bool may_open(const Opener& opener);
    /// Openers of a key in the order in which they are tried: usable ones first, as `Plan` shows them.
    [[nodiscard]] std::vector<const Opener*> order(const RunKey& key);
    [[nodiscard]] const Catalogue& catalogue() const { return catalogue_; }

private:
    class Gathering;
    /// What a plan is about, and the coverage that it shows.
    struct Stretch {
        TimePoint from;
        TimePoint to;
        std::vector<CoverageInterval> coverage;
    };
    /// What becomes of a backup whose reach is broken.
    enum class Broken { is_thrown, is_warning };
    void collect_keys();
    [[nodiscard]] RunKeyName name_of(const format::SignedEntry& entry, const format::SlottedKey& listed) const;
    struct RunTimes {
        TimePoint time, made;  ///< as in RunKey
    };
    void collect_key(const RunKeyName& name, const format::SlottedKey& listed, const RunTimes& times, bool is_committed,
                     bool was_there);
    void add_stored_slots();
    [[nodiscard]] std::map<format::Thumbprint, std::set<std::string>> names_of_protectors() const;
    [[nodiscard]] keyring::ProtectorReport ask(const format::Thumbprint& thumbprint);
    [[nodiscard]] keyring::ProtectorReport recorded(const format::Thumbprint& thumbprint) const;
    [[nodiscard]] bool is_usable(const RunKey& key);
    [[nodiscard]] bool is_proven(const RunKey& key);
    [[nodiscard]] std::string location_of(const Opener& opener) const;
    [[nodiscard]] TimePoint horizon() const;
    [[nodiscard]] std::vector<const Backup*> visible(const BackupFilter& filter) const;
    [[nodiscard]] CoverageInterval covered_by(const Backup& backup);
    /// series  ascending, not empty. end  of the newest one's time
    [[nodiscard]] std::vector<CoverageInterval> coverage(const std::vector<const Backup*>& series, TimePoint end);
    void add_warnings(Plan& plan) const;
    [[nodiscard]] std::vector<const Backup*> series_of(const Backup& backup) const;
    [[nodiscard]] Plan make(const std::vector<const Backup*>& wanted, const Stretch& stretch, Broken broken,
                            const FindLogs& find_logs = {});
    void add_logs(const LogsOfStretch& logs, Gathering& gathering, Plan& plan);
    void cover(std::vector<CoverageInterval>& coverage, const Moments& moments, const RunKey& key);

    const Catalogue& catalogue_;
    const storage::Repository& repository_;
    keyring::Resolver& resolver_;
    PlanOptions options_;
    std::set<format::Thumbprint> without_;
    std::set<format::Thumbprint> escrowed_;
    std::map<RunKeyName, RunKey> keys_;
    std::map<format::Thumbprint, TimePoint> last_used_;  ///< time of the newest trusted run with a slot
    std::map<format::Thumbprint, keyring::ProtectorReport> statuses_;
    std::set<std::string> lies_;  ///< warnings for the plans to come
};

}  // namespace signet::restore
