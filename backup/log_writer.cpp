#include "backup/log_writer.h"

#include "backup/log_object.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/encoding.h"
#include "format/limits.h"
#include "format/names.h"
#include "storage/logs.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace signet::backup {
namespace {

using format::LogFamily;

constexpr std::uint64_t kMostEpochsRead = 1024;

/// An epoch of this series, of the writer or of one whose place it has taken.
struct OwnEpoch {
    format::LogEpochPublic fields;
    crypto::VerifyKey signer;
    bool is_own = false;  ///< the writer's, so that it may be closed
    std::optional<std::pair<std::uint64_t, format::LogId>> closed;
};

/// An object that has a log of the name that is pushed, as far as its end shows.
struct StoredCopy {
    DekId epoch;
    std::uint64_t number = 0;
    format::LogId id;
    Digest content_tag;

    [[nodiscard]] std::string object() const { return format::log_name(epoch, number); }
};

class Push {
public:
    Push(const LogRequest& request, const storage::Repository& repository, keyring::Keyring& keyring,
         const LogServices& services)
        : request_(request),
          repository_(repository),
          services_(services),
          writer_(keyring.writer()),
          own_(keyring.own_journal(repository.config().repository, writer_.identity())),
          keys_(keyring.writer_keys(repository.config().repository, writer_)),
          series_(format::series_id(keys_.label_key, request.series)),
          folder_(keyring.folder() + "/logs"),
          lock_(lock()),
          state_file_(base() + ".state"),
          names_(base() + ".names", repository.config().repository, writer_.identity(), series_) {}

    LogReport run();

private:
    [[nodiscard]] std::string base() const {
        return folder_ + "/" + repository_.config().repository.short_hex(16) + "-" + series_.hex();
    }
    [[nodiscard]] FileLock lock() const {
        make_folders(folder_, 0700);
        return {base() + ".lock", request_.lock_wait_seconds, "series " + request_.series};
    }
    void load();
    void rebuild_names();
    [[nodiscard]] std::optional<StoredCopy> newest(const std::string& name) const;
    void give_up_newest();
    [[nodiscard]] bool is_whole(const StoredCopy& copy);
    [[nodiscard]] bool any_whole(const std::vector<StoredCopy>& copies, const Digest& tag);
    void catch_up();
    [[nodiscard]] const std::vector<OwnEpoch>& epochs();
    [[nodiscard]] std::optional<format::LogSource> known_source();
    [[nodiscard]] bool is_known(const LogFile& file, LogReport& report);
    void look_if_due();
    void look();
    [[nodiscard]] bool needs_epoch(const format::LogSource& source) const;
    void open_epoch(const format::LogSource& source);
    [[nodiscard]] std::vector<format::ClosedEpoch> closing();
    [[nodiscard]] bool store(const LogFile& file, const format::LogTrailer& described, LogReport& report);
    void warn(const std::string& sentence) const {
        if (services_.warn) services_.warn(sentence);
    }

    const LogRequest& request_;
    const storage::Repository& repository_;
    const LogServices& services_;
    keyring::WriterIdentity writer_;
    keyring::OwnJournal own_;  ///< whose place the writer has taken
    format::WriterKeys keys_;
    SeriesId series_;
    std::string folder_;
    FileLock lock_;  ///< before the state is read
    LogStateFile state_file_;
    LogNames names_;
    std::optional<LogState> state_;
    std::optional<std::vector<OwnEpoch>> epochs_;
    std::vector<StoredCopy> copies_;                         ///< as rebuild_names() found them
    std::set<std::string> complaints_;                       ///< about copies that are not whole
    std::optional<std::vector<format::Thumbprint>> looked_;  ///< protectors, where they were asked for in this push
};

/// The epochs of this series in the journals of this writer and of those before it, with what closed them.
const std::vector<OwnEpoch>& Push::epochs() {
    if (epochs_) return *epochs_;
    epochs_.emplace();
    std::vector<IdentityId> identities = own_.predecessors;
    identities.push_back(writer_.identity());
    for (const IdentityId& identity : identities) {
        const storage::Journal journal = repository_.load_journal(identity);
        const bool is_own = identity == writer_.identity();
        if (journal.problem && is_own) throw *journal.problem;
        for (const format::SignedEntry& entry : journal.entries) {
            if (entry.kind != format::EntryKind::log_epoch) continue;
            format::LogEpochPublic fields = format::log_epoch_public(entry);
            if (fields.series != series_) continue;
            for (const format::ClosedEpoch& closed : fields.closed) {
                for (OwnEpoch& epoch : *epochs_) {
                    if (epoch.fields.dek == closed.epoch) epoch.closed = {closed.logs, closed.last};
                }
            }
            epochs_->push_back({std::move(fields), entry.head.signer, is_own, std::nullopt});
        }
    }
    return *epochs_;
}

std::optional<format::LogSource> Push::known_source() {
    if (state_) return state_->source;
    if (epochs().empty()) return std::nullopt;
    return epochs().back().fields.source;
}

/// What is kept here, as far as it fits what is in the repository.
void Push::load() {
    const RepositoryId& repository = repository_.config().repository;
    state_ = state_file_.load(repository, writer_.identity(), series_);
    const auto names = names_.load();
    if (!state_ || !names || *names < state_->names) {
        state_.reset();
        return rebuild_names();
    }
    names_.truncate(state_->names);
    catch_up();
}

/// From the ends of all logs of the series: costs time, and happens where what was kept is lost.
void Push::rebuild_names() {
    names_.clear();
    copies_.clear();
    const auto listed = storage::list_logs(repository_.store());
    std::vector<storage::WantedEpoch> wanted;
    for (const OwnEpoch& epoch : epochs()) {
        const auto found = listed.find(epoch.fields.dek);
        const storage::LogNumbers numbers = found == listed.end() ? storage::LogNumbers{} : found->second;
        // What is missing before the first one that is there an officer may have let go; `log check` tells.
        const std::uint64_t beyond = epoch.closed ? epoch.closed->first + 1 : 1;
        const std::uint64_t kept_from = numbers.empty() ? beyond : numbers.front();
        wanted.push_back({epoch.fields.dek, epoch.signer, numbers, epoch.closed, kept_from});
    }
    for (const auto& epoch : storage::read_epochs(repository_.store(), repository_.config().repository, wanted)) {
        for (const auto& [number, problem] : epoch.problems) warn(problem.what());
        for (const auto& [number, log] : epoch.logs) {
            if (!names_.find(log.trailer.name)) names_.add(log.trailer.name, log.trailer.content_tag);
            if (log.trailer.name == request_.name)
                copies_.push_back({log.trailer.epoch, number, log.id, log.trailer.content_tag});
        }
    }
}

/// What was stored by a push that did not come to its end, or whose notes a power cut took.
void Push::catch_up() {
    if (state_->chain_key.empty()) return;
    format::LogChain chain(state_->repository, state_->epoch, state_->next, state_->chain_key.clone());
    bool has_moved = false;
    while (chain.next() <= format::kMaxLogsInEpoch) {
        const std::string name = format::log_name(state_->epoch, chain.next());
        std::optional<format::SignedLog> log;
        try {
            log = storage::read_log_end(repository_.store(), state_->repository, state_->epoch, chain.next());
            if (!log) break;
            log->require_signature(name);
            if (log->trailer.signer != writer_.key.verify_key() || log->trailer.previous != state_->last)
                throw Error(ErrorCode::damaged, name + ": not a log of this writer");
        } catch (const Error& error) {
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
            // Whatever lies there, it is not ours: this epoch ends before it.
            warn(std::string(error.what()) + "; a new epoch begins");
            state_->chain_key = SecretBytes();
            state_file_.save(*state_);
            return;
        }
        repository_.store().take_over(name);
        if (!names_.find(log->trailer.name)) names_.add(log->trailer.name, log->trailer.content_tag);
        state_->last = log->id;
        state_->last_name = log->trailer.name;
        chain.advance();
        has_moved = true;
    }
    if (!has_moved) return;
    repository_.store().flush();  // who made them may have died before that
    state_->next = chain.next();
    state_->chain_key = chain.key().clone();
    state_->names = names_.count();
    state_file_.save(*state_);
}

/// The last log that was stored here, where it is there and has that name.
std::optional<StoredCopy> Push::newest(const std::string& name) const {
    if (!state_ || state_->next == 1) return std::nullopt;
    const std::uint64_t number = state_->next - 1;
    try {
        const auto log = storage::read_log_end(repository_.store(), state_->repository, state_->epoch, number);
        if (!log || log->id != state_->last || log->trailer.name != name) return std::nullopt;
        return StoredCopy{state_->epoch, number, log->id, log->trailer.content_tag};
    } catch (const Error& error) {
        if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
        return std::nullopt;
    }
}

/// Where the log that is stored again was the newest, the epoch ends before it: the entry of the next epoch says so,
/// and its number is no hole. Of a log whose end is there the name tells that.
void Push::give_up_newest() {
    if (!state_ || state_->next == 1 || state_->last_name != request_.name || newest(request_.name)) return;
    const std::uint64_t number = state_->next - 1;
    format::LogId last;
    std::string name;
    try {
        if (number > 1) {
            const auto before =
                storage::read_log_end(repository_.store(), state_->repository, state_->epoch, number - 1);
            if (!before || before->trailer.signer != writer_.key.verify_key()) return;
            before->require_signature(format::log_name(state_->epoch, number - 1));
            last = before->id;
            name = before->trailer.name;
        }
    } catch (const Error& error) {
        if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
        return;  // lost as well: two holes
    }
    state_->next = number;
    state_->last = last;
    state_->last_name = name;
    state_->chain_key = SecretBytes();
    state_file_.save(*state_);
}

/// Reads all of it: whether its octets are those that were signed needs no key.
bool Push::is_whole(const StoredCopy& copy) {
    try {
        const auto reader = repository_.store().open_if_present(copy.object());
        return reader && storage::verify_log(*reader, copy.object()).id == copy.id;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
        complaints_.emplace(error.what());
        return false;
    }
}

bool Push::any_whole(const std::vector<StoredCopy>& copies, const Digest& tag) {
    return std::any_of(copies.begin(), copies.end(),
                       [&](const StoredCopy& copy) { return copy.content_tag == tag && is_whole(copy); });
}

/// Whether the name is there already, whole. throws  Error{refused}: with other content
bool Push::is_known(const LogFile& file, LogReport& report) {
    // A list that was made again while the newest log was gone does not have its name.
    const bool is_newest = state_ && state_->next > 1 && state_->last_name == request_.name;
    if (!names_.find(request_.name) && !is_newest) return false;
    const Digest wanted = format::log_content_tag(keys_.id_key, file.digest());
    complaints_.clear();
    // Whoever is told that it is there deletes the file: what is kept here alone does not say so, nor does an end
    // alone.
    const auto last = newest(request_.name);
    report.was_there = last && any_whole({*last}, wanted);
    if (report.was_there) return true;
    rebuild_names();
    if (state_) {
        state_->names = names_.count();
        state_file_.save(*state_);
    }
    const auto tag = names_.find(request_.name);
    if (tag && *tag != wanted) {
        throw Error(
            ErrorCode::refused,
            request_.name + " was pushed to series " + request_.series +
                " before, with other content; what is stored stays",
            "two servers may be archiving to one series (split brain, or a restored copy): give one of them another "
            "--series");
    }
    report.was_there = any_whole(copies_, wanted);
    if (report.was_there) return true;
    report.is_stored_again = true;
    give_up_newest();
    for (const std::string& complaint : complaints_) warn(complaint + "; " + request_.name + " is stored again");
    if (!tag) warn(request_.name + " was pushed before, and is not in the repository any more: it is stored again");
    return false;
}

/// Asks vault and policy. A refusal ends the epoch here, so that the next log needs a good wrap.
void Push::look() {
    try {
        looked_ = services_.look();
    } catch (const Error& error) {
        const bool is_refusal = error.code() == ErrorCode::key_unavailable || error.code() == ErrorCode::refused;
        if (is_refusal && state_ && !state_->chain_key.empty()) {
            state_->chain_key = SecretBytes();
            state_file_.save(*state_);
        }
        throw;
    }
}

void Push::look_if_due() {
    if (!state_ || state_->chain_key.empty()) return;
    const TimePoint now = Clock::system().now();
    const bool is_due = now.ns - state_->looked.ns >= request_.look_ns || now < state_->looked;
    if (!is_due && services_.linked() == state_->linked) return;
    look();
    state_->linked = services_.linked();
    state_->looked = now;
}

bool Push::needs_epoch(const format::LogSource& source) const {
    if (!state_ || state_->chain_key.empty() || state_->source != source) return true;
    if (looked_ && *looked_ != state_->protectors) return true;
    const std::uint64_t most = std::min<std::uint64_t>(request_.epoch_logs, format::kMaxLogsInEpoch);
    const TimePoint now = Clock::system().now();
    return state_->next > most || now.ns - state_->opened.ns >= request_.epoch_ns || now < state_->opened;
}

/// Own epochs that no entry has closed, with what they hold.
std::vector<format::ClosedEpoch> Push::closing() {
    std::vector<format::ClosedEpoch> closed;
    std::vector<storage::WantedEpoch> unknown;
    epochs_.reset();
    std::optional<std::map<DekId, storage::LogNumbers>> listed;
    for (const OwnEpoch& epoch : epochs()) {
        if (!epoch.is_own || epoch.closed) continue;
        if (state_ && state_->epoch == epoch.fields.dek) {
            closed.push_back({state_->epoch, state_->next - 1, state_->last});
            continue;
        }
        if (!listed) listed = storage::list_logs(repository_.store());
        unknown.push_back({epoch.fields.dek, epoch.signer, (*listed)[epoch.fields.dek], std::nullopt, 1});
    }
    const auto read = storage::read_epochs(repository_.store(), repository_.config().repository, unknown);
    for (std::size_t i = 0; i < read.size(); ++i) {
        const auto& logs = read[i].logs;
        if (logs.empty())
            closed.push_back({unknown[i].epoch, 0, {}});
        else
            closed.push_back({unknown[i].epoch, logs.rbegin()->first, logs.rbegin()->second.id});
    }
    std::sort(closed.begin(), closed.end(), [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
    if (closed.size() > kMostEpochsRead) closed.resize(kMostEpochsRead);
    return closed;
}

void Push::open_epoch(const format::LogSource& source) {
    if (!looked_) look();
    const format::DataKey dek = format::DataKey::generate(repository_.config().repository);
    const std::vector<format::Slot> slots = services_.wrap(dek, *looked_);
    for (const format::Slot& slot : slots) repository_.put_slot(slot);
    format::LogEpochPublic fields;
    fields.dek = dek.id();
    fields.commitment = dek.commitment();
    fields.slots = slots;
    fields.series = series_;
    fields.source = source;
    fields.predecessors = own_.predecessors;
    fields.closed = closing();
    const format::Labels labels{request_.host, request_.user, request_.series, {}, {}, {}, request_.program};
    services_.append([&](const format::EntryHead& head, const crypto::SigningKey& key) {
        return format::make_log_epoch_entry(head, fields, labels, keys_, dek, key);
    });
    const format::LogChain chain = format::LogChain::start(dek);
    LogState state;
    state.repository = repository_.config().repository;
    state.writer = writer_.identity();
    state.series = series_;
    state.source = source;
    state.epoch = dek.id();
    state.chain_key = chain.key().clone();
    state.opened = Clock::system().now();
    state.looked = state.opened;
    state.linked = services_.linked();
    state.protectors = *looked_;
    state.names = names_.count();
    state_ = std::move(state);
    state_file_.save(*state_);
}

/// returns  false: the number was taken meanwhile
bool Push::store(const LogFile& file, const format::LogTrailer& described, LogReport& report) {
    format::LogChain chain(state_->repository, state_->epoch, state_->next, state_->chain_key.clone());
    format::LogTrailer trailer = described;
    trailer.previous = state_->last;
    trailer.first = request_.first;
    trailer.last = request_.last;
    const auto stored = store_log(file, trailer, chain, keys_.id_key, writer_.key, repository_.store());
    if (!stored) return false;
    names_.add(request_.name, stored->content_tag);
    report.epoch = state_->epoch;
    report.number = chain.next();
    report.stored_size = stored->object_size;
    chain.advance();
    state_->next = chain.next();
    state_->chain_key = chain.key().clone();
    state_->last = stored->id;
    state_->last_name = request_.name;
    state_->names = names_.count();
    state_file_.save(*state_);
    return true;
}

LogReport Push::run() {
    LogReport report;
    report.name = request_.name;
    const LogFile file(request_.path);
    report.size = file.size();
    load();
    if (is_known(file, report)) return report;
    const auto known = known_source();
    const LogFamily family =
        request_.family.value_or(known                                        ? known->family
                                 : format::looks_like_postgres(request_.name) ? LogFamily::postgres
                                                                              : LogFamily::generic);
    const format::LogSource source = source_of(file, request_.name, family, request_.sequence, known);
    const format::LogTrailer trailer = describe(file, request_.name, source);
    look_if_due();
    for (;;) {
        if (needs_epoch(source)) {
            open_epoch(source);
            report.is_new_epoch = true;
        }
        if (store(file, trailer, report)) return report;
        // Somebody with this state stored a log meanwhile, a copy of this machine perhaps: what it stored counts.
        catch_up();
        if (is_known(file, report)) return report;
    }
}

}  // namespace

LogReport push_log(const LogRequest& request, const storage::Repository& repository, keyring::Keyring& keyring,
                   const LogServices& services) {
    return Push(request, repository, keyring, services).run();
}

}  // namespace signet::backup
