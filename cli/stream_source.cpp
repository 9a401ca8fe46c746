#include "cli/stream_source.h"

#include "cli/signals.h"
#include "cli/terminal.h"
#include "core/error.h"

#include <chrono>
#include <csignal>

namespace signet::cli {

StreamCommand::StreamCommand(const std::vector<std::string>& words)
    : name_(words.front()), child_(Child::with_output(words)), watcher_([this] { watch(); }) {}

StreamCommand::~StreamCommand() {
    over_.store(true);
    if (watcher_.joinable()) watcher_.join();
}

void StreamCommand::watch() {
    using namespace std::chrono_literals;
    // Who reads the pipe cannot look at the flag meanwhile; the end of the command ends the reading.
    while (!over_.load()) {
        if (interrupted().load()) {
            ::kill(child_.process(), SIGTERM);
            return;
        }
        std::this_thread::sleep_for(50ms);
    }
}

void StreamCommand::confirm() {
    over_.store(true);
    watcher_.join();
    stop_if_interrupted();
    const ChildEnd end = child_.wait();
    stop_if_interrupted();
    if (!end.ok()) {
        throw Error(ErrorCode::failed, "the command ended with " + end.text() + ", and no backup was made: " + printable(name_));
    }
}

}  // namespace signet::cli
