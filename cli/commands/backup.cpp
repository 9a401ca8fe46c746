#include "cli/access.h"
#include "cli/backup_report.h"
#include "cli/backup_request.h"
#include "cli/checkpoints.h"
#include "cli/commands/commands.h"
#include "cli/escrow.h"
#include "cli/hooks.h"
#include "cli/officer.h"
#include "cli/replicas.h"
#include "cli/signals.h"
#include "cli/stream_source.h"
#include "cli/table.h"

namespace signet::cli {
namespace {

void connect_to_terminal(Terminal& terminal, backup::BackupRequest& request) {
    request.on_problem = [&](const std::string& path, const std::string& what) {
        terminal.problem(path, what, "archival");
    };
    request.on_warning = [&](const std::string& sentence) { terminal.warning(sentence); };
    if (terminal.verbosity() < 1) return;
    request.on_item = [&](std::string_view action, const std::string& path, std::uint64_t size) {
        if (action == "unmodified" && terminal.verbosity() < 2) return;
        if (terminal.json()) {
            Json line = {{"message_type", "verbose_status"}, {"action", action}};
            set_text(line, "item", path);
            line["data_size"] = size;
            terminal.object(line);
        } else {
            terminal.message(std::string(action) + std::string(12 - std::min<std::size_t>(11, action.size()), ' ') +
                             printable(path));
        }
    };
}

/// A run of a writer that is trusted up to an earlier entry ends without a backup.
bool writer_is_trusted(Context& context) {
    const auto writer = context.keyring().writer_if_present();
    if (!writer) return false;
    const keyring::Trust trust = load_trust(context);
    const keyring::TrustedIdentity* known = trust.find(writer->identity(), format::Role::writer);
    return known != nullptr && known->first_sequence <= known->last_sequence;
}

/// Appends the line to the file that was named, if a backup was made.
void keep_checkpoint(Context& context, const std::optional<restore::Checkpoint>& checkpoint) {
    const auto file = context.options().text("checkpoint-file");
    if (!file || !checkpoint) return;
    try {
        append_line(*file, checkpoint->line());
    } catch (const Error& error) {
        throw Error(error.code(), std::string(error.what()) + "; the backup itself was made, and its checkpoint is " +
                                      checkpoint->line());
    }
}

/// What cannot be written in the end is told before a backup is made.
void try_checkpoint_file(Context& context) {
    const auto file = context.options().text("checkpoint-file");
    if (file && !context.dry_run()) append_line(*file, "");
}

backup::BackupReport make_backup(Context& context, backup::BackupRequest request) {
    std::unique_ptr<StreamSource> stream;
    if (!request.stream_command.empty())
        stream = std::make_unique<StreamSource>(request.stream_command);
    else if (request.stream_fd >= 0)
        stream = std::make_unique<StreamSource>();
    if (stream) {
        request.stream_fd = stream->output();
        request.confirm_stream = [&] { stream->confirm(); };
    }
    backup::Progress progress;
    request.progress = &progress;
    request.interrupted = &interrupted();
    request.on_wrapped = [&](const std::vector<format::Thumbprint>& protectors) {
        for (const format::Thumbprint& protector : protectors) keep_recoverable(context, protector);
    };
    const ProgressPolicy policy = progress_policy(context.terminal(), context.options().flag("progress"));
    const ProgressReporter reporter(context.terminal(), policy, [&] { return progress_state(progress); });
    try {
        return backup::run_backup(request, context.repository(), context.keyrings(), context.resolver());
    } catch (const Error& error) {
        // What a command left unfinished looks like damage: its own status says why.
        if (error.code() == ErrorCode::damaged && stream && stream->has_ended()) stream->confirm();
        throw;
    }
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    context.keyring().require_not_paused();
    HookVariables variables = {{"SIGNET_OPERATION", "backup"}, {"SIGNET_REPOSITORY", context.repository_location()}};
    backup::BackupRequest request;
    backup::BackupReport report;
    try {
        request = backup_request(context);
        connect_to_terminal(terminal, request);
        variables["SIGNET_PATHS"] = join(request.paths, "\n");
        variables["SIGNET_SERIES"] = backup::series_name(request);
        require_primary(context);
        pin_on_first_contact(context);
        request.region = region_of(context, context.repository());
        follow_rotation(context);
        check_access(context);
        try_checkpoint_file(context);
        run_hooks(context, "run-before", variables);
        report = make_backup(context, request);
    } catch (const Error& error) {
        variables["SIGNET_ERROR"] = error.what();
        variables["SIGNET_EXIT_CODE"] =
            std::to_string(number(interrupted().load() ? ExitCode::interrupted : exit_code_of(error.code())));
        try {
            run_hooks(context, "run-failed", variables);
        } catch (const Error& hook) {
            terminal.warning(hook.what());
        }
        throw;
    }
    if (report.total_files_processed == 0 && report.others == 0 && report.errors == 0 && !report.skipped_unchanged) {
        terminal.warning("there is no file in this backup: the paths are empty, or everything in them is excluded");
    }
    const ExitCode code = report.errors > 0 ? ExitCode::incomplete : ExitCode::done;
    const bool trusted = writer_is_trusted(context);
    const auto checkpoint = checkpoint_of(context.repository().config().repository, report);
    if (terminal.json())
        terminal.object(backup_json(report, checkpoint, request.dry_run, trusted));
    else
        print_backup(terminal, report, checkpoint, request.dry_run);
    keep_checkpoint(context, checkpoint);
    variables["SIGNET_SERIES"] = report.series;
    variables["SIGNET_EXIT_CODE"] = std::to_string(number(code));
    variables["SIGNET_BACKUP_ID"] = report.backup ? report.backup->hex() : "";
    try {
        run_hooks(context, "run-after", variables);
    } catch (const Error& error) {
        throw Error(error.code(), std::string(error.what()) + "; the backup itself was made");
    }
    return code;
}

}  // namespace

Command backup_command() {
    Command command;
    command.name = "backup";
    command.synopsis = "PATH… | --stdin | --stdin-from-command -- CMD… | --kind postgres [-- CMD…]";
    command.summary = "make a backup";
    command.description =
        "Backs up the paths with everything below them, as one backup: files, folders, links, devices, owners, modes, "
        "times, attributes and ACLs. What this writer has stored before is found again and not stored twice; "
        "unchanged files are not even opened. Needs public halves alone: no passphrase is asked for.\n\n"
        "A file that cannot be read is reported and counted, the backup is made of the rest, and the exit code is 3. "
        "An interrupted run leaves a valid repository, and the next run uses what it had stored.\n\n"
        "Patterns match path components (*, ?, [a-z]; ** for any number of them). One that starts with / is matched "
        "from the root, another at any place. What starts with ! takes back what earlier patterns matched.\n\n"
        "--kind postgres makes the base that logs are replayed over (signet log push): the tar of pg_basebackup is "
        "understood "
        "while it passes, so that its files can be listed and restored one by one, and those that did not change are "
        "not "
        "stored again. It needs --series, the one that the logs are pushed to.\n\n"
        "With --checkpoint-file, a line is appended to that file when the backup is made: kept where the storage "
        "cannot "
        "reach it, it tells check, plan and restore (--checkpoint) later that this backup must be there.\n\n"
        "Hooks run through sh -c with SIGNET_OPERATION, SIGNET_REPOSITORY, SIGNET_SERIES, SIGNET_PATHS and, "
        "afterwards, SIGNET_EXIT_CODE, SIGNET_BACKUP_ID or SIGNET_ERROR.";
    command.options = backup_options();
    command.arguments = {"path", 0, Arguments::kAnyNumber};
    command.examples = {
        {"signet backup -r /srv/backup /home /etc", "Back up two folders"},
        {"signet backup --exclude '*.tmp' --exclude-caches -x /", "The whole system without what can be made again"},
        {"signet backup --stdin-filename prod.sql --stdin-from-command -- pg_dump prod",
         "A database, if the dump goes well"},
        {"signet backup --kind postgres --series pay-prod", "The base of a PostgreSQL cluster"},
        {"signet backup --json /home | tail -1", "The summary for a program"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
