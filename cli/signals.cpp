#include "cli/signals.h"

#include "core/error.h"

#include <unistd.h>
#include <csignal>

namespace signet::cli {
namespace {

std::atomic<bool> interrupted_flag{false};
std::atomic<bool> progress_requested{false};
std::atomic<int> exit_at_once{130};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "signal handlers set these");

extern "C" void on_end_signal(int) {
    // The second one is from somebody who does not want to wait. The repository stays valid: a commit is one object.
    if (interrupted_flag.exchange(true)) _exit(exit_at_once.load());
}

extern "C" void on_progress_signal(int) { progress_requested.store(true); }

void handle(int signal_number, void (*handler)(int), int flags) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, nullptr);
}

}  // namespace

void install_signal_handlers(int at_once) {
    exit_at_once.store(at_once);
    // No SA_RESTART on the first: a prompt that waits for a passphrase must wake up.
    for (const int signal_number : {SIGINT, SIGTERM}) handle(signal_number, on_end_signal, 0);
    // nohup asks for HUP to stay ignored.
    struct sigaction hangup {};
    sigaction(SIGHUP, nullptr, &hangup);
    if (hangup.sa_handler != SIG_IGN) handle(SIGHUP, on_end_signal, 0);
    handle(SIGUSR1, on_progress_signal, SA_RESTART);
    handle(SIGPIPE, SIG_IGN, 0);
    // Then write(2) fails, which has a message and a status.
    handle(SIGXFSZ, SIG_IGN, 0);
}

std::atomic<bool>& interrupted() { return interrupted_flag; }

void stop_if_interrupted() {
    if (interrupted_flag.load()) throw Error(ErrorCode::interrupted, "interrupted");
}

bool take_progress_request() { return progress_requested.exchange(false); }

void restore_signals_in_child() noexcept {
    for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE, SIGXFSZ})
        handle(signal_number, SIG_DFL, 0);
}

}  // namespace signet::cli
