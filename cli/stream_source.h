// What is backed up as a stream: standard input, or the output of a command. Waiting for either can be interrupted.
#pragma once

#include "cli/child.h"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace signet::cli {

/// Passes a stream on through a pipe, as it is, until it ends or somebody wants to stop: whoever reads the pipe may
/// then wait without looking at flags. The kernel moves the octets (splice), so that this costs next to nothing.
class StreamSource {
public:
    /// Standard input.
    StreamSource();
    /// A command. throws  Error{failed}: it cannot be started
    explicit StreamSource(const std::vector<std::string>& words);
    StreamSource(const StreamSource&) = delete;
    StreamSource& operator=(const StreamSource&) = delete;
    ~StreamSource();

    /// Where it is read.
    [[nodiscard]] int output() const { return pipe_.read_end.get(); }
    /// Called at the end of the output and before the commit.
    /// throws  Error{failed}: the command ended with another status than 0; Error{io}; Error{interrupted}
    void confirm();
    /// Whether the command has said all it had to say, and confirm() was not asked yet: what is wrong with its output
    /// may be its own doing.
    [[nodiscard]] bool has_ended() const { return child_.has_value() && ended_.load(); }

private:
    struct Pipe {
        UniqueFd read_end;
        UniqueFd write_end;
        Pipe();
    };
    void pump();
    void stop();
    /// returns  whether there may be more
    [[nodiscard]] bool move_some();

    std::string name_;
    std::optional<Child> child_;
    int source_;
    Pipe pipe_;
    std::atomic<bool> stopped_{false};
    std::atomic<bool> ended_{false};
    int error_number_ = 0;  ///< of the pump; read once it has ended
    std::thread thread_;
};

}  // namespace signet::cli
