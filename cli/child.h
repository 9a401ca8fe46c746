// Programs that the user names: hooks, passphrase commands, and commands whose output is backed up.
#pragma once

#include "core/file.h"

#include <sys/types.h>
#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

/// How a child ended.
struct ChildEnd {
    int exit_status = 0;    ///< when it ended by itself
    int signal_number = 0;  ///< when a signal ended it; else 0
    [[nodiscard]] bool ok() const { return exit_status == 0 && signal_number == 0; }
    /// "exit status 3", "signal 9".
    [[nodiscard]] std::string text() const;
};

/// A started program whose standard output is a pipe. Ends with its owner: a child still running is terminated (after
/// five seconds, killed) and waited for by the destructor.
class Child {
public:
    /// words  program (found in PATH) and its arguments
    /// throws  Error{failed}: it cannot be started (also: not found)
    [[nodiscard]] static Child with_output(const std::vector<std::string>& words);
    /// `sh -c line`, output as above. extra  variables set in addition to our own
    [[nodiscard]] static Child shell_with_output(const std::string& line,
                                                 const std::map<std::string, std::string>& extra = {});

    Child(Child&& other) noexcept;
    Child& operator=(Child&&) = delete;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();

    /// Where its output is read.
    [[nodiscard]] int output() const { return output_.get(); }
    [[nodiscard]] pid_t process() const { return process_; }
    /// Closes our end of the pipe and waits.
    [[nodiscard]] ChildEnd wait();

private:
    [[nodiscard]] static Child with_output(const std::vector<std::string>& words,
                                           const std::map<std::string, std::string>& extra);
    Child(pid_t process, UniqueFd output) : process_(process), output_(std::move(output)) {}
    pid_t process_ = -1;
    UniqueFd output_;
};

/// The same, in a process group of its own that is ended (TERM; KILL after five seconds) once `stop` is set, or it has
/// run for too long. throws  Error{interrupted}; Error{failed}: it did not end within `limit`
[[nodiscard]] ChildEnd run_shell_until(const std::atomic<bool>& stop, const std::string& line,
                                       const std::map<std::string, std::string>& extra,
                                       std::optional<std::chrono::nanoseconds> limit = std::nullopt);

/// Runs `sh -c line` to its end. Its standard output goes to our standard error: results are ours alone.
/// extra  variables set in addition to our own
[[nodiscard]] ChildEnd run_shell(const std::string& line, const std::map<std::string, std::string>& extra);

}  // namespace signet::cli
