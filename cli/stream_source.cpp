#include "cli/stream_source.h"

#include "cli/signals.h"
#include "cli/terminal.h"
#include "core/error.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <climits>

namespace signet::cli {
namespace {

constexpr int kPipeSize = 1024 * 1024;
constexpr int kLookMs = 100;

/// returns  whether the descriptor is ready (or has failed, which the next call finds out); false after a while
bool is_ready(int descriptor, short events) {
    struct pollfd wanted {
        descriptor, events, 0
    };
    return ::poll(&wanted, 1, kLookMs) > 0;
}

}  // namespace

StreamSource::Pipe::Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error::from_errno("make", "a pipe", errno);
    read_end = UniqueFd(ends[0]);
    write_end = UniqueFd(ends[1]);
    // Smaller where the system allows no more: then there are more calls.
    (void)::fcntl(write_end.get(), F_SETPIPE_SZ, kPipeSize);
    (void)::fcntl(write_end.get(), F_SETFL, O_NONBLOCK);
}

StreamSource::StreamSource() : name_("standard input"), source_(STDIN_FILENO), thread_([this] { pump(); }) {}

StreamSource::StreamSource(const std::vector<std::string>& words)
    : name_(words.front()), child_(Child::with_output(words)), source_(child_->output()), thread_([this] { pump(); }) {}

StreamSource::~StreamSource() { stop(); }

void StreamSource::stop() {
    stopped_.store(true);
    if (thread_.joinable()) thread_.join();
}

bool StreamSource::move_some() {
    ssize_t moved =
        ::splice(source_, nullptr, pipe_.write_end.get(), nullptr, kPipeSize, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved < 0 && errno == EINVAL) {
        // Some sources (terminals) cannot be spliced. What is read is written whole: there is room for this much at
        // least.
        std::array<char, PIPE_BUF> block{};
        moved = ::read(source_, block.data(), block.size());
        if (moved > 0) moved = ::write(pipe_.write_end.get(), block.data(), static_cast<std::size_t>(moved));
    }
    if (moved > 0) return true;
    if (moved == 0) return false;
    if (errno == EAGAIN || errno == EINTR) return true;
    error_number_ = errno;
    return false;
}

void StreamSource::pump() {
    const auto goes_on = [&] { return !stopped_.load() && !interrupted().load(); };
    while (goes_on()) {
        if (!is_ready(source_, POLLIN) || !is_ready(pipe_.write_end.get(), POLLOUT)) continue;
        if (move_some()) continue;
        ended_.store(true);
        break;
    }
    pipe_.write_end = UniqueFd();
}

void StreamSource::confirm() {
    stop();
    stop_if_interrupted();
    if (error_number_ != 0) throw Error::from_errno("read", printable(name_), error_number_);
    if (!child_) return;
    const ChildEnd end = child_->wait();
    child_.reset();  // it has told all there is
    stop_if_interrupted();
    if (!end.ok()) {
        throw Error(ErrorCode::failed,
                    "the command ended with " + end.text() + ", and no backup was made: " + printable(name_));
    }
}

}  // namespace signet::cli
