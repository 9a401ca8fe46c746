#include "core/command_output.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>

#include "core/error.h"
#include "core/file.h"

extern char** environ;

namespace signet {
namespace {

using SteadyClock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& why) { throw Error(ErrorCode::failed, "the command " + why); }

/// A shell in a process group of its own, which is killed when the owner leaves before its end.
class Shell {
public:
    Shell(const std::string& line, int output) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
        ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setsigdefault(&attributes, &all);
        ::posix_spawnattr_setpgroup(&attributes, 0);
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        std::string shell = "sh", option = "-c", command = line;
        std::array<char*, 4> words = {shell.data(), option.data(), command.data(), nullptr};
        const int error = ::posix_spawn(&process_, "/bin/sh", &actions, &attributes, words.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
        if (error != 0) throw Error::from_errno("start", "a command", error);
    }
    Shell(const Shell&) = delete;
    Shell& operator=(const Shell&) = delete;
    ~Shell() {
        if (ended_) return;
        ::kill(-process_, SIGKILL);
        static_cast<void>(wait());
    }

    /// returns  as waitpid(2) has it
    int wait() {
        int status = 0;
        while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
        }
        ended_ = true;
        return status;
    }

private:
    pid_t process_ = -1;
    bool ended_ = false;
};

/// Until the other end is closed. returns  octets read
std::size_t read_until_end(int descriptor, SecretBytes& buffer, SteadyClock::time_point until) {
    std::size_t size = 0;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - SteadyClock::now());
        if (left.count() <= 0) fail("does not end");
        pollfd ready{descriptor, POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(left.count())) <= 0) continue;
        const ssize_t count = ::read(descriptor, buffer.mutable_view().data() + size, buffer.size() - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw Error::from_errno("read", "the output of a command", errno);
        if (count == 0) return size;
        size += static_cast<std::size_t>(count);
        if (size == buffer.size()) fail("prints more than " + std::to_string(buffer.size() - 1) + " octets");
    }
}

}  // namespace

SecretBytes command_output(const std::string& line, const CommandLimits& limits) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error::from_errno("make", "a pipe", errno);
    const UniqueFd output(ends[0]);
    UniqueFd input(ends[1]);
    Shell shell(line, input.get());
    input = UniqueFd();
    SecretBytes buffer(limits.output + 1);
    const std::size_t size = read_until_end(output.get(), buffer, SteadyClock::now() + limits.time);
    const int status = shell.wait();
    if (WIFSIGNALED(status)) fail("was ended by signal " + std::to_string(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0) fail("ended with status " + std::to_string(WEXITSTATUS(status)));
    return SecretBytes(buffer.reveal().first(size));
}

}  // namespace signet
