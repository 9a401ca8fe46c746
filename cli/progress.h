// Says how far a command is: on a terminal, on demand (USR1), or as JSON lines.
#pragma once

#include "cli/terminal.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace signet::cli {

/// How far a command is, at one moment.
struct ProgressState {
    std::uint64_t files_done = 0;
    std::uint64_t files_total = 0;
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_total = 0;
    std::uint64_t errors = 0;
    bool total_known = false;
    std::string current;
};

/// Whether, and how often, a state is shown by itself.
struct ProgressPolicy {
    bool wanted = false;
    double interval_seconds = 0.2;
};

/// On a terminal (with --json: where standard output is one), or with --progress; SIGNET_PROGRESS_FPS sets the rate.
/// throws  Error{usage}: SIGNET_PROGRESS_FPS is no number between 0.0001 and 60
[[nodiscard]] ProgressPolicy progress_policy(const Terminal& terminal, bool asked_for);

/// A thread that shows `state` until it is destroyed. USR1 is answered in any case.
class ProgressReporter {
public:
    ProgressReporter(Terminal& terminal, const ProgressPolicy& policy, std::function<ProgressState()> state);
    ProgressReporter(const ProgressReporter&) = delete;
    ProgressReporter& operator=(const ProgressReporter&) = delete;
    ~ProgressReporter();

private:
    void run();
    void show(const ProgressState& state, bool on_demand);

    Terminal& terminal_;
    ProgressPolicy policy_;
    std::function<ProgressState()> state_;
    std::chrono::steady_clock::time_point started_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    std::thread thread_;
};

/// One line for people, at most `columns` wide: "[0:12] 34.5%  1,234 files, 1.2 GiB, 210.0 MiB/s, ETA 0:40
/// /home/anna/x".
[[nodiscard]] std::string progress_text(const ProgressState& state, double elapsed_seconds, std::size_t columns);
/// The `status` object.
[[nodiscard]] Json progress_json(const ProgressState& state, double elapsed_seconds);

}  // namespace signet::cli
