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

/// What verify() found.
struct AuditReport {
    struct Uncertain {
        std::uint64_t sequence = 0;
        std::string operation, thumbprint, location, time;
    };
    std::uint64_t lines = 0;
    std::vector<std::string> problems;  ///< breaks of the chain: "line 12: does not follow line 11"
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

    /// SHA-256 of the last line; zero when there is none.
    [[nodiscard]] Digest head() const;
    /// Walks the whole chain. signed_heads  heads that journal entries signed: each must be a line of the log
    [[nodiscard]] AuditReport verify(std::span<const Digest> signed_heads = {}) const;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
    const Clock* clock_;
};

}  // namespace signet::keyring
