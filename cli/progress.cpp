#include "cli/progress.h"

#include "cli/places.h"
#include "cli/signals.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace signet::cli {
namespace {

/// How often USR1 is looked for.
constexpr double kPollSeconds = 0.1;

std::optional<double> fraction(const ProgressState& state) {
    if (!state.total_known) return std::nullopt;
    const bool by_bytes = state.bytes_total > 0;
    const auto total = static_cast<double>(by_bytes ? state.bytes_total : state.files_total);
    if (total <= 0) return std::nullopt;
    return std::min(1.0, static_cast<double>(by_bytes ? state.bytes_done : state.files_done) / total);
}

std::optional<double> seconds_left(const ProgressState& state, double elapsed) {
    const auto done = fraction(state);
    if (!done || *done <= 0.001 || elapsed < 1) return std::nullopt;
    return elapsed * (1 - *done) / *done;
}

std::string clock_text(double seconds) {
    const auto whole = static_cast<unsigned long long>(std::max(0.0, seconds));
    char text[48];
    if (whole < 3600)
        (void)std::snprintf(text, sizeof text, "%llu:%02llu", whole / 60, whole % 60);
    else
        (void)std::snprintf(text, sizeof text, "%llu:%02llu:%02llu", whole / 3600, whole / 60 % 60, whole % 60);
    return text;
}

}  // namespace

ProgressPolicy progress_policy(const Terminal& terminal, bool asked_for) {
    ProgressPolicy policy;
    const bool on_terminal = terminal.json() ? terminal.output_is_terminal() : terminal.error_is_terminal();
    policy.wanted = asked_for || (on_terminal && !terminal.quiet());
    // A log wants fewer lines than an eye.
    policy.interval_seconds = on_terminal ? 0.2 : 10;
    const std::string rate_text = variable("SIGNET_PROGRESS_FPS");
    if (rate_text.empty()) return policy;
    char* end = nullptr;
    errno = 0;
    const double rate = std::strtod(rate_text.c_str(), &end);
    if (errno != 0 || *end != '\0' || !(rate >= 0.0001) || rate > 60) {
        throw Error(ErrorCode::usage, "SIGNET_PROGRESS_FPS is no number from 0.0001 to 60: " + rate_text);
    }
    policy.interval_seconds = 1 / rate;
    return policy;
}

ProgressReporter::ProgressReporter(Terminal& terminal, const ProgressPolicy& policy,
                                   std::function<ProgressState()> state)
    : terminal_(terminal),
      policy_(policy),
      state_(std::move(state)),
      started_(std::chrono::steady_clock::now()),
      thread_([this] { run(); }) {}

ProgressReporter::~ProgressReporter() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
    if (policy_.wanted && !terminal_.json() && terminal_.error_is_terminal()) terminal_.progress_line("");
}

void ProgressReporter::run() {
    using Seconds = std::chrono::duration<double>;
    const double step = policy_.wanted ? std::min(kPollSeconds, policy_.interval_seconds) : kPollSeconds;
    auto last = started_;
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, Seconds(step), [this] { return stop_; })) {
        const auto now = std::chrono::steady_clock::now();
        const bool on_demand = take_progress_request();
        const bool due = policy_.wanted && Seconds(now - last).count() >= policy_.interval_seconds * 0.99;
        if (!on_demand && !due) continue;
        if (due) last = now;
        show(state_(), on_demand && !policy_.wanted);
    }
}

void ProgressReporter::show(const ProgressState& state, bool on_demand) {
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    if (terminal_.json()) {
        terminal_.object(progress_json(state, elapsed));
        return;
    }
    const std::size_t columns = terminal_.error_is_terminal() ? terminal_.columns() - 1 : 4096;
    const std::string line = progress_text(state, elapsed, columns);
    if (on_demand)
        terminal_.block(line + "\n");
    else
        terminal_.progress_line(line);
}

std::string progress_text(const ProgressState& state, double elapsed_seconds, std::size_t columns) {
    std::string line = "[" + clock_text(elapsed_seconds) + "] ";
    if (const auto done = fraction(state)) {
        char text[16];
        (void)std::snprintf(text, sizeof text, "%.1f%%  ", *done * 100);
        line += text;
    }
    line += counted(state.files_done, "file") + ", " + human_size(state.bytes_done);
    if (state.total_known && state.bytes_total > 0) line += " of " + human_size(state.bytes_total);
    const double rate = elapsed_seconds > 0 ? static_cast<double>(state.bytes_done) / elapsed_seconds : 0;
    line += ", " + human_size(static_cast<std::uint64_t>(rate)) + "/s";
    if (const auto left = seconds_left(state, elapsed_seconds)) line += ", ETA " + clock_text(*left);
    if (state.errors > 0) line += ", " + counted(state.errors, "error");
    if (!state.current.empty()) {
        // The end of a path says more than its start. Octets stand for columns here, which errs on the short side.
        const std::string path = printable(state.current);
        const std::size_t room = columns > line.size() + 2 ? columns - line.size() - 2 : 0;
        if (path.size() <= room)
            line += "  " + path;
        else if (room > 8)
            line += "  …" + replace_invalid(path.substr(path.size() - (room - 3)));
    }
    return line.size() <= columns ? line : line.substr(0, columns);
}

Json progress_json(const ProgressState& state, double elapsed_seconds) {
    Json object = {{"message_type", "status"}, {"seconds_elapsed", static_cast<std::uint64_t>(elapsed_seconds)}};
    if (const auto left = seconds_left(state, elapsed_seconds)) {
        object["seconds_remaining"] = static_cast<std::uint64_t>(*left);
    }
    object["percent_done"] = fraction(state).value_or(0);
    object["total_files"] = state.files_total;
    object["files_done"] = state.files_done;
    object["total_bytes"] = state.bytes_total;
    object["bytes_done"] = state.bytes_done;
    object["error_count"] = state.errors;
    Json current = Json::array();
    if (!state.current.empty()) current.push_back(replace_invalid(state.current));
    object["current_files"] = std::move(current);
    return object;
}

}  // namespace signet::cli
