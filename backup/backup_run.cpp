#include "backup/backup_run.h"

#include "core/crypto/digest.h"
#include "format/encoding.h"
#include "format/limits.h"
#include "format/names.h"
#include "keyring/access_state.h"
#include "keyring/policy_check.h"
#include "keyring/wrapping.h"

#include <grp.h>
#include <pwd.h>
#include <algorithm>
#include <cstring>

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

}  // namespace

BackupRun::BackupRun(const BackupRequest& request, const storage::Repository& repository, keyring::KeyringSet& keyrings,
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
      mandate_(take_mandate(keyrings)),
      history_(
          repository, writer_.identity(), own_.predecessors, {std::move(officers_), counts(mandate_)},
          [this](const IdentityId& identity, std::uint64_t sequence) { return believes(identity, sequence); },
          [this](const std::string& message) { warn(message); }),
      proven_(proven_path(), cache_key_),
      rotation_(repository, resolver, history_, proven_, [this](const std::string& message) { warn(message); }),
      dek_(format::DataKey::generate(repository.config().repository)) {}

FileLock BackupRun::lock_series(const BackupRequest& request, const keyring::Keyring& keyring,
                                const RepositoryId& repository, const std::string& name, const SeriesId& series) {
    make_folders(keyring.folder() + "/locks", 0700);
    return {series_lock(keyring, repository, series), request.lock_wait_seconds, "series " + name};
}

std::string BackupRun::proven_path() const {
    return keyring::ProvenSlots::path_in(request_.cache_directory, repository_.config().repository, writer_.identity());
}

std::vector<format::Slot> BackupRun::wrap(const keyring::Policy& policy) {
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

format::BackupPublic BackupRun::common_fields(const std::vector<format::Slot>& slots) const {
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

std::string BackupRun::state_path() const {
    if (request_.cache_directory.empty() || request_.dry_run || request_.stream_fd >= 0) return {};
    return request_.cache_directory + "/" + repository_.config().repository.hex() + "/" + series_.hex() + ".state";
}

/// Who takes the protector away means this run too: it ends without a backup, and what it stored serves the next.
void BackupRun::require_access() {
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

void BackupRun::store_partial_when_due(Committer& committer, PackWriter& packs) {
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

void BackupRun::keep_what_is_stored(Committer& committer, PackWriter& packs) {
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

/// Slots, then the run's first entry: before its first pack is stored, and before it is committed. Who prunes lists
/// packs and slots first and reads journals then, and so knows of every run whose they are (docs/format.md section 14).
void BackupRun::announce(Committer& committer) {
    if (std::exchange(is_announced_, true)) return;
    for (const auto& slot : slots_) repository_.put_slot(slot);
    committer.announce();
}

void BackupRun::note_seen(const std::map<IdentityId, keyring::SeenEntry>& entries) {
    try {
        keyring_.note_seen(repository_.config().repository, entries);
    } catch (const Error& error) {
        warn(std::string("what was seen and committed is not remembered: ") + error.what());
    }
}

void BackupRun::note_ended(const Committer& committer) {
    try {
        keyring_.end_run(repository_.config().repository, writer_.identity(), run_, committer.last());
    } catch (const Error& error) {
        warn(std::string("what was committed is not remembered: ") + error.what());
    }
}

BackupReport BackupRun::execute() {
    report_.started = Clock::system().now();
    last_partial_ = std::chrono::steady_clock::now();
    last_access_ = last_partial_;
    report_.series = series_name_;
    report_.dek = dek_.id();
    report_.writer = writer_.identity();
    const auto labels = labels_of(request_, series_name_);
    check_request(request_, labels);
    hold_to_journal();
    if (!request_.dry_run) note_seen(mandate_.newest);
    check_trust();
    slots_ = wrap(mandate_.policy);
    rotation_.choose(mandate_.policy, series_, report_.started, report_.protectors.front(), request_.dry_run);
    history_.leave_out(mandate_.word.condemnations);
    Sources sources(request_);
    ChunkTable table;
    history_.load_index(table, keys_.index_key, request_.cache_directory);

    Committer committer({repository_, keyring_, writer_, keys_, dek_, common_fields(slots_), labels,
                         mandate_.policy_entry, [this](const Committer::NextEntry& next) { return obey(next); }},
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

/// Everything is stored: says what was done, and commits it.
void BackupRun::finish(Committer& committer, PackWriter& packs, Pipeline::Result& result, NewState& new_state) {
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
    hold_to_fence(mandate_now());
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

}  // namespace signet::backup
