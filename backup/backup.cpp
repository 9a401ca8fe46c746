#include "backup/backup.h"

#include "backup/committer.h"
#include "backup/pipeline.h"
#include "backup/rotation.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/encoding.h"
#include "format/limits.h"
#include "format/names.h"
#include "keyring/access_state.h"
#include "keyring/officers.h"
#include "keyring/policy_check.h"
#include "keyring/proven_slots.h"
#include "keyring/wrapping.h"
#include "storage/statements.h"

#include <grp.h>
#include <pwd.h>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <list>

namespace signet::backup {
namespace {

// How much a run stores, or how long it takes, before it commits a partial entry on its way.
constexpr std::uint64_t kPartialBytes = std::uint64_t{8} * 1024 * 1024 * 1024;
constexpr std::chrono::seconds kPartialTime{300};
// Paths in the list of problems: with the limits of an entry well out of reach.
constexpr std::size_t kMostProblemOctets = std::size_t{1024} * 1024;
// A file that changed this shortly before the run may change again within the same tick of its clock.
constexpr std::int64_t kClockTickNs = 20'000'000;

format::Labels labels_of(const BackupRequest& request, const std::string& series) {
    format::Labels labels{request.host, request.user,           series,         {},
                          request.tags, request.stream_command, request.program};
    for (const auto& path : request.paths) labels.paths.push_back(absolute_path(path, request.working_directory));
    std::sort(labels.tags.begin(), labels.tags.end());
    labels.tags.erase(std::unique(labels.tags.begin(), labels.tags.end()), labels.tags.end());
    return labels;
}

/// Names that no entry can hold are found before anything is read.
void check_request(const BackupRequest& request, const format::Labels& labels) {
    if (labels.encode().size() > format::kMaxEntryPart / 2) {
        throw Error(ErrorCode::usage,
                    "the paths to back up are too many for one backup: " + std::to_string(labels.paths.size()),
                    "name the folders that they are in, and exclude what is not wanted");
    }
    if (request.stream_fd >= 0 && !format::is_entry_name(request.stream_name)) {
        throw Error(ErrorCode::usage, "a stream cannot be called \"" + request.stream_name + "\"",
                    "a name is 1 to 255 octets without /, and not . or ..");
    }
}

std::string owner_name(std::uint32_t uid) {
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> memory(16'384);
    return ::getpwuid_r(uid, &entry, memory.data(), memory.size(), &found) == 0 && found != nullptr ? entry.pw_name
                                                                                                    : "";
}

std::string group_name(std::uint32_t gid) {
    group entry{};
    group* found = nullptr;
    std::vector<char> memory(65'536);
    return ::getgrgid_r(gid, &entry, memory.data(), memory.size(), &found) == 0 && found != nullptr ? entry.gr_name
                                                                                                    : "";
}

template <class Name>
std::vector<std::pair<std::uint32_t, std::string>> named(const std::vector<std::uint32_t>& numbers,
                                                         const Name& name_of) {
    std::vector<std::pair<std::uint32_t, std::string>> result;
    for (const auto number : numbers) {
        auto name = name_of(number);
        if (!name.empty()) result.emplace_back(number, std::move(name));
    }
    return result;
}

struct Standing {
    keyring::Policy policy;
    EntryId policy_entry;
    keyring::Trust trust;
    std::map<IdentityId, keyring::SeenEntry> newest;  ///< of the officers' journals
    storage::Tombstones tombstones;
    storage::OfficersWord word;
};

void take_statements(const std::list<storage::Journal>& officers, Standing& standing) {
    for (const auto& journal : officers) {
        visit_statements(journal, [&](const format::SignedEntry& entry, const storage::StatementOrder& order) {
            if (!standing.trust.trusts(entry.identity, format::Role::officer, entry.head.sequence)) return;
            try {
                standing.word.condemnations.take(entry);
                if (entry.kind == format::EntryKind::tombstone)
                    standing.tombstones.take(entry, order, [](const auto&) { return true; });
            } catch (const Error& error) {
                // Who reads the repository is told of it; a backup goes on.
                if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
            }
        });
    }
}

/// What the officers of the repository say about writers, and the policy in force.
/// journals  takes theirs
Standing standing_of(const storage::Repository& repository, const keyring::KeyringSet& keyrings,
                     std::list<storage::Journal>& journals) {
    std::vector<const keyring::RepositoryPin*> pins;
    for (const auto& keyring : keyrings.all()) {
        const auto* pin = keyring.pin(repository.config().repository);
        if (pin != nullptr) pins.push_back(pin);
    }
    const auto read = [&](const IdentityId& identity) -> keyring::OfficerJournal {
        const storage::Journal& journal = journals.emplace_back(repository.load_journal(identity));
        return {journal.entries, journal.problem};
    };
    keyring::Officers officers = keyring::read_officers(repository.config().officer, read, pins);
    officers.require_whole();
    Standing standing;
    standing.newest = std::move(officers.newest);
    standing.trust = std::move(officers.trust);
    for (const auto& [identity, newest] : standing.newest) {
        if (standing.word.read.size() < format::kMaxObeyed) standing.word.read.push_back({identity, newest.sequence});
    }
    take_statements(journals, standing);
    if (const auto& policy = standing.trust.policy()) {
        standing.policy = keyring::Policy::from_values(policy->values);
        standing.policy_entry = policy->entry;
    }
    return standing;
}

class Run {
public:
    Run(const BackupRequest& request, const storage::Repository& repository, keyring::KeyringSet& keyrings,
        keyring::Resolver& resolver)
        : request_(request),
          repository_(repository),
          keyring_(keyrings.own()),
          resolver_(resolver),
          writer_(keyring_.writer()),
          own_(keyring_.own_journal(repository.config().repository, writer_.identity())),
          keys_(keyring_.writer_keys(repository.config().repository, writer_)),
          cache_key_(format::derive_cache_key(writer_.secret.reveal(), repository.config().repository)),
          series_name_(format::to_utf8(series_name(request))),
          series_(format::series_id(keys_.label_key, series_name_)),
          lock_(lock_series(request, keyring_, repository.config().repository, series_name_, series_)),
          standing_(stand(keyrings)),
          history_(
              repository, writer_.identity(), own_.predecessors, {std::move(officers_), counts(standing_)},
              [this](const IdentityId& identity, std::uint64_t sequence) { return believes(identity, sequence); },
              [this](const std::string& message) { warn(message); }),
          proven_(proven_path(), cache_key_),
          rotation_(repository, resolver, history_, proven_, [this](const std::string& message) { warn(message); }),
          dek_(format::DataKey::generate(repository.config().repository)) {}

    BackupReport execute();

private:
    [[nodiscard]] std::vector<format::Slot> wrap(const keyring::Policy& policy);
    [[nodiscard]] std::string proven_path() const;
    [[nodiscard]] static FileLock lock_series(const BackupRequest& request, const keyring::Keyring& keyring,
                                              const RepositoryId& repository, const std::string& name,
                                              const SeriesId& series);
    void finish(Committer& committer, PackWriter& packs, Pipeline::Result& result, NewState& new_state);
    [[nodiscard]] Standing stand(const keyring::KeyringSet& keyrings);
    void hold_to_keyring();
    [[nodiscard]] bool believes(const IdentityId& identity, std::uint64_t sequence) const;
    void hold_to_config();
    void hold_to_journal();
    [[nodiscard]] std::string trust_command(const IdentityId* former) const;
    void warn_of_open_predecessors() const;
    void check_trust() const;
    [[nodiscard]] Standing standing_now() const;
    [[nodiscard]] static std::function<bool(const format::SignedEntry&)> counts(const Standing& standing);
    void require_marked();
    void hold_to_fence(const Standing& now) const;
    void hold_to_trust(const Standing& now, std::uint64_t sequence) const;
    static void hold_to_lenders(const Standing& now, const format::BackupPublic& fields);
    void look_again(std::uint64_t sequence);
    [[nodiscard]] format::ReadJournals obey(const Committer::NextEntry& next);
    void read_again(const format::ReadJournals& bound);
    [[nodiscard]] const Standing& latest() const { return newest_ ? *newest_ : standing_; }
    void announce(Committer& committer);
    void acknowledge_if_waited_for(Committer& committer) const;
    [[nodiscard]] bool is_first_behind_fence() const;
    [[nodiscard]] bool is_unchanged(const OldState& old_state, const Pipeline::Result& result) const;
    void note_seen(const std::map<IdentityId, keyring::SeenEntry>& entries);
    void note_ended(const Committer& committer);
    void warn(const std::string& message) const {
        if (request_.on_warning) request_.on_warning(message);
    }
    [[nodiscard]] format::BackupPublic common_fields(const std::vector<format::Slot>& slots) const;
    [[nodiscard]] std::string state_path() const;
    void store_partial_when_due(Committer& committer, PackWriter& packs);
    void require_access();
    void keep_what_is_stored(Committer& committer, PackWriter& packs);

    const BackupRequest& request_;
    const storage::Repository& repository_;
    keyring::Keyring& keyring_;
    keyring::Resolver& resolver_;
    keyring::WriterIdentity writer_;
    keyring::OwnJournal own_;  ///< whose place the writer has taken
    format::WriterKeys keys_;
    SecretBytes cache_key_;
    std::string series_name_;
    SeriesId series_;
    FileLock lock_;  ///< before the history is read: what a run that was waited for has stored is part of it
    std::optional<keyring::SeenEntry> seen_;  ///< of the writer's journal, and known before the history is read
    std::list<storage::Journal> officers_;    ///< until the history takes them
    Standing standing_;
    std::optional<Standing> newest_;  ///< what the officers' journals say since, where they were read again
    History history_;
    keyring::ProvenSlots proven_;
    Rotation rotation_;
    format::DataKey dek_;
    std::vector<format::Slot> slots_;  ///< of it; stored with the first entry
    bool is_announced_ = false;
    format::RunId run_ = crypto::random_id<format::RunId>();
    BackupReport report_;
    std::vector<format::Problem> problems_;
    std::vector<format::IndexedPack> waiting_;  ///< stored, in no entry yet
    std::uint64_t waiting_bytes_ = 0;
    std::chrono::steady_clock::time_point last_partial_;
    std::chrono::steady_clock::time_point last_access_;
    bool has_lost_access_ = false;
    std::size_t problem_octets_ = 0;
    TimePoint complete_;  ///< when all was read: a base is consistent by then
};

FileLock Run::lock_series(const BackupRequest& request, const keyring::Keyring& keyring, const RepositoryId& repository,
                          const std::string& name, const SeriesId& series) {
    const auto locks = keyring.folder() + "/locks";
    make_folders(locks, 0700);
    return {locks + "/" + repository.short_hex(16) + "-" + series.hex(), request.lock_wait_seconds, "series " + name};
}

std::string Run::proven_path() const {
    return keyring::ProvenSlots::path_in(request_.cache_directory, repository_.config().repository, writer_.identity());
}

std::vector<format::Slot> Run::wrap(const keyring::Policy& policy) {
    const auto& config = repository_.config();
    for (const auto& warning : keyring_.refresh_followed(resolver_.vaults()).warnings) warn(warning);
    const auto region = request_.region.value_or(keyring::ProtectorRegion{config.provider, config.region});
    const auto wrapping = keyring::wrapping_for(policy, keyring_, resolver_, config, region);
    for (const auto& warning : wrapping.warnings) warn(warning);
    keyring::require_policy(policy, keyring_, wrapping.protectors);
    keyring::require_proof(policy, keyring_, wrapping.protectors.front(), Clock::system().now());
    report_.protectors = wrapping.protectors;
    auto slots = resolver_.wrap_for_backup(dek_, wrapping.protectors);
    if (!request_.dry_run && request_.on_wrapped) request_.on_wrapped(wrapping.protectors);
    return slots;
}

format::BackupPublic Run::common_fields(const std::vector<format::Slot>& slots) const {
    format::BackupPublic fields;
    fields.run = run_;
    fields.series = series_;
    fields.predecessors = own_.predecessors;
    fields.kind = request_.stream_fd >= 0 ? format::BackupKind::stream : format::BackupKind::files;
    fields.time = request_.time.value_or(report_.started);
    fields.started = report_.started;
    fields.dek = dek_.id();
    fields.commitment = dek_.commitment();
    fields.slots = slots;
    return fields;
}

std::string Run::state_path() const {
    if (request_.cache_directory.empty() || request_.dry_run || request_.stream_fd >= 0) return {};
    return request_.cache_directory + "/" + repository_.config().repository.hex() + "/" + series_.hex() + ".state";
}

/// Who takes the protector away means this run too: it ends without a backup, and what it stored serves the next.
void Run::require_access() {
    const auto now = std::chrono::steady_clock::now();
    if (has_lost_access_ || now - last_access_ < std::chrono::duration<double>(request_.access_check_seconds)) return;
    last_access_ = now;
    const keyring::ProtectorReport report = resolver_.status(report_.protectors.front());
    if (!keyring::is_refused(report.status)) return;
    has_lost_access_ = true;
    throw Error(ErrorCode::key_unavailable,
                "protector " + report.name + " (" + report.thumbprint.short_text() +
                    ") was taken away while the backup ran: " + report.detail,
                report.hint);
}

void Run::store_partial_when_due(Committer& committer, PackWriter& packs) {
    require_access();
    for (auto& pack : packs.take_stored()) {
        waiting_bytes_ += pack.size;
        waiting_.push_back(std::move(pack));
    }
    if (request_.progress != nullptr) request_.progress->bytes_stored = packs.sealed_bytes();
    const auto now = std::chrono::steady_clock::now();
    if (waiting_bytes_ < kPartialBytes && now - last_partial_ < kPartialTime) return;
    committer.partial(std::exchange(waiting_, {}));
    waiting_bytes_ = 0;
    last_partial_ = now;
}

void Run::keep_what_is_stored(Committer& committer, PackWriter& packs) {
    // The run has failed or was interrupted, but complete packs can serve the next one. A failure here adds nothing
    // new.
    try {
        packs.finish();
    } catch (const Error&) {
        // Those that were stored before it are whole.
    }
    try {
        auto stored = packs.take_stored();
        std::move(stored.begin(), stored.end(), std::back_inserter(waiting_));
        committer.partial(std::exchange(waiting_, {}));
    } catch (const Error&) {
        return;
    }
}

/// All that is read of the repository is read after this.
Standing Run::stand(const keyring::KeyringSet& keyrings) {
    hold_to_keyring();
    hold_to_config();
    if (const auto* pin = keyring_.pin(repository_.config().repository)) {
        const auto seen = pin->seen.find(writer_.identity());
        if (seen != pin->seen.end()) seen_ = seen->second;
    }
    return standing_of(repository_, keyrings, officers_);
}

/// Somebody may have changed the keyring while this run waited for its series.
void Run::hold_to_keyring() {
    keyring_.refresh();
    keyring_.require_not_paused();
    const auto writer = keyring_.writer_if_present();
    const auto own = keyring_.own_journal(repository_.config().repository, writer_.identity());
    if (writer && writer->identity() == writer_.identity() && own.predecessors == own_.predecessors) return;
    throw Error(ErrorCode::refused, "this keyring became another writer while the backup waited for its turn",
                "run it again: it is made as the writer that the keyring is now");
}

/// What is not trusted a backup must not refer to: no restore would accept it. A writer that is not trusted at all, or
/// not yet, believes its own journal; its predecessors count as far as they are trusted.
bool Run::believes(const IdentityId& identity, std::uint64_t sequence) const {
    if (standing_.trust.trusts(identity, format::Role::writer, sequence)) return true;
    const auto* known = standing_.trust.find(identity, format::Role::writer);
    return identity == writer_.identity() && (known == nullptr || known->last_sequence < known->first_sequence);
}

/// The command that an officer has to give. former  whose place this writer has taken
std::string Run::trust_command(const IdentityId* former) const {
    return "signet keyring trust " + writer_.identity().hex() +
           (former == nullptr ? std::string() : " --instead-of " + former->hex());
}

void Run::warn_of_open_predecessors() const {
    for (const auto& former : own_.predecessors) {
        const auto* known = standing_.trust.find(former, format::Role::writer);
        if (known == nullptr || known->last_sequence != UINT64_MAX) continue;
        warn("writer " + former.hex() + ", whose place this one has taken, can still go on: until an officer runs `" +
             trust_command(&former) + "`, restores accept what is made with its key");
    }
}

void Run::check_trust() const {
    const std::uint64_t next = history_.journal().entries.size() + 1;
    const IdentityId writer = writer_.identity();
    if (standing_.trust.trusts(writer, format::Role::writer, next)) return warn_of_open_predecessors();
    const auto* known = standing_.trust.find(writer, format::Role::writer);
    if (known != nullptr && known->last_sequence < next && known->last_sequence >= known->first_sequence) {
        throw Error(
            ErrorCode::refused,
            "the officer trusts writer " + writer.hex() + " up to entry " + std::to_string(known->last_sequence) +
                " only: no restore would accept what it makes now",
            "another machine may have taken its place: then signet keyring adopt --new-identity makes a writer of "
            "this machine's own; or an officer says " +
                trust_command(nullptr));
    }
    warn("this repository does not trust this writer yet: until an officer runs `" +
         trust_command(own_.predecessors.empty() ? nullptr : &own_.predecessors.back()) +
         "`, restores refuse its backups");
}

/// The repository must be the one that this keyring knows.
void Run::hold_to_config() {
    const auto& config = repository_.config();
    const auto* pin = keyring_.pin(config.repository);
    if (pin == nullptr) {
        if (request_.dry_run) return;
        warn("first contact with repository " + config.repository.hex() + ": from now on its officer is " +
             config.officer.hex() + "; compare this with what `signet init` printed");
        keyring_.pin_repository(config.repository, config.officer, repository_.config_hash());
        return;
    }
    if (pin->officer != config.officer || pin->config_hash != repository_.config_hash()) {
        throw Error(ErrorCode::refused,
                    "config.json of repository " + config.repository.hex() +
                        " is not the one that this keyring knows: its officer was " + pin->officer.hex() +
                        " and now is said to be " + config.officer.hex(),
                    "do not trust this repository before you know why");
    }
}

/// Whatever this keyring has seen of its journal must still be there, and nobody else may have added to it: a host
/// never forks its own journal unknowingly.
void Run::hold_to_journal() {
    keyring_.require_own(repository_.config().repository, writer_.identity(), history_.own_entries());
    // Not what the keyring knows by now: another series of this writer may have ended since the journal was read.
    if (!seen_ || seen_->sequence == 0) return;
    const auto& entries = history_.journal().entries;
    const auto sequence = seen_->sequence;
    if (entries.size() < sequence || entries[sequence - 1].id != seen_->entry) {
        throw Error(ErrorCode::damaged,
                    format::journal_name(writer_.identity(), sequence) + ": this keyring has seen it (" +
                        seen_->entry.short_hex(16) + "), and now it is gone or another: the repository was rolled back",
                    "bring the missing entries back, or accept the loss with `signet keyring adopt`");
    }
}

void Run::note_seen(const std::map<IdentityId, keyring::SeenEntry>& entries) {
    try {
        keyring_.note_seen(repository_.config().repository, entries);
    } catch (const Error& error) {
        warn(std::string("what was seen and committed is not remembered: ") + error.what());
    }
}

Standing Run::standing_now() const {
    std::list<storage::Journal> journals;
    return standing_of(repository_, resolver_.keyrings(), journals);
}

/// Which entries of officers' journals count.
std::function<bool(const format::SignedEntry&)> Run::counts(const Standing& standing) {
    return [&standing](const format::SignedEntry& entry) {
        return standing.trust.trusts(entry.identity, format::Role::officer, entry.head.sequence);
    };
}

/// What this run refers to must still be there. It may have been repacked meanwhile: what stands for it does as well.
/// throws  Error{damaged}: it went away; Error{io}: nothing is known
void Run::require_marked() {
    if (history_.count_gone() == 0) return;
    std::list<storage::Journal> officers;
    const Standing now = standing_of(repository_, resolver_.keyrings(), officers);
    history_.follow({std::move(officers), counts(now)});
    const std::uint64_t gone = history_.count_gone();
    if (gone == 0) return;
    throw Error(ErrorCode::damaged,
                std::to_string(gone) + (gone == 1 ? " pack" : " packs") +
                    " that this backup refers to went away while it was made",
                "run it again: what they held is stored anew; if a backup was made all the same, forget it");
}

/// Whether the newest backup of this series does not say yet that it obeyed a policy that some protectors are to go:
/// `key retire` waits for one that does.
bool Run::is_first_behind_fence() const {
    const auto& policy = standing_.policy;
    const auto* latest = history_.latest_of(series_);
    return (!policy.retiring.empty() || !policy.compromised.empty()) && latest != nullptr &&
           latest->entry->head.policy != standing_.policy_entry;
}

/// An officer may have said while the run was under way that a protector is to go, or that one which was to go is
/// compromised: then not even what was wrapped anew may be referred to. Who waits for this writer must not be told too
/// late: once a backup of it has obeyed, none that has not may follow.
void Run::hold_to_fence(const Standing& now) const {
    if (now.policy_entry == standing_.policy_entry) return;
    const auto refuse_new = [&](const format::Thumbprint& protector) {
        const bool is_exposed = now.policy.is_compromised(protector) && !standing_.policy.is_compromised(protector);
        const bool is_to_go = now.policy.is_fenced(protector) && !standing_.policy.is_fenced(protector);
        if (!is_exposed && !is_to_go) return;
        throw Error(ErrorCode::refused,
                    "the policy of this repository changed while the backup ran: protector " + protector.short_text() +
                        (is_exposed ? " is compromised" : " is to go") + ", and this backup would need it",
                    "run it again: it obeys the policy that is in force now");
    };
    for (const auto& protector : report_.protectors) refuse_new(protector);
    for (const DekId& id : history_.marked_deks()) {
        const KnownDek& dek = history_.deks().at(id);
        for (const auto& slot : dek.slots) refuse_new(slot.thumbprint);
        for (const auto& claim : dek.claims) refuse_new(claim.slot.thumbprint);
    }
}

/// An officer may have closed this writer while the run was under way: no restore would accept what it makes now.
/// sequence  that its entry is to have, or has
void Run::hold_to_trust(const Standing& now, std::uint64_t sequence) const {
    const IdentityId writer = writer_.identity();
    const bool was_trusted =
        standing_.trust.trusts(writer, format::Role::writer, history_.journal().entries.size() + 1);
    if (!was_trusted || now.trust.trusts(writer, format::Role::writer, sequence)) return;
    throw Error(ErrorCode::refused,
                "an officer ended the trust in writer " + writer.hex() + " while the backup ran: no restore accepts " +
                    "its entry " + std::to_string(sequence),
                "another machine may have taken its place: then signet keyring adopt --new-identity makes a writer of "
                "this machine's own; or an officer says " +
                    trust_command(nullptr));
}

/// An officer may have been withdrawn altogether while the run was under way: no restore would accept what it borrows.
void Run::hold_to_lenders(const Standing& now, const format::BackupPublic& fields) {
    for (const format::Borrowed& item : fields.borrowed) {
        if (now.trust.trusts(item.identity, format::Role::officer, item.sequence)) continue;
        throw Error(ErrorCode::refused,
                    "officer " + item.identity.hex() +
                        ", who had sealed packs anew that this backup refers to, was withdrawn while it was made",
                    "run it again: what they held is stored anew");
    }
}

/// Slots, then the run's first entry: before its first pack is stored, and before it is committed. Who prunes lists
/// packs and slots first and reads journals then, and so knows of every run whose they are (docs/format.md section 14).
void Run::announce(Committer& committer) {
    if (std::exchange(is_announced_, true)) return;
    for (const auto& slot : slots_) repository_.put_slot(slot);
    committer.announce();
}

/// throws  Error{damaged}: what an entry of this writer has read is not there any more
void Run::read_again(const format::ReadJournals& bound) {
    newest_ = standing_now();
    for (const auto& journal : newest_->word.read) {
        if (journal.sequence >= format::read_up_to(bound, journal.identity)) continue;
        throw Error(ErrorCode::damaged, format::journal_name(journal.identity, journal.sequence + 1) +
                                            ": an entry of this writer was made having read it, and now it is gone");
    }
}

/// What an entry that is about to be signed obeys: before the backup's the officers' journals are read again.
format::ReadJournals Run::obey(const Committer::NextEntry& next) {
    const bool is_backup = next.kind == format::EntryKind::backup;
    if (is_backup || !storage::is_as_far(latest().word, latest().word, next.bound)) read_again(next.bound);
    if (is_backup) {
        hold_to_fence(latest());
        hold_to_trust(latest(), next.sequence);
        hold_to_lenders(latest(), next.fields);
    }
    if (auto obeyed = storage::obedience(standing_.word, latest().word, next.bound, next.fields, writer_.identity()))
        return *std::move(obeyed);
    throw Error(ErrorCode::refused, "an officer has condemned packs that this backup refers to while it was made",
                "run it again: what they held is stored anew");
}

/// Somebody waits until this writer has read what was condemned, and this run makes no entry that says so.
void Run::acknowledge_if_waited_for(Committer& committer) const {
    if (!standing_.word.condemnations.has_open() || history_.own_entries().empty()) return;
    if (!format::is_read_as_far(committer.bound(), standing_.word.read)) committer.acknowledge(standing_.word.read);
}

/// After the commit. Who shreds, destroys a key or closes a writer looks at journals first, and this looks at packs,
/// policy and trust after committing: one of the two sees it.
void Run::look_again(std::uint64_t sequence) {
    try {
        require_marked();
        const Standing now = standing_now();
        hold_to_trust(now, sequence);
        try {
            hold_to_fence(now);
        } catch (const Error& error) {
            throw Error(error.code(),
                        "backup " + report_.backup->short_hex(8) + " was made under an older policy; " + error.what(),
                        "forget it and run again: what it stored serves the next one");
        }
    } catch (const Error& error) {
        if (error.code() != ErrorCode::io) throw;
        warn(std::string("whether all packs are still there, and trust and policy the same, could not be seen: ") +
             error.what());
    }
}

void Run::note_ended(const Committer& committer) {
    try {
        keyring_.end_run(repository_.config().repository, writer_.identity(), run_, committer.last());
    } catch (const Error& error) {
        warn(std::string("what was committed is not remembered: ") + error.what());
    }
}

BackupReport Run::execute() {
    report_.started = Clock::system().now();
    last_partial_ = std::chrono::steady_clock::now();
    last_access_ = last_partial_;
    report_.series = series_name_;
    report_.dek = dek_.id();
    report_.writer = writer_.identity();
    const auto labels = labels_of(request_, series_name_);
    check_request(request_, labels);
    hold_to_journal();
    if (!request_.dry_run) note_seen(standing_.newest);
    check_trust();
    slots_ = wrap(standing_.policy);
    rotation_.choose(standing_.policy, series_, report_.started, report_.protectors.front(), request_.dry_run);
    history_.leave_out(standing_.word.condemnations);
    Sources sources(request_);
    ChunkTable table;
    history_.load_index(table, keys_.index_key, request_.cache_directory);

    Committer committer({repository_, keyring_, writer_, keys_, dek_, common_fields(slots_), labels,
                         standing_.policy_entry, [this](const Committer::NextEntry& next) { return obey(next); }},
                        history_.journal());
    PackWriter::Options options;
    options.dry_run = request_.dry_run;
    options.before_first = [&] { announce(committer); };
    std::unique_ptr<PackWriter> packs;
    packs = std::make_unique<PackWriter>(dek_, &repository_.store(), options,
                                         [&] { store_partial_when_due(committer, *packs); });
    const StateIdentity identity{repository_.config().repository, writer_.identity(), crypto::sha256(series_.view())};
    OldState old_state(state_path(), identity, cache_key_);
    NewState new_state(state_path(), identity, cache_key_);
    new_state.ignore_changed_after({report_.started.ns - kClockTickNs});
    const Cutter cutter(format::derive_cut_key(keys_.id_key, repository_.config().repository));
    const auto on_problem = [&](const std::string& path, int error_number, const std::string& what) {
        problem_octets_ += path.size() + what.size();
        if (problems_.size() < format::kMaxProblems && problem_octets_ <= kMostProblemOctets) {
            problems_.push_back({path, error_number, what});
        }
        ++report_.errors;
        if (request_.progress != nullptr) ++request_.progress->errors;
        if (request_.on_problem) {
            request_.on_problem(path,
                                what + (error_number != 0 ? std::string(": ") + std::strerror(error_number) : ""));
        }
    };
    if (!request_.dry_run) {
        keyring_.begin_run(repository_.config().repository, writer_.identity(), history_.own_entries(), run_);
    }
    Pipeline::Result result;
    try {
        result = Pipeline::run({request_, sources, cutter, keys_.id_key, table, history_, *packs, old_state,
                                !state_path().empty(), new_state, report_, on_problem});
        complete_ = Clock::system().now();
        if (request_.confirm_stream) request_.confirm_stream();
        if (request_.interrupted != nullptr && *request_.interrupted)
            throw Error(ErrorCode::interrupted, "interrupted");
        report_.skipped_unchanged = is_unchanged(old_state, result);
        if (report_.skipped_unchanged) {
            packs->cancel();  // folders above the sources may have changed: nothing is stored for them alone
        } else {
            packs->finish();
        }
        require_access();
        finish(committer, *packs, result, new_state);
    } catch (const Error&) {
        if (!request_.dry_run) {
            keep_what_is_stored(committer, *packs);
            note_ended(committer);
        }
        throw;
    }
    if (!request_.dry_run) note_ended(committer);
    report_.finished = Clock::system().now();
    return std::move(report_);
}

/// Whether the run is one to skip. Skipping must not leave a backup behind that lacks what this run has to store, that
/// stays under an old protector, that others wait for, or that counts no more.
bool Run::is_unchanged(const OldState& old_state, const Pipeline::Result& result) const {
    const auto* latest = history_.latest_of(series_);
    return request_.skip_if_unchanged && report_.errors == 0 && old_state.root() == result.sources &&
           !result.stored_of_sources && !rotation_.is_due(history_.marked_deks()) && !is_first_behind_fence() &&
           latest != nullptr && !standing_.tombstones.is_forgotten(latest->entry->id);
}

/// Everything is stored: says what was done, and commits it.
void Run::finish(Committer& committer, PackWriter& packs, Pipeline::Result& result, NewState& new_state) {
    auto& statistics = result.statistics;
    statistics.added_sealed = packs.sealed_bytes();
    statistics.errors = report_.errors;
    if (!report_.skipped_unchanged) {
        report_.data_added = statistics.added_raw;
        report_.data_added_packed = statistics.added_sealed;
    }
    report_.total_files_processed = statistics.files;
    report_.total_bytes_processed = statistics.bytes;
    if (request_.dry_run) return;
    if (report_.skipped_unchanged) return acknowledge_if_waited_for(committer);
    announce(committer);
    hold_to_fence(standing_now());
    rotation_.carry_out(history_.marked_deks());
    format::BackupBody body;
    body.root = std::move(result.root);
    if (result.base) committer.set_base(*result.base, request_.time.value_or(complete_));
    body.owners = named(result.owners, owner_name);
    body.groups = named(result.groups, group_name);
    body.statistics = statistics;
    body.problems = std::move(problems_);
    auto stored = packs.take_stored();
    std::move(stored.begin(), stored.end(), std::back_inserter(waiting_));
    require_marked();
    // A copy: should the commit fail, what is stored is still waiting for a partial entry.
    committer.set_borrowed(history_.borrowed());
    report_.backup = committer.commit(waiting_, history_.reach(), std::move(body), report_.errors > 0);
    waiting_.clear();
    report_.committed = committer.last();
    report_.signed_at = committer.signed_at();
    look_again(committer.last().sequence);
    new_state.commit(result.sources);
}

}  // namespace

std::string Progress::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

void Progress::set_current(std::string path) {
    const std::lock_guard lock(mutex_);
    current_ = std::move(path);
}

std::string series_name(const BackupRequest& request) {
    if (request.series) return *request.series;
    std::string name = request.host + ":";
    if (request.stream_fd >= 0) return name + request.stream_name;
    std::vector<std::string> paths;
    for (const auto& path : request.paths) paths.push_back(absolute_path(path, request.working_directory));
    std::sort(paths.begin(), paths.end());
    for (std::size_t i = 0; i < paths.size(); ++i) name += (i == 0 ? "" : ",") + paths[i];
    return name;
}

BackupReport run_backup(const BackupRequest& request, const storage::Repository& repository,
                        keyring::KeyringSet& keyrings, keyring::Resolver& resolver) {
    return Run(request, repository, keyrings, resolver).execute();
}

}  // namespace signet::backup
