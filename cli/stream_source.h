// A command whose output is backed up: started, watched, and asked at the end whether it went well.
#pragma once

#include "cli/child.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace signet::cli {

class StreamCommand {
public:
    /// throws  Error{failed}: it cannot be started
    explicit StreamCommand(const std::vector<std::string>& words);
    StreamCommand(const StreamCommand&) = delete;
    StreamCommand& operator=(const StreamCommand&) = delete;
    ~StreamCommand();

    [[nodiscard]] int output() const { return child_.output(); }
    /// Called at the end of the output and before the commit.
    /// throws  Error{failed}: it ended with another status than 0; Error{interrupted}
    void confirm();

private:
    void watch();
    std::string name_;
    Child child_;
    std::atomic<bool> over_{false};
    std::thread watcher_;
};

}  // namespace signet::cli
