#include "cli/child.h"

#include "cli/signals.h"
#include "core/error.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

extern char** environ;

namespace signet::cli {
namespace {

/// Everything that exec needs, made before fork: between fork and exec nothing may allocate.
struct Prepared {
    std::vector<std::string> words;
    std::vector<std::string> variables;
    std::vector<char*> argv;
    std::vector<char*> envp;

    Prepared(std::vector<std::string> command, const std::map<std::string, std::string>& extra)
        : words(std::move(command)) {
        for (char** variable = environ; *variable != nullptr; ++variable) {
            const std::string_view text(*variable);
            const std::string name(text.substr(0, text.find('=')));
            if (extra.count(name) == 0) variables.emplace_back(text);
        }
        for (const auto& [name, value] : extra) {
            std::string variable = name;
            variable += '=';
            variable += value;
            variables.push_back(std::move(variable));
        }
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        for (std::string& variable : variables) envp.push_back(variable.data());
        envp.push_back(nullptr);
    }
};

struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error::from_errno("make", "a pipe", errno);
        read_end = UniqueFd(ends[0]);
        write_end = UniqueFd(ends[1]);
    }
};

/// output  becomes the child's standard output
/// throws  Error{failed}: exec failed, as the child reported through a pipe that exec closes
/// own_group  so that all that the child starts can be ended with it
pid_t start(Prepared& prepared, int output, bool own_group = false) {
    Pipe report;
    const pid_t process = ::fork();
    if (process < 0) throw Error::from_errno("start", prepared.words.front(), errno);
    if (process == 0) {
        restore_signals_in_child();
        if (own_group) (void)::setpgid(0, 0);
        if (::dup2(output, STDOUT_FILENO) >= 0)
            ::execvpe(prepared.argv.front(), prepared.argv.data(), prepared.envp.data());
        const int error_number = errno;
        (void)!::write(report.write_end.get(), &error_number, sizeof error_number);
        ::_exit(127);
    }
    report.write_end = UniqueFd();
    std::array<std::uint8_t, sizeof(int)> answer{};
    if (read_full(report.read_end.get(), answer, "a pipe") == answer.size()) {
        int error_number = 0;
        std::memcpy(&error_number, answer.data(), sizeof error_number);
        ::waitpid(process, nullptr, 0);
        throw Error(ErrorCode::failed, Error::from_errno("start", prepared.words.front(), error_number).what());
    }
    return process;
}

ChildEnd end_of(int status) {
    if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
    return {WEXITSTATUS(status), 0};
}

ChildEnd wait_for(pid_t process) {
    int status = 0;
    while (::waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) throw Error::from_errno("wait for", "a child process", errno);
    }
    return end_of(status);
}

constexpr int kStepMs = 20;

/// Terminates, and after five seconds kills. whom  as kill(2) takes it: the process, or its group
void end_child(pid_t process, pid_t whom) {
    ::kill(whom, SIGTERM);
    constexpr int kPatienceMs = 5000;
    for (int waited = 0; waited < kPatienceMs; waited += kStepMs) {
        if (::waitpid(process, nullptr, WNOHANG) != 0) return;
        (void)::poll(nullptr, 0, kStepMs);
    }
    ::kill(whom, SIGKILL);
    (void)::waitpid(process, nullptr, 0);
}

}  // namespace

std::string ChildEnd::text() const {
    return signal_number != 0 ? "signal " + std::to_string(signal_number)
                              : "exit status " + std::to_string(exit_status);
}

Child Child::with_output(const std::vector<std::string>& words, const std::map<std::string, std::string>& extra) {
    Prepared prepared(words, extra);
    Pipe output;
    const pid_t process = start(prepared, output.write_end.get());
    return {process, std::move(output.read_end)};
}

Child Child::with_output(const std::vector<std::string>& words) { return with_output(words, {}); }

Child Child::shell_with_output(const std::string& line, const std::map<std::string, std::string>& extra) {
    return with_output({"/bin/sh", "-c", line}, extra);
}

Child::Child(Child&& other) noexcept : process_(other.process_), output_(std::move(other.output_)) {
    other.process_ = -1;
}

Child::~Child() {
    if (process_ < 0) return;
    output_ = UniqueFd();
    end_child(process_, process_);
}

ChildEnd Child::wait() {
    output_ = UniqueFd();
    const pid_t process = process_;
    process_ = -1;
    return wait_for(process);
}

ChildEnd run_shell_until(const std::atomic<bool>& stop, const std::string& line,
                         const std::map<std::string, std::string>& extra,
                         std::optional<std::chrono::nanoseconds> limit) {
    Prepared prepared({"/bin/sh", "-c", line}, extra);
    const auto begun = std::chrono::steady_clock::now();
    const pid_t process = start(prepared, STDERR_FILENO, true);
    for (;;) {
        int status = 0;
        const pid_t ended = ::waitpid(process, &status, WNOHANG);
        if (ended == process) return end_of(status);
        if (ended < 0 && errno != EINTR) throw Error::from_errno("wait for", "a child process", errno);
        if (stop.load()) {
            end_child(process, -process);
            throw Error(ErrorCode::interrupted, "interrupted");
        }
        if (limit && std::chrono::steady_clock::now() - begun >= *limit) {
            end_child(process, -process);
            throw Error(ErrorCode::failed, "did not end in time, and was ended");
        }
        (void)::poll(nullptr, 0, kStepMs);
    }
}

ChildEnd run_shell(const std::string& line, const std::map<std::string, std::string>& extra) {
    Prepared prepared({"/bin/sh", "-c", line}, extra);
    return wait_for(start(prepared, STDERR_FILENO));
}

}  // namespace signet::cli
