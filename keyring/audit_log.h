// The audit log: every use of a protector is a line before it and a line after it, chained by hashes.
//
// One JSON object a line, canonical. "prev" is the SHA-256 of the line before, without its line feed. An intent is on
// the disk before the protector is used; an intent without an outcome is reported as uncertain. Journal entries sign
// head(), so that a log cut short or written anew disagrees with them.
#pragma once

#include "core/clock.h"
#include "core/id.h"
#include "format/thumbprint.h"
#include "keyring/key_state.h"

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace signet::keyring {

/// What a line is about.
struct AuditEvent {
    std::string operation;  ///< "wrap", "unwrap", "test", "link", "unlink", "default", …
    std::optional<format::Thumbprint> thumbprint;
    std::string location;
    std::string object;  ///< what it is done for: "dek 12ab…", "repository …"
};

/// A line as it was written, for other systems. An outcome says what its intent was about.
struct AuditRecord {
    enum class Kind {
        intent,
        outcome,
        note,
        torn,  ///< not a whole line: only line, prev and digest are set
    };
    Kind kind = Kind::torn;
    std::uint64_t line = 0;  ///< from 1; 0 where the record does not come from read()
    std::uint64_t sequence = 0;
    std::uint64_t intent = 0;  ///< of an outcome: the intent's sequence number
    std::string time, operation, thumbprint, location, object, outcome, detail;
    std::uint64_t pid = 0, uid = 0;
    std::string prev;  ///< SHA-256 of the line before, as the line says it
    Digest digest;     ///< SHA-256 of this line
};
/// "intent", "outcome", "note", "torn".
[[nodiscard]] std::string_view text(AuditRecord::Kind kind);

/// What verify() found.
struct AuditReport {
    struct Uncertain {
        std::uint64_t sequence = 0;
        std::string operation, thumbprint, location, time;
    };
    std::uint64_t lines = 0;
    std::vector<std::string> problems;  ///< breaks of the chain, the first one first: "line 12 does not follow …"
    std::vector<std::string> remarks;   ///< harmless: a line torn by a crash
    std::vector<Uncertain> uncertain;   ///< intents without an outcome
    Digest head;
    [[nodiscard]] bool intact() const { return problems.empty(); }
};

/// Appends under a file lock, so that several processes share one log.
class AuditLog {
public:
    /// path  of the log; made (0600) by the first line
    explicit AuditLog(std::string path, const Clock& clock = Clock::system());

    /// Written and synced before it returns. returns  the line's sequence number, for outcome()
    /// throws  Error{io}: then the protector must not be used
    [[nodiscard]] std::uint64_t intent(const AuditEvent& event);
    void outcome(std::uint64_t intent, Outcome outcome, const std::string& detail = {});
    /// A decision that uses no protector (unlink, change of default), synced.
    void note(const AuditEvent& event, const std::string& detail = {});

    /// Calls `listener` with each line that this object writes, after it is written. It has no say: what it throws is
    /// lost.
    using Listener = std::function<void(const AuditRecord&)>;
    void listen(Listener listener) { listener_ = std::move(listener); }
    /// Every line from the beginning, whatever the chain says of it: see verify().
    void read(const Listener& take) const;

    /// SHA-256 of the last line, which is on the disk by then; zero when there is none. throws  Error{io}
    [[nodiscard]] Digest head() const;
    /// Walks the whole chain. signed_heads  heads that journal entries signed: each must be a line of the log
    [[nodiscard]] AuditReport verify(std::span<const Digest> signed_heads = {}) const;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    void tell(AuditRecord record) noexcept;

    std::string path_;
    const Clock* clock_;
    Listener listener_;
    std::map<std::uint64_t, AuditEvent> open_;  ///< intents of this object without an outcome
};

}  // namespace signet::keyring
