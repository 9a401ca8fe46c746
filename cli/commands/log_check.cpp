#include "cli/child.h"
#include "cli/commands/commands.h"
#include "cli/log_series.h"
#include "cli/signals.h"
#include "core/crypto/digest.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string_view>
#include <thread>

namespace signet::cli {
namespace {

constexpr double kUsualWait = 60;
constexpr std::size_t kLargestAnswer = 4096;

/// What a command prints, without white space around it.
std::string answer_of(const std::string& line) {
    Child child = Child::shell_with_output(line);
    Bytes answer(kLargestAnswer);
    answer.resize(read_full(child.output(), answer, "the answer of " + line));
    const ChildEnd end = child.wait();
    if (!end.ok()) throw Error(ErrorCode::failed, line + " ended with " + end.text());
    std::string text(as_text(answer));
    constexpr const char* kBlank = " \t\r\n";
    text.erase(0, text.find_first_not_of(kBlank));
    text.erase(text.find_last_not_of(kBlank) + 1);
    if (text.empty() || text.find_first_of(kBlank) != std::string::npos)
        throw Error(ErrorCode::failed, line + " printed no name of a log: " + printable(text));
    return text;
}

/// The first log of a record is yet to come as well: then there is no series.
std::optional<restore::LogSeries> load_if_any(Context& context, const std::string& name) {
    context.forget_catalogue();
    std::vector<restore::LogSeries> found = restore::load_logs(context.repository(), context.headers(), name);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

/// Until it is stored. throws  Error{failed}: it was not, in that time
void wait_for(Context& context, const std::string& series, const std::string& name, double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    for (;;) {
        stop_if_interrupted();
        const auto logs = load_if_any(context, series);
        if (logs && logs->find(name) != nullptr) return;
        if (std::chrono::steady_clock::now() >= end) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(250));
    }
    throw Error(ErrorCode::failed, name + " was not stored within " + human_duration(seconds),
                "look at the server's log for what signet log push says, and at pg_stat_archiver");
}

/// The newest one, or all of them.
void read_some(Context& context, const restore::LogSeries& series, const restore::Log& newest, bool all) {
    std::vector<const restore::Log*> logs{&newest};
    if (all) {
        logs.clear();
        std::set<std::string_view> names;  // of several copies the first that is whole
        for (const restore::Log& log : series.logs) {
            if (!log.damage && names.insert(log.name()).second) logs.push_back(&log);
        }
    }
    std::optional<format::DataKey> key;
    (void)read_through(context, logs, [&](const restore::LogEpoch& epoch) -> const format::DataKey& {
        return key.emplace(open_epoch(context, epoch));
    });
}

/// The one that was stored last.
const restore::Log& newest_of(const restore::LogSeries& series) {
    return *std::max_element(series.logs.begin(), series.logs.end(), [](const auto& left, const auto& right) {
        return std::pair(!left.damage, left.trailer().stored) < std::pair(!right.damage, right.trailer().stored);
    });
}

void require_sound(const restore::LogSeries& series) {
    for (const restore::LogProblem& problem : series.problems) throw problem.error;
    const auto gaps = series.gaps();
    if (gaps.empty()) return;
    throw Error(ErrorCode::damaged,
                std::to_string(gaps.size()) + (gaps.size() == 1 ? " stretch" : " stretches") + " of series " +
                    series.name + " missing, the first from " + gaps.front().first + " to " + gaps.front().last,
                "signet log list --gaps");
}

ExitCode run(Context& context) {
    context.options().refuse_together({"no-read", "read-data"});
    const std::string name = log_series_name(context);
    std::string wanted;
    if (const auto command = context.options().text("switch-command")) {
        wanted = answer_of(*command);
        wait_for(context, name, wanted, context.options().seconds("wait").value_or(kUsualWait));
    }
    const restore::LogSeries series = load_log_series(context, name);
    tell_stored_again(context, series);
    require_sound(series);
    if (series.logs.empty()) throw Error(ErrorCode::failed, "series " + series.name + " has no logs yet");
    const restore::Log& newest = wanted.empty() ? newest_of(series) : *series.find(wanted);
    Terminal& terminal = context.terminal();
    const bool reads = !context.options().flag("no-read");
    const bool all = context.options().flag("read-data");
    if (reads) read_some(context, series, newest, all);
    if (terminal.json()) {
        Json object = {{"message_type", "summary"}, {"logs", series.logs.size()}};
        set_text(object, "series", series.name);
        set_text(object, "newest", newest.name());
        object["time"] = to_rfc3339(newest.trailer().modified);
        object["stored_again"] = series.stored_again.size();
        object["read"] = reads;
        object["read_all"] = all;
        terminal.object(object);
    } else {
        terminal.result(counted(series.logs.size(), "log") + " of " + printable(series.name) + ", without a gap; " +
                        printable(newest.name()) + " of " + to_table_time(newest.trailer().modified) +
                        (all     ? " is the newest; all were opened and read"
                         : reads ? " was opened and read"
                                 : " is the newest"));
    }
    return ExitCode::done;
}

}  // namespace

Command log_check_command() {
    Command command;
    command.name = "log check";
    command.synopsis = "--series S [--switch-command CMD] [--wait D] [--read-data | --no-read]";
    command.summary = "try that logs are stored, whole, and can be opened";
    command.description =
        "Looks whether all logs of the series are there, each with what its writer signed about it and none missing in "
        "between, then opens the newest one and reads it, as recovery would; with --read-data all of them: only that "
        "finds what rots within one. "
        "With --switch-command the whole way is tried first: the command makes the database close a log and prints its "
        "name, which must be stored within --wait.\n\n"
        "Reading needs the key; --no-read leaves it out. Exit code 14 for a gap or damage.";
    command.options = {
        {.name = "series", .takes = Takes::one, .value_name = "NAME", .help = "whose logs"},
        {.name = "switch-command",
         .takes = Takes::one,
         .value_name = "CMD",
         .help = "closes a log and prints its name, through sh -c"},
        {.name = "wait", .takes = Takes::one, .value_name = "D", .help = "how long to wait for it: 60s"},
        {.name = "read-data", .help = "open and read all logs, not the newest alone"},
        {.name = "no-read", .help = "open nothing"},
    };
    command.examples = {{"signet log check --series pay-prod", "Whether what is there is whole"},
                        {"signet log check --series pay-prod --switch-command \"psql -XAtqc 'select "
                         "pg_create_restore_point(\\$\\$x\\$\\$)' > /dev/null; psql "
                         "-XAtqc 'select pg_walfile_name(pg_switch_wal())'\"",
                         "The whole way, with PostgreSQL"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
