#include "cli/checker.h"
#include "cli/commands/commands.h"
#include "cli/table.h"

namespace signet::cli {
namespace {

void tell(Terminal& terminal, const CheckReport& report) {
    for (const Damage& damage : report.damages) {
        const std::vector<std::string> backups(damage.backups.begin(), damage.backups.end());
        terminal.problem(damage.object,
                         damage.message + (backups.empty() ? "" : "; touches backup " + join(backups, ", ")), "check");
    }
    for (const std::string& what : report.unreadable) terminal.problem("repository", what, "check");
    for (const std::string& what : report.missing_keys) terminal.problem("content", what, "check");
    for (const std::string& what : report.information) terminal.message("note: " + printable(what));
}

Json report_json(const CheckReport& report, bool read_data) {
    Json damaged = Json::array();
    for (const Damage& damage : report.damages) {
        Json row;
        set_text(row, "object", damage.object);
        row["message"] = damage.message;
        row["backups"] = damage.backups;
        damaged.push_back(std::move(row));
    }
    return {{"message_type", "summary"},
            {"num_errors", report.damages.size() + report.unreadable.size()},
            {"damaged", std::move(damaged)},
            {"unreadable", report.unreadable},
            {"missing_keys", report.missing_keys},
            {"information", report.information},
            {"objects", report.objects},
            {"bytes", report.bytes},
            {"read_data", read_data},
            {"chunks", report.chunks}};
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const bool read_data = context.options().flag("read-data");
    Checker checker(context);
    {
        const ProgressPolicy policy = progress_policy(terminal, context.options().flag("progress"));
        const ProgressReporter reporter(terminal, policy, [&] { return checker.progress(); });
        checker.check_objects();
        if (read_data) checker.check_content();
    }
    const CheckReport& report = checker.report();
    tell(terminal, report);
    if (terminal.json()) terminal.object(report_json(report, read_data));
    if (!report.damages.empty()) {
        throw Error(
            ErrorCode::damaged,
            "the repository is damaged: " + counted(report.damages.size(), "object") + " not as written",
            "signet plan and signet restore work for backups that are not touched; --salvage restores what opens");
    }
    if (!report.unreadable.empty())
        throw Error(ErrorCode::io, counted(report.unreadable.size(), "object") + " could not be read");
    if (!report.missing_keys.empty()) {
        throw Error(ErrorCode::key_unavailable,
                    counted(report.missing_keys.size(), "backup") + " could not be read for want of keys",
                    "see: signet timeline");
    }
    terminal.result("checked " + counted(report.objects, "object") + ", " + human_size(report.bytes) +
                    (read_data ? ", and read " + counted(report.chunks, "chunk") : "") + ": all as written");
    return ExitCode::done;
}

}  // namespace

Command check_command() {
    Command command;
    command.name = "check";
    command.synopsis = "[--read-data]";
    command.summary = "verify a repository";
    command.description =
        "Verifies every signature and chain, that everything which entries name is there, and reads every object and "
        "compares it with its name. Needs no key, so that whoever stores a repository can check it. Exit code 14 when "
        "anything is not as it was written; the message names the object and the backups that it touches. What "
        "interrupted runs left behind is a note.\n\n"
        "With --read-data, every trusted backup is opened as well, and each of its chunks is decrypted and compared "
        "with its id.";
    command.options = {{.name = "read-data", .help = "open every backup and read every chunk (needs keys)"}};
    command.examples = {{"signet check", "Nightly, by the storage host"},
                        {"signet check --read-data", "Monthly, by a key holder"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
