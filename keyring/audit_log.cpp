#include "keyring/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <map>

#include "core/crypto/digest.h"
#include "core/error.h"
#include "core/file.h"
#include "keyring/state_file.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kMaxLine = std::size_t{64} * 1024;
/// Longer texts are cut, so that every line stays below kMaxLine, whatever a vault answers.
constexpr std::size_t kMaxField = 2048;
constexpr double kLockWaitSeconds = 30;

std::string cut(std::string_view text) { return std::string(text.substr(0, kMaxField)); }

Digest digest_of(std::string_view line) { return crypto::sha256(as_bytes(line)); }

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

Json fields_of(const AuditEvent& event) {
    Json line = {{"operation", cut(event.operation)}};
    if (event.thumbprint) line["thumbprint"] = event.thumbprint->text();
    if (!event.location.empty()) line["location"] = cut(event.location);
    if (!event.object.empty()) line["object"] = cut(event.object);
    return line;
}

/// A whole line, or nothing when it is torn or not one of ours.
std::optional<Json> parse_line(std::string_view text) {
    Json line = Json::parse(text, nullptr, false);
    if (line.is_discarded() || !line.is_object()) return std::nullopt;
    const auto sequence = line.find("seq");
    if (sequence == line.end() || !sequence->is_number_unsigned()) return std::nullopt;
    for (const char* name : {"prev", "event", "time"}) {
        const auto member = line.find(name);
        if (member == line.end() || !member->is_string()) return std::nullopt;
    }
    if (line.dump(-1, ' ', false, Json::error_handler_t::replace) != text) return std::nullopt;
    return line;
}

std::string text_of(const Json& line, const char* name) {
    const auto member = line.find(name);
    return member != line.end() && member->is_string() ? member->get<std::string>() : std::string();
}

/// The end of the log, as the next line must follow it.
struct Tail {
    Digest head;                       ///< of the last line, whole or torn
    std::uint64_t sequence = 0;        ///< of the last whole line
    std::optional<Digest> whole_head;  ///< of the last whole line, when the last one is torn
    bool ends_with_line_feed = true;
};

/// An open log.
class LogFile {
public:
    explicit LogFile(const std::string& path, int flags)
        : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600)) {
        if (!fd_ && errno != ENOENT) throw Error::from_errno("open", path, errno);
        struct stat status {};
        if (!fd_) return;
        if (::fstat(fd_.get(), &status) != 0) throw Error::from_errno("look at", path, errno);
        // /dev/full and its like fail when they are written to; a FIFO would wait for somebody.
        if (S_ISFIFO(status.st_mode))
            throw Error(ErrorCode::io, path + ": the audit log is a FIFO", "put the file back");
    }
    [[nodiscard]] bool exists() const { return static_cast<bool>(fd_); }
    [[nodiscard]] int fd() const { return fd_.get(); }
    void sync() const {
        if (::fdatasync(fd_.get()) != 0) throw Error::from_errno("sync", path_, errno);
    }

    /// Back to the size that it had before a line that could not be written whole, where that can be done.
    void cut_back(off_t size) const {
        if (size >= 0 && ::ftruncate(fd_.get(), size) != 0) return;  // the torn line is told apart, as after a crash
    }
    [[nodiscard]] off_t size() const { return ::lseek(fd_.get(), 0, SEEK_END); }

    /// The last `count` octets.
    [[nodiscard]] Bytes last(std::size_t count) const {
        const off_t size = ::lseek(fd_.get(), 0, SEEK_END);
        if (size < 0) throw Error::from_errno("read", path_, errno);
        const auto whole = static_cast<std::uint64_t>(size);
        Bytes bytes(static_cast<std::size_t>(std::min<std::uint64_t>(whole, count)));
        bytes.resize(pread_full(fd_.get(), bytes, whole - bytes.size(), path_));
        return bytes;
    }

    [[nodiscard]] Tail tail() const {
        const Bytes bytes = last(4 * kMaxLine);
        std::string_view text = as_text(bytes);
        Tail tail;
        if (text.empty()) return tail;
        tail.ends_with_line_feed = text.back() == '\n';
        if (tail.ends_with_line_feed) text.remove_suffix(1);
        bool is_last = true;
        for (;;) {
            const auto feed = text.rfind('\n');
            const std::string_view line = feed == std::string_view::npos ? text : text.substr(feed + 1);
            if (is_last) tail.head = digest_of(line);
            if (const auto parsed = parse_line(line)) {
                tail.sequence = parsed->at("seq").get<std::uint64_t>();
                if (!is_last) tail.whole_head = digest_of(line);
                return tail;
            }
            is_last = false;
            if (feed == std::string_view::npos) break;
            text = text.substr(0, feed);
        }
        tail.whole_head = Digest{};
        return tail;
    }

private:
    std::string path_;
    UniqueFd fd_;
};

struct Appended {
    std::uint64_t sequence = 0;
    Json line;
    Digest digest;
};

Appended append(const std::string& path, const Clock& clock, Json line, bool sync) {
    make_folders(folder_of(path), 0700);
    const FileLock lock(path + ".lock", kLockWaitSeconds, "the audit log " + path + " is locked by another process");
    const LogFile log(path, O_RDWR | O_APPEND | O_CREAT);
    const Tail tail = log.tail();

    const std::uint64_t sequence = tail.sequence + 1;
    line["seq"] = sequence;
    line["prev"] = tail.head.hex();
    if (tail.whole_head) line["prev_whole"] = tail.whole_head->hex();
    line["time"] = to_rfc3339(clock.now());
    line["pid"] = static_cast<std::uint64_t>(::getpid());
    line["uid"] = static_cast<std::uint64_t>(::getuid());

    std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace);
    const Digest digest = digest_of(text);
    text += "\n";
    if (!tail.ends_with_line_feed) text.insert(0, "\n");
    const off_t before = log.size();
    try {
        write_full(log.fd(), as_bytes(text), path);
    } catch (const Error&) {
        // A disk that is full must not leave half a line for each use that was tried.
        log.cut_back(before);
        throw;
    }
    if (sync) {
        log.sync();
        if (sequence == 1) sync_folder(folder_of(path));
    }
    return {sequence, std::move(line), digest};
}

std::uint64_t number_of(const Json& line, const char* name) {
    const auto member = line.find(name);
    return member != line.end() && member->is_number_unsigned() ? member->get<std::uint64_t>() : 0;
}

/// What a whole line says by itself.
AuditRecord record_of(const Json& line, const Digest& digest) {
    AuditRecord record;
    const std::string event = text_of(line, "event");
    record.kind = event == "intent"    ? AuditRecord::Kind::intent
                  : event == "outcome" ? AuditRecord::Kind::outcome
                                       : AuditRecord::Kind::note;
    record.sequence = number_of(line, "seq");
    record.intent = number_of(line, "intent");
    record.time = text_of(line, "time");
    record.operation = text_of(line, "operation");
    record.thumbprint = text_of(line, "thumbprint");
    record.location = text_of(line, "location");
    record.object = text_of(line, "object");
    record.outcome = text_of(line, "outcome");
    record.detail = text_of(line, "detail");
    record.pid = number_of(line, "pid");
    record.uid = number_of(line, "uid");
    record.prev = text_of(line, "prev");
    record.digest = digest;
    return record;
}

/// Gives an outcome what its intent said. Works off and on a map of intents that have none yet.
void join_with_intent(AuditRecord& record, std::map<std::uint64_t, AuditEvent>& open) {
    if (record.kind == AuditRecord::Kind::intent) {
        open[record.sequence] = {record.operation, format::Thumbprint::parse(record.thumbprint), record.location,
                                 record.object};
        return;
    }
    const auto intent = open.find(record.intent);
    if (record.kind != AuditRecord::Kind::outcome || intent == open.end()) return;
    record.operation = intent->second.operation;
    record.thumbprint = intent->second.thumbprint ? intent->second.thumbprint->text() : std::string();
    record.location = intent->second.location;
    record.object = intent->second.object;
    open.erase(intent);
}

/// Calls take(line, number) for each line; the last may lack its line feed.
template <class Take>
void each_line(const LogFile& log, const std::string& path, const Take& take) {
    Bytes buffer(std::size_t{256} * 1024);
    std::string pending;
    std::uint64_t offset = 0;
    for (;;) {
        const std::size_t count = pread_full(log.fd(), buffer, offset, path);
        offset += count;
        std::string_view rest = as_text(ByteView(buffer).first(count));
        for (auto feed = rest.find('\n'); feed != std::string_view::npos; feed = rest.find('\n')) {
            pending.append(rest.substr(0, feed));
            take(std::string_view(pending));
            pending.clear();
            rest.remove_prefix(feed + 1);
        }
        pending.append(rest);
        if (count < buffer.size()) break;
        if (pending.size() > 16 * kMaxLine) throw Error(ErrorCode::damaged, path + ": a line without an end");
    }
    if (!pending.empty()) take(std::string_view(pending));
}

/// Walks the chain line by line.
class Verifier {
public:
    explicit Verifier(AuditReport& report) : report_(report) {}

    void take(std::string_view text) {
        ++report_.lines;
        const Digest digest = digest_of(text);
        if (const auto line = parse_line(text)) {
            take_whole(*line);
            last_whole_ = digest;
            torn_ = false;
        } else {
            // Harmless only if the next line continues from before it; the end of the log is judged in finish().
            if (torn_) problem("is not a line of an audit log");
            torn_ = true;
            torn_line_ = report_.lines;
        }
        report_.head = digest;
        heads_.push_back(digest);
    }

    void finish(std::span<const Digest> signed_heads) {
        if (torn_) remark_torn();
        std::sort(heads_.begin(), heads_.end());
        for (const Digest& head : signed_heads) {
            if (!head.is_zero() && !std::binary_search(heads_.begin(), heads_.end(), head)) {
                report_.problems.push_back("a line that a journal entry signed is missing: " + head.hex());
            }
        }
        for (auto& [sequence, uncertain] : open_) report_.uncertain.push_back(uncertain);
    }

private:
    void take_whole(const Json& line) {
        const auto sequence = line.at("seq").get<std::uint64_t>();
        if (sequence != sequence_ + 1) report_gap(sequence);
        sequence_ = sequence;
        if (text_of(line, "prev") != report_.head.hex()) problem("does not follow the line before it");
        const bool says_torn = line.contains("prev_whole");
        if (says_torn != torn_ || (says_torn && text_of(line, "prev_whole") != last_whole_.hex())) {
            problem("does not follow the last whole line");
        } else if (torn_) {
            remark_torn();
        }
        follow(line, sequence);
    }

    void follow(const Json& line, std::uint64_t sequence) {
        const std::string event = text_of(line, "event");
        if (event == "intent") {
            open_[sequence] = {sequence, text_of(line, "operation"), text_of(line, "thumbprint"),
                               text_of(line, "location"), text_of(line, "time")};
        } else if (event == "outcome") {
            const auto intent = line.find("intent");
            const bool known =
                intent != line.end() && intent->is_number_unsigned() && open_.erase(intent->get<std::uint64_t>()) == 1;
            if (!known) problem("is an outcome without an intent");
        } else if (event != "note") {
            problem("is of an unknown kind");
        }
    }

    void report_gap(std::uint64_t sequence) {
        const std::uint64_t missing = sequence > sequence_ ? sequence - sequence_ - 1 : 0;
        problem("has number " + std::to_string(sequence) + ", not " + std::to_string(sequence_ + 1) +
                (missing == 0   ? ""
                 : missing == 1 ? ": a line before it is missing"
                                : ": " + std::to_string(missing) + " lines before it are missing"));
    }
    void problem(const std::string& why) {
        report_.problems.push_back("line " + std::to_string(report_.lines) + " " + why);
    }
    void remark_torn() {
        report_.remarks.push_back("line " + std::to_string(torn_line_) + " was cut short by a crash");
    }

    AuditReport& report_;
    std::vector<Digest> heads_;
    std::map<std::uint64_t, AuditReport::Uncertain> open_;
    Digest last_whole_;
    std::uint64_t sequence_ = 0;
    std::uint64_t torn_line_ = 0;
    bool torn_ = false;
};

}  // namespace

std::string_view text(AuditRecord::Kind kind) {
    switch (kind) {
        case AuditRecord::Kind::intent:
            return "intent";
        case AuditRecord::Kind::outcome:
            return "outcome";
        case AuditRecord::Kind::note:
            return "note";
        case AuditRecord::Kind::torn:
            return "torn";
    }
    invariant(false, "a line of the audit log has a kind");
    return {};
}

AuditLog::AuditLog(std::string path, const Clock& clock) : path_(std::move(path)), clock_(&clock) {}

void AuditLog::tell(AuditRecord record) noexcept {
    try {
        join_with_intent(record, open_);
        if (listener_) listener_(record);
    } catch (const std::exception&) {
        // The line stands in the log; whoever listens has no say.
    }
}

std::uint64_t AuditLog::intent(const AuditEvent& event) {
    Json line = fields_of(event);
    line["event"] = "intent";
    const Appended appended = append(path_, *clock_, std::move(line), true);
    tell(record_of(appended.line, appended.digest));
    return appended.sequence;
}

void AuditLog::outcome(std::uint64_t intent, Outcome outcome, const std::string& detail) {
    Json line = {{"event", "outcome"}, {"intent", intent}, {"outcome", keyring::text(outcome)}};
    if (!detail.empty()) line["detail"] = cut(detail);
    const Appended appended = append(path_, *clock_, std::move(line), false);
    tell(record_of(appended.line, appended.digest));
}

void AuditLog::note(const AuditEvent& event, const std::string& detail) {
    Json line = fields_of(event);
    line["event"] = "note";
    if (!detail.empty()) line["detail"] = cut(detail);
    const Appended appended = append(path_, *clock_, std::move(line), true);
    tell(record_of(appended.line, appended.digest));
}

void AuditLog::read(const Listener& take) const {
    const LogFile log(path_, O_RDONLY);
    if (!log.exists()) return;
    std::map<std::uint64_t, AuditEvent> open;
    std::uint64_t number = 0;
    each_line(log, path_, [&](std::string_view text) {
        const Digest digest = digest_of(text);
        const auto line = parse_line(text);
        AuditRecord record = line ? record_of(*line, digest) : AuditRecord{};
        record.line = ++number;
        record.digest = digest;
        if (line) join_with_intent(record, open);
        take(record);
    });
}

Digest AuditLog::head() const {
    const LogFile log(path_, O_RDONLY);
    if (!log.exists()) return {};
    // It is signed: a power cut must not take back what a repository says was there, nor the file's name, which whoever
    // made it may have died before syncing.
    log.sync();
    sync_folder(folder_of(path_));
    return log.tail().head;
}

AuditReport AuditLog::verify(std::span<const Digest> signed_heads) const {
    AuditReport report;
    Verifier verifier(report);
    const LogFile log(path_, O_RDONLY);
    if (log.exists()) each_line(log, path_, [&verifier](std::string_view line) { verifier.take(line); });
    verifier.finish(signed_heads);
    return report;
}

}  // namespace signet::keyring
