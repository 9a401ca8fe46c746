// The one exception: what went wrong, where, and what to do next.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace signet {

/// What kind of failure this is. cli/exit_code.h maps each to a documented exit code.
enum class ErrorCode {
    failed,            ///< anything without a class of its own (exit 1)
    io,                ///< the system refused a read or write: no space, no permission, device error (exit 1)
    usage,             ///< contradictory or unknown flags (exit 2)
    no_repository,     ///< nothing there, or not a repository (exit 10)
    busy,              ///< another run of this series is active (exit 11)
    wrong_passphrase,  ///< (exit 12)
    key_unavailable,   ///< a required protector is missing or unusable (exit 13)
    damaged,           ///< bytes are not what was written: truncated, altered, non-canonical (exit 14)
    unsupported,       ///< a repository or object of another version, kind or suite (exit 1)
    refused,           ///< refused by policy or trust (exit 17)
    interrupted,       ///< Ctrl-C or TERM (exit 130)
};

/// The exception type of the whole program.
/// message  what is wrong and where: object, backup, protector, path; no capital, no full stop
/// hint     what to do next; may be empty
class Error : public std::runtime_error {
public:
    Error(ErrorCode code, const std::string& message, std::string hint = {});

    [[nodiscard]] ErrorCode code() const { return code_; }
    [[nodiscard]] const std::string& hint() const { return hint_; }
    /// The errno behind an `io` error; 0 when there is none.
    [[nodiscard]] int system_error() const { return errno_; }

    /// An `io` error for a failed system call: "cannot <action> <object>: <strerror>".
    [[nodiscard]] static Error from_errno(std::string_view action, std::string_view object, int error_number);

private:
    ErrorCode code_;
    std::string hint_;
    int errno_ = 0;
};

/// Ends the program with a message when the program itself is wrong. Never for what input can cause.
void invariant(bool holds, const char* what);

}  // namespace signet
