// What one drill found: the evidence, as the history keeps it and the reports tell it. No key, no passphrase, no
// command line and no name of a restored file is in it (docs/threat-model.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

/// How a drill ended.
namespace drill_result {
inline constexpr const char* kPassed = "passed";
inline constexpr const char* kFailed = "failed";
inline constexpr const char* kMissed = "objective-missed";
inline constexpr const char* kInterrupted = "interrupted";
}  // namespace drill_result

/// What was chosen, where that is told by no option of `drill run`.
namespace drill_select {
inline constexpr const char* kFailover = "failover";
}  // namespace drill_select

/// A protector of what was restored, or that stood in.
struct DrillProtector {
    std::string thumbprint, name, role, status;
    bool used = false;        ///< it opened what was restored
    bool proven = false;      ///< this drill opened a data key by nothing but this protector
    std::string note;         ///< what it opened, or why it did not
    std::string last_proven;  ///< RFC 3339; empty: never, as far as keyring and history know
};

/// One backup, or one moment, that was restored.
struct DrillCase {
    std::string backup, series, series_id, kind;
    std::string time;  ///< of the state that was restored, RFC 3339
    bool passed = false;
    std::string stage;            ///< where it failed: "choose", "plan", "keys", "restore", "compare", "check"
    std::string reason;           ///< why
    int code = 0;                 ///< the exit code of the command whose work failed
    double plan_seconds = 0;      ///< until the plan was made
    double keys_seconds = 0;      ///< until every data key was open
    double restore_seconds = 0;   ///< from there until all was written and read back
    double compare_seconds = 0;   ///< with the source
    double check_seconds = 0;     ///< of the check command
    double recovery_seconds = 0;  ///< from the beginning until it could be used: without compare_seconds
    std::optional<double> first_byte_seconds;  ///< from the beginning until the first content was there
    std::optional<double> loss_seconds;        ///< how old the newest restorable state was
    std::uint64_t files = 0, folders = 0, others = 0, bytes = 0, logs = 0;
    std::uint64_t verified = 0;          ///< files read back and compared with the digests in the backup
    std::uint64_t compared = 0;          ///< files compared with the source, octet by octet
    std::uint64_t changed = 0;           ///< files of the source that are newer, gone or new since
    std::uint64_t different = 0;         ///< files that differ though the source says that they are the same
    std::uint64_t lost_metadata = 0;     ///< owners, attributes or kinds that this user may not set
    std::string check;                   ///< "passed", "exit status 3"; empty: none was run
    std::vector<std::string> opened_by;  ///< thumbprints

    /// Octets a second, while it was restored.
    [[nodiscard]] double throughput() const {
        return restore_seconds > 0 ? static_cast<double>(bytes) / restore_seconds : 0;
    }
};

struct DrillObjective {
    std::string name;  ///< "rto", "rpo"
    double wanted_seconds = 0;
    std::optional<double> measured_seconds;
    bool met = false;
};

struct DrillRecord {
    std::string started, ended;  ///< RFC 3339
    std::string host, user, program;
    std::string repository, location;
    std::string select, sample, at, compare;
    std::vector<std::string> without_keys;
    std::vector<std::string> without_places;  ///< of a failover: locations where nothing answered
    std::string keys;                         ///< "keyring", "given keyrings", "nothing": what it started with
    std::string check;                        ///< the program of the check command, its first word
    std::string check_digest;                 ///< SHA-256 of the whole command line
    double recover_seconds = 0;               ///< from nothing: until keyring and vault were back
    std::vector<DrillCase> cases;
    std::vector<DrillProtector> protectors;
    std::vector<DrillObjective> objectives;
    std::string result, reason;
    int exit_code = 0;
    bool cleaned = false;
    std::string left;  ///< what could not be cleaned up

    [[nodiscard]] bool passed() const { return result == drill_result::kPassed; }
    /// One JSON object.
    [[nodiscard]] std::string encode() const;
    /// What is missing or of another type is as good as empty: later versions may add and leave out.
    [[nodiscard]] static DrillRecord decode(const std::string& text);
};

}  // namespace signet::cli
