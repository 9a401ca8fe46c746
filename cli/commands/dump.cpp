#include "restore/dump.h"
#include "cli/commands/commands.h"
#include "cli/progress.h"
#include "cli/selection.h"
#include "cli/signals.h"
#include "core/file.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>

namespace signet::cli {
namespace {

/// A file that has its name only once it is whole.
class OutputFile {
public:
    explicit OutputFile(std::string path) : path_(std::move(path)), temporary_(path_ + ".signet-part") {
        file_ = UniqueFd(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!file_) throw Error::from_errno("create", temporary_, errno);
    }
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile() {
        if (file_) ::unlink(temporary_.c_str());
    }
    [[nodiscard]] int descriptor() const { return file_.get(); }
    void finish() {
        if (::fsync(file_.get()) != 0) throw Error::from_errno("sync", temporary_, errno);
        if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw Error::from_errno("create", path_, errno);
        file_.close(path_);
    }

private:
    std::string path_;
    std::string temporary_;
    UniqueFd file_;
};

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const Options& options = context.options();
    if (options.text_or("archive", "tar") != "tar")
        throw Error(ErrorCode::usage, "--archive is tar: " + *options.text("archive"));
    const auto target = options.text("target");
    if (!target && terminal.json())
        throw Error(ErrorCode::usage, "--json needs --target: standard output is what is dumped");
    const BackupAndPaths wanted = backup_and_paths(context.arguments());
    if (wanted.paths.size() > 1) throw Error(ErrorCode::usage, "dump writes one path: " + printable(wanted.paths[1]));
    restore::DumpRequest request;
    request.path = wanted.paths.empty() ? wanted.reference.path : wanted.paths.front();
    const auto backup = context.open(choose(context, wanted.reference));
    context.forget_catalogue();
    request.plain = options.flag("plain");
    request.jobs = context.jobs();
    request.interrupted = &interrupted();
    restore::RestoreProgress progress;
    request.progress = &progress;
    request.on_warning = [&](const std::string& path, const std::string& what) { terminal.warning(path, what); };
    std::optional<OutputFile> file;
    if (target) file.emplace(*target);
    request.fd = file ? file->descriptor() : STDOUT_FILENO;
    restore::DumpReport report;
    {
        const ProgressReporter reporter(terminal, {}, [&] {
            ProgressState state;
            state.files_done = progress.items_done.load();
            state.bytes_done = progress.bytes_done.load();
            return state;
        });
        report = restore::dump(*backup, request);
    }
    if (file) file->finish();
    if (terminal.json()) {
        terminal.object(Json{{"message_type", "summary"},
                             {"files", report.files},
                             {"bytes", report.bytes},
                             {"skipped", report.skipped},
                             {"tar", report.is_tar}});
    }
    return ExitCode::done;
}

}  // namespace

Command dump_command() {
    Command command;
    command.name = "dump";
    command.synopsis = "[BACKUP|latest[:PATH]] [PATH] [--archive tar] [--target FILE]";
    command.summary = "write one file, or a folder as a tar, to standard output";
    command.description =
        "Writes a file as it was, or a folder as a pax tar with attributes, ACLs, holes and hard links. Of a backup "
        "made from a stream, no path is needed. Every piece is verified before it is written; when something fails, "
        "what was written is a beginning and the exit code is not 0. With --target, the file appears only when it is "
        "whole.";
    command.options = with_selection({
        {.name = "archive", .takes = Takes::one, .value_name = "tar", .help = "the form of a folder: tar"},
        {.name = "target", .letter = 't', .takes = Takes::one, .value_name = "FILE", .help = "write there"},
        {.name = "plain", .help = "in a tar: no owners, attributes and ACLs"},
        {.name = "at", .takes = Takes::one, .value_name = "T", .help = "with latest: the newest not after this"},
    });
    command.arguments = {"backup", 0, 2};
    command.examples = {{"signet dump latest /etc/fstab", "One file"},
                        {"signet dump latest /home/anna | tar -tv", "What is in a folder"},
                        {"signet dump latest --series prod-db | psql prod", "A database dump that was a stream"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
