// Runs a program and strikes at one of its system calls: kills it before or after, or makes the call fail.
//
//   fault_injector --calls mutating|all [--log FILE] [--at N] [--do ACTION] [--rest] -- PROGRAM ARGUMENT…
//
// Calls are counted over all threads together, so every one of them can be struck, which counting by thread (as
// strace's when= does) cannot. Counting starts where the program hardens itself (PR_SET_DUMPABLE), so that the loader's
// calls are left out; with --from-start at once.
//
//   --do kill-before   the program dies, and the call never happens
//   --do kill-after    the call happens, and the program dies
//   --do kill-torn=N   N quarters of what a write was to write are written (4: all but one octet), and the program dies
//   --do error=NUMBER  the call fails with this errno, and changes nothing (close: it closes, and says so)
//   --rest             not that call alone, but all of its name from then on
//   --short            every read and write moves fewer octets than it was asked for
//   --only NAME        count calls of this name alone
//
// Ends as the program does (137 when it was killed). FILE gets a line for each counted call: its number and name.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

enum class Sort { reading, writing, opening, mapping };

struct Call {
    const char* name;
    Sort sort;
};

/// What a program does to files, and what it asks of them.
const std::map<long, Call>& calls() {
    static const std::map<long, Call> all = {
        {SYS_write, {"write", Sort::writing}},
        {SYS_pwrite64, {"pwrite64", Sort::writing}},
        {SYS_writev, {"writev", Sort::writing}},
        {SYS_pwritev, {"pwritev", Sort::writing}},
        {SYS_pwritev2, {"pwritev2", Sort::writing}},
        {SYS_fsync, {"fsync", Sort::writing}},
        {SYS_fdatasync, {"fdatasync", Sort::writing}},
        {SYS_sync_file_range, {"sync_file_range", Sort::writing}},
        {SYS_syncfs, {"syncfs", Sort::writing}},
        {SYS_rename, {"rename", Sort::writing}},
        {SYS_renameat, {"renameat", Sort::writing}},
        {SYS_renameat2, {"renameat2", Sort::writing}},
        {SYS_link, {"link", Sort::writing}},
        {SYS_linkat, {"linkat", Sort::writing}},
        {SYS_symlink, {"symlink", Sort::writing}},
        {SYS_symlinkat, {"symlinkat", Sort::writing}},
        {SYS_unlink, {"unlink", Sort::writing}},
        {SYS_unlinkat, {"unlinkat", Sort::writing}},
        {SYS_mkdir, {"mkdir", Sort::writing}},
        {SYS_mkdirat, {"mkdirat", Sort::writing}},
        {SYS_rmdir, {"rmdir", Sort::writing}},
        {SYS_mknodat, {"mknodat", Sort::writing}},
        {SYS_truncate, {"truncate", Sort::writing}},
        {SYS_ftruncate, {"ftruncate", Sort::writing}},
        {SYS_fallocate, {"fallocate", Sort::writing}},
        {SYS_copy_file_range, {"copy_file_range", Sort::writing}},
        {SYS_sendfile, {"sendfile", Sort::writing}},
        {SYS_chmod, {"chmod", Sort::writing}},
        {SYS_fchmod, {"fchmod", Sort::writing}},
        {SYS_fchmodat, {"fchmodat", Sort::writing}},
        {SYS_fchown, {"fchown", Sort::writing}},
        {SYS_fchownat, {"fchownat", Sort::writing}},
        {SYS_utimensat, {"utimensat", Sort::writing}},
        {SYS_setxattr, {"setxattr", Sort::writing}},
        {SYS_fsetxattr, {"fsetxattr", Sort::writing}},
        {SYS_fremovexattr, {"fremovexattr", Sort::writing}},
        {SYS_open, {"open", Sort::opening}},
        {SYS_openat, {"openat", Sort::opening}},
        {SYS_openat2, {"openat2", Sort::opening}},
        {SYS_read, {"read", Sort::reading}},
        {SYS_pread64, {"pread64", Sort::reading}},
        {SYS_readv, {"readv", Sort::reading}},
        {SYS_preadv, {"preadv", Sort::reading}},
        {SYS_preadv2, {"preadv2", Sort::reading}},
        {SYS_getdents64, {"getdents64", Sort::reading}},
        {SYS_stat, {"stat", Sort::reading}},
        {SYS_lstat, {"lstat", Sort::reading}},
        {SYS_fstat, {"fstat", Sort::reading}},
        {SYS_newfstatat, {"newfstatat", Sort::reading}},
        {SYS_statx, {"statx", Sort::reading}},
        {SYS_lseek, {"lseek", Sort::reading}},
        {SYS_readlink, {"readlink", Sort::reading}},
        {SYS_readlinkat, {"readlinkat", Sort::reading}},
        {SYS_getxattr, {"getxattr", Sort::reading}},
        {SYS_lgetxattr, {"lgetxattr", Sort::reading}},
        {SYS_fgetxattr, {"fgetxattr", Sort::reading}},
        {SYS_listxattr, {"listxattr", Sort::reading}},
        {SYS_llistxattr, {"llistxattr", Sort::reading}},
        {SYS_flistxattr, {"flistxattr", Sort::reading}},
        {SYS_flock, {"flock", Sort::reading}},
        {SYS_statfs, {"statfs", Sort::reading}},
        {SYS_fstatfs, {"fstatfs", Sort::reading}},
        {SYS_access, {"access", Sort::reading}},
        {SYS_faccessat, {"faccessat", Sort::reading}},
        {SYS_close, {"close", Sort::reading}},
        {SYS_getrandom, {"getrandom", Sort::reading}},
        {SYS_mmap, {"mmap", Sort::mapping}},
    };
    return all;
}

struct Orders {
    bool all = false;  ///< else mutating calls alone
    bool from_start = false;
    std::string log;
    std::uint64_t at = 0;
    std::string action;
    std::uint64_t number = 0;  ///< errno, or quarters
    bool rest = false;
    bool shortened = false;
    std::string only;
    std::vector<char*> program;
};

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(125);
}

/// In the child: stops the tracer at the calls of interest and at no other, so that the rest runs at full speed.
void install_filter() {
    std::vector<sock_filter> program;
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    std::vector<long> wanted{SYS_prctl};
    for (const auto& [number, call] : calls()) wanted.push_back(number);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto to_match = static_cast<std::uint8_t>(wanted.size() - i);
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(wanted[i]), to_match, 0));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no-new-privs");
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) fail("seccomp");
}

class Injector {
public:
    explicit Injector(const Orders& orders) : orders_(orders), counting_(orders.from_start) {
        if (!orders_.log.empty()) {
            log_ = std::fopen(orders_.log.c_str(), "we");
            if (log_ == nullptr) fail("log");
        }
    }

    int run() {
        start();
        for (;;) {
            int status = 0;
            const pid_t thread = ::waitpid(-1, &status, __WALL);
            if (thread < 0) {
                if (errno == EINTR) continue;
                if (errno == ECHILD) return ended_;
                fail("wait");
            }
            if (WIFEXITED(status) || WIFSIGNALED(status)) {
                if (thread == child_) ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                continue;
            }
            stopped(thread, status);
        }
    }

    void finish() const {
        if (log_ == nullptr) return;
        std::fprintf(log_, "counted %llu struck %llu\n", static_cast<unsigned long long>(count_),
                     static_cast<unsigned long long>(struck_));
        std::fclose(log_);
    }

private:
    void start() {
        std::array<int, 2> go{};
        if (::pipe2(go.data(), O_CLOEXEC) != 0) fail("pipe");
        child_ = ::fork();
        if (child_ < 0) fail("fork");
        if (child_ == 0) {
            ::setpgid(0, 0);
            char octet = 0;
            while (::read(go[0], &octet, 1) < 0 && errno == EINTR) {
            }
            ::close(go[0]);
            ::close(go[1]);
            install_filter();
            ::execvp(orders_.program.front(), orders_.program.data());
            std::perror("exec");
            ::_exit(127);
        }
        constexpr long kOptions = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                                  PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
        if (::ptrace(PTRACE_SEIZE, child_, nullptr, kOptions) != 0) fail("seize");
        if (::write(go[1], "x", 1) != 1) fail("start");
        ::close(go[0]);
        ::close(go[1]);
    }

    void resume(pid_t thread, bool to_its_end, int signal = 0) {
        // A thread that was killed meanwhile is waited for, and needs no more.
        static_cast<void>(::ptrace(to_its_end ? PTRACE_SYSCALL : PTRACE_CONT, thread, nullptr, signal));
    }

    void stopped(pid_t thread, int status) {
        const int event = status >> 16;
        const int signal = WSTOPSIG(status);
        if (event == PTRACE_EVENT_SECCOMP) return entered(thread);
        if (signal == (SIGTRAP | 0x80)) return left(thread);
        if (event == PTRACE_EVENT_STOP && (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN)) {
            static_cast<void>(::ptrace(PTRACE_LISTEN, thread, nullptr, nullptr));
            return;
        }
        resume(thread, false, event != 0 ? 0 : signal);
    }

    static __ptrace_syscall_info call_of(pid_t thread) {
        __ptrace_syscall_info info{};
        if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) < 0) info.op = PTRACE_SYSCALL_INFO_NONE;
        return info;
    }

    void entered(pid_t thread) {
        const __ptrace_syscall_info info = call_of(thread);
        if (info.op != PTRACE_SYSCALL_INFO_SECCOMP) return resume(thread, false);
        const auto number = static_cast<long>(info.seccomp.nr);
        if (number == SYS_prctl) {
            counting_ = counting_ || info.seccomp.args[0] == PR_SET_DUMPABLE;
            return resume(thread, false);
        }
        const auto found = calls().find(number);
        if (!counting_ || found == calls().end()) return resume(thread, false);
        if (orders_.shortened) shorten(thread, number, info.seccomp.args[2]);
        if (!counts(thread, number, found->second, info)) return resume(thread, false);
        ++count_;
        if (log_ != nullptr) {
            std::fprintf(log_, "%llu %s %lld\n", static_cast<unsigned long long>(count_), found->second.name,
                         static_cast<long long>(info.seccomp.args[0]));
        }
        if (count_ == orders_.at) struck_call_ = number;
        const bool is_struck =
            count_ == orders_.at || (orders_.rest && count_ > orders_.at && number == struck_call_ && orders_.at != 0);
        if (!is_struck) return resume(thread, false);
        strike(thread, number, info.seccomp.args[2]);
    }

    bool counts(pid_t thread, long number, const Call& call, const __ptrace_syscall_info& info) const {
        if (!orders_.only.empty()) return orders_.only == call.name;
        if (orders_.all) return true;
        if (call.sort == Sort::writing) return true;
        if (call.sort != Sort::opening) return false;
        std::uint64_t flags = info.seccomp.args[number == SYS_open ? 1 : 2];
        if (number == SYS_openat2) {
            open_how how{};
            const iovec here{&how, sizeof how};
            // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of another process, as its registers have it
            const iovec there{reinterpret_cast<void*>(info.seccomp.args[2]), sizeof how};
            // What cannot be looked at counts.
            if (::process_vm_readv(thread, &here, 1, &there, 1, 0) < 0) return true;
            flags = how.flags;
        }
        return (flags & (O_CREAT | O_TRUNC)) != 0;
    }

    void strike(pid_t thread, long number, std::uint64_t third) {
        ++struck_;
        if (orders_.action == "kill-before") return kill_all(thread);
        if (orders_.action == "kill-after" || orders_.action == "kill-torn") {
            const bool is_write = number == SYS_write || number == SYS_pwrite64;
            const std::uint64_t part = orders_.number < 4 ? third * orders_.number / 4 : third - 1;
            if (orders_.action == "kill-torn" && is_write && third > 0) set_third(thread, part);
            at_its_end_[thread] = 0;
            return resume(thread, true);
        }
        if (orders_.action != "error") return resume(thread, false);
        if (number == SYS_close) {
            // A close that fails has closed all the same.
            at_its_end_[thread] = static_cast<int>(orders_.number);
            return resume(thread, true);
        }
        user_regs_struct registers{};
        if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) == 0) {
            registers.orig_rax = static_cast<unsigned long long>(-1);
            registers.rax = static_cast<unsigned long long>(-static_cast<long long>(static_cast<int>(orders_.number)));
            static_cast<void>(::ptrace(PTRACE_SETREGS, thread, nullptr, &registers));
        }
        resume(thread, false);
    }

    /// At the end of a call that was struck. (Its entry comes first: it is stopped at once more after the filter.)
    void left(pid_t thread) {
        const auto found = at_its_end_.find(thread);
        if (found == at_its_end_.end()) return resume(thread, false);
        if (call_of(thread).op != PTRACE_SYSCALL_INFO_EXIT) return resume(thread, true);
        const int error = found->second;
        at_its_end_.erase(found);
        if (error == 0) return kill_all(thread);
        user_regs_struct registers{};
        if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) == 0) {
            registers.rax = static_cast<unsigned long long>(-static_cast<long long>(error));
            static_cast<void>(::ptrace(PTRACE_SETREGS, thread, nullptr, &registers));
        }
        resume(thread, false);
    }

    static void set_third(pid_t thread, std::uint64_t value) {
        user_regs_struct registers{};
        if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) != 0) return;
        registers.rdx = value;
        static_cast<void>(::ptrace(PTRACE_SETREGS, thread, nullptr, &registers));
    }

    void shorten(pid_t thread, long number, std::uint64_t wanted) {
        const bool moves = number == SYS_read || number == SYS_pread64 || number == SYS_write || number == SYS_pwrite64;
        if (!moves || wanted < 2) return;
        random_ = random_ * 6364136223846793005U + 1442695040888963407U;
        set_third(thread, 1 + (random_ >> 33U) % (wanted - 1));
    }

    void kill_all(pid_t thread) {
        static_cast<void>(::kill(child_, SIGKILL));
        resume(thread, false);
    }

    const Orders& orders_;
    std::FILE* log_ = nullptr;
    pid_t child_ = -1;
    int ended_ = 125;
    bool counting_;
    std::uint64_t count_ = 0;
    std::uint64_t struck_ = 0;
    long struck_call_ = -1;
    std::uint64_t random_ = 1;
    std::map<pid_t, int> at_its_end_;  ///< errno to answer with; 0: die
};

[[noreturn]] void usage() {
    std::fputs(
        "usage: fault_injector --calls mutating|all [--only NAME] [--log FILE] [--at N] [--do ACTION] [--rest] "
        "[--short] "
        "[--from-start] -- PROGRAM…\n",
        stderr);
    std::exit(125);
}

Orders parse(int argc, char** argv) {
    Orders orders;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto value = [&] {
            if (++i >= argc) usage();
            return std::string(argv[i]);
        };
        if (word == "--") {
            orders.program.assign(argv + i + 1, argv + argc);
            break;
        }
        if (word == "--calls")
            orders.all = value() == "all";
        else if (word == "--only")
            orders.only = value();
        else if (word == "--log")
            orders.log = value();
        else if (word == "--at")
            orders.at = std::strtoull(value().c_str(), nullptr, 10);
        else if (word == "--rest")
            orders.rest = true;
        else if (word == "--short")
            orders.shortened = true;
        else if (word == "--from-start")
            orders.from_start = true;
        else if (word == "--do") {
            orders.action = value();
            if (const std::size_t equals = orders.action.find('='); equals != std::string::npos) {
                orders.number = std::strtoull(orders.action.c_str() + equals + 1, nullptr, 10);
                orders.action.resize(equals);
            }
        } else
            usage();
    }
    if (orders.program.empty()) usage();
    orders.program.push_back(nullptr);
    return orders;
}

}  // namespace

int main(int argc, char** argv) {
    const Orders orders = parse(argc, argv);
    Injector injector(orders);
    const int ended = injector.run();
    injector.finish();
    return ended;
}
