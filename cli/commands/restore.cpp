#include "cli/checkpoints.h"
#include "cli/commands/commands.h"
#include "cli/lists.h"
#include "cli/moment.h"
#include "cli/recovery.h"
#include "cli/restore_progress.h"
#include "cli/selection.h"
#include "cli/signals.h"
#include "restore/extractor.h"

#include <set>

namespace signet::cli {
namespace {

restore::Overwrite overwrite_option(const Options& options) {
    const std::string text = options.text_or("overwrite", "always");
    if (text == "always") return restore::Overwrite::always;
    if (text == "if-changed") return restore::Overwrite::if_changed;
    if (text == "never") return restore::Overwrite::never;
    throw Error(ErrorCode::usage, "--overwrite is always, if-changed or never: " + text);
}

restore::RestoreRequest request_of(const Context& context, BackupAndPaths wanted) {
    const Options& options = context.options();
    restore::RestoreRequest request;
    const auto target = options.text("target");
    if (!target) throw Error(ErrorCode::usage, "restore needs a folder to restore into", "give -t DIR");
    request.target = *target;
    request.root = std::move(wanted.reference.path);
    // Paths are those below the root.
    for (const std::string& path : wanted.paths)
        request.paths.push_back(request.root == "/" ? path : path.substr(request.root.size()));
    for (const std::string& pattern : options.list("include")) request.includes.add(pattern, false);
    for (const std::string& pattern : options.list("iinclude")) request.includes.add(pattern, true);
    for (const std::string& file : options.list("include-file")) {
        for (const std::string& pattern : read_patterns(file)) request.includes.add(pattern, false);
    }
    for (const std::string& pattern : options.list("exclude")) request.excludes.add(pattern, false);
    for (const std::string& pattern : options.list("iexclude")) request.excludes.add(pattern, true);
    for (const std::string& file : options.list("exclude-file")) {
        for (const std::string& pattern : read_patterns(file)) request.excludes.add(pattern, false);
    }
    request.overwrite = overwrite_option(options);
    request.delete_extra = options.flag("delete");
    request.verify = options.flag("verify");
    request.sparse = options.flag("sparse");
    request.plain = options.flag("plain");
    request.ownership_by_name = options.flag("ownership-by-name");
    request.salvage = options.flag("salvage");
    request.check_space = !options.flag("no-space-check");
    request.dry_run = context.dry_run();
    request.jobs = context.jobs();
    request.interrupted = &interrupted();
    if (request.dry_run && request.verify)
        throw Error(ErrorCode::usage, "--dry-run and --verify cannot be given together");
    return request;
}

void connect_to_terminal(Terminal& terminal, restore::RestoreRequest& request) {
    request.on_problem = [&](const std::string& path, const std::string& what) {
        terminal.problem(path, what, "restore");
    };
    request.on_warning = [&](const std::string& path, const std::string& what) {
        if (terminal.verbosity() >= 1) terminal.warning(path, what);
    };
    if (terminal.verbosity() < 1 && !request.dry_run) return;
    request.on_item = [&](std::string_view action, const std::string& path, std::uint64_t size) {
        if (action == "unchanged" && terminal.verbosity() < 2) return;
        if (terminal.json()) {
            Json line = {{"message_type", "verbose_status"}, {"action", action}};
            set_text(line, "item", path);
            line["size"] = size;
            terminal.object(line);
        } else {
            terminal.message(std::string(action) + std::string(11 - std::min<std::size_t>(10, action.size()), ' ') +
                             printable(path));
        }
    };
}

Json report_json(const restore::RestoreReport& report, const restore::Backup& backup, const std::string& target) {
    Json object = {{"message_type", "summary"}, {"backup_id", backup.id.hex()}};
    set_text(object, "target", target);
    object["files_restored"] = report.files_restored;
    object["files_unchanged"] = report.files_unchanged;
    object["files_skipped"] = report.files_skipped;
    object["dirs_restored"] = report.folders;
    object["others_restored"] = report.others;
    object["hard_links"] = report.hard_links;
    object["deleted"] = report.deleted;
    object["bytes_restored"] = report.bytes_restored;
    object["files_verified"] = report.files_verified;
    object["errors"] = report.content_errors;
    object["metadata_warnings"] = report.metadata_warnings;
    object["total_duration"] = report.seconds;
    object["dry_run"] = report.dry_run;
    return object;
}

void print_report(Terminal& terminal, const restore::RestoreReport& report, const restore::Backup& backup,
                  const std::string& target) {
    const std::string verb = report.dry_run ? "would restore " : "restored ";
    terminal.result(verb + counted(report.files_restored, "file") + ", " + counted(report.folders, "folder") + " and " +
                    counted(report.others, "other", "others") + ", " + human_size(report.bytes_restored) + ", of " +
                    printable(backup.describe()) + " to " + printable(target) + " in " +
                    human_duration(report.seconds));
    if (report.files_unchanged > 0)
        terminal.result(counted(report.files_unchanged, "file") + " unchanged and left as " +
                        (report.files_unchanged == 1 ? "it is" : "they are"));
    if (report.files_skipped > 0) terminal.result(counted(report.files_skipped, "file") + " there already and skipped");
    if (report.deleted > 0)
        terminal.result((report.dry_run ? "would delete " : "deleted ") + counted(report.deleted, "thing"));
    if (report.files_verified > 0) terminal.result("verified " + counted(report.files_verified, "file"));
    if (report.metadata_warnings > 0) {
        terminal.message(counted(report.metadata_warnings, "thing") +
                         " could not be given its owner, attributes or kind; -v shows which (as root, all can be)");
    }
    if (report.content_errors > 0) terminal.message(counted(report.content_errors, "thing") + " could not be restored");
}

restore::RestoreReport restore_all(Context& context, restore::OpenBackup& open, restore::RestoreRequest& request) {
    for (const auto& [dek, why] : open.missing_keys()) {
        context.terminal().warning("data key " + dek.short_hex() +
                                   " does not open, and what it seals is left out: " + why);
    }
    ShownRestore shown(context);
    request.progress = &shown.progress();
    return restore::restore_files(open, request);
}

ExitCode finish(Terminal& terminal, const restore::RestoreReport& report, const restore::OpenBackup& open,
                const std::string& target, const Json& more) {
    if (terminal.json()) {
        Json object = report_json(report, open.backup(), target);
        object.update(more);
        terminal.object(object);
    } else {
        print_report(terminal, report, open.backup(), target);
    }
    return report.content_errors > 0 || !open.missing_keys().empty() ? ExitCode::incomplete : ExitCode::done;
}

void refuse_for_cluster(const Context& context, const BackupAndPaths& wanted) {
    for (const char* name : {"include", "iinclude", "include-file", "exclude", "iexclude", "exclude-file", "delete",
                             "overwrite", "salvage"}) {
        if (context.options().given(name))
            throw Error(ErrorCode::usage, "--" + std::string(name) + " means nothing for a whole cluster",
                        "to restore files of the base alone, name it by its id and give paths");
    }
    if (!wanted.paths.empty() || wanted.reference.path != "/")
        throw Error(ErrorCode::usage, "a moment of a cluster is restored whole",
                    "to restore files of the base alone, name it by its id and give paths");
}

/// A whole cluster as it was at a moment. Every key of base and logs is opened before anything is written.
ExitCode restore_cluster(Context& context, const BackupAndPaths& wanted, restore::RestoreRequest& request) {
    refuse_for_cluster(context, wanted);
    const Moment moment = find_moment(context, context.catalogue(), wanted.reference.backup);
    const OpenMoment opened = open_moment(context, moment);
    restore::OpenBackup& open = *opened.open;
    require_empty_target(request.target);
    const std::string keys_file = choose_keys_file(context);
    const restore::RestoreReport report = restore_all(context, open, request);
    Terminal& terminal = context.terminal();
    Json more = {
        {"time", to_rfc3339(moment.at())}, {"timeline", moment.path.timeline}, {"logs", moment.path.segments.size()}};
    if (report.dry_run || report.content_errors > 0) return finish(terminal, report, open, request.target, more);
    make_recoverable(context, moment, opened, keys_file, request);
    set_text(more, "keys_file", keys_file);
    const ExitCode code = finish(terminal, report, open, request.target, more);
    terminal.result("recovery replays " + counted(moment.path.segments.size(), "log") + " up to " +
                    (moment.path.target ? "" : "the last one, ") + to_table_time(moment.at()) +
                    "; start the server in it: pg_ctl -D " + printable(request.target) + " start");
    if (moment.path.target && moment.path.beyond.empty()) {
        terminal.message(
            "if PostgreSQL ends with \"recovery ended before configured recovery target was reached\", nothing was "
            "committed after that moment: what is restored without --at is the same");
    }
    terminal.result("the keys of these logs are in " + printable(keys_file) + " until recovery ends");
    return code;
}

/// Whole fingerprints: who vouches for a writer has compared them.
std::set<IdentityId> vouched_writers(Context& context) {
    std::set<IdentityId> vouched;
    for (const std::string& text : context.options().list("trust-writer")) {
        const auto writer = IdentityId::parse(text);
        if (!writer)
            throw Error(ErrorCode::usage, "--trust-writer takes a whole fingerprint, 64 digits: " + printable(text),
                        "signet keyring show prints it on the host that made the backup");
        vouched.insert(*writer);
        context.terminal().warning("writer " + writer->hex() +
                                   " is believed where an officer's journal is broken: --trust-writer");
    }
    return vouched;
}

ExitCode run(Context& context) {
    const BackupAndPaths wanted = backup_and_paths(context.arguments());
    restore::RestoreRequest request = request_of(context, wanted);
    connect_to_terminal(context.terminal(), request);
    const bool is_part = !wanted.paths.empty() || wanted.reference.path != "/";
    const bool is_by_id = wanted.reference.backup != "latest";
    if (is_by_id) refuse_rules_beside_id(context, wanted.reference);
    if (!request.salvage && context.options().given("trust-writer"))
        throw Error(ErrorCode::usage, "--trust-writer is for --salvage alone",
                    "who is trusted otherwise is an officer's to say: signet keyring trust");
    if (request.salvage) {
        restore::CatalogueOptions options;
        options.beyond_damage = true;
        options.vouched = vouched_writers(context);
        (void)context.load_catalogue(std::move(options));
    }
    if (!(is_by_id && is_part) && is_of_logs(context, context.catalogue(), wanted.reference.backup))
        return restore_cluster(context, wanted, request);
    // Every key first: nothing is written while one is missing.
    const auto open = context.open(choose(context, wanted.reference), request.salvage);
    context.forget_catalogue();
    const restore::RestoreReport report = restore_all(context, *open, request);
    return finish(context.terminal(), report, *open, request.target, Json::object());
}

}  // namespace

Command restore_command() {
    Command command;
    command.name = "restore";
    command.synopsis = "[BACKUP|latest[:PATH]] -t DIR [PATH…] [--at T] [--series S]";
    command.summary = "restore a backup, or a part of it";
    command.description =
        "Restores to below DIR, at the paths where things were: /etc/fstab goes to DIR/etc/fstab. With "
        "BACKUP:/sub/path that folder becomes DIR. Further paths, --include and --exclude choose parts.\n\n"
        "Before a byte is written, every data key that the backup needs is really opened; when a protector is "
        "missing, nothing is created, the exit code is 13, and the report says which protectors are missing, for "
        "which time they are needed, and what can be restored without them. Only backups of trusted writers are "
        "accepted (17).\n\n"
        "A series with logs (signet log push) is restored to any moment: the newest base before it and the logs after "
        "that. "
        "A gap, a moment before the base was complete or after the last log is refused before a byte is written, and "
        "the "
        "message names the last moment that can be reached; latest is that moment. DIR becomes the cluster, with the "
        "settings "
        "that make PostgreSQL replay the logs when it is started, and with archive_mode = off.\n\n"
        "With --salvage, what opens is restored and everything else is named, with exit code 3. What is left of packs "
        "that were cut off or set aside as damaged is read, and chunks of lost packs are looked for in everything else "
        "that their writer has stored. A backup behind damage in its writer's journal is had by its id.\n\n"
        "While an officer's journal is broken nobody knows who is trusted, and nothing is restored. With --salvage and "
        "an id, --trust-writer vouches for a host whose fingerprint you know.\n\n"
        "As root, owners, setuid bits, devices, sockets and security attributes come back; --plain leaves them out. "
        "As another user, what the system refuses is counted and said. Holes are always restored.\n\n"
        "What is to be written is compared first with what is free in DIR (not with --sparse, whose holes are not "
        "known "
        "before): when it does not fit, nothing is written (1), and --no-space-check tries all the same.";
    command.options = with_selection({
        {.name = "target",
         .letter = 't',
         .takes = Takes::one,
         .value_name = "DIR",
         .help = "where to; made when it is not there"},
        {.name = "at",
         .takes = Takes::one,
         .value_name = "T",
         .help = "the newest backup not after this, or what logs lead to; latest: the end of the logs"},
        {.name = "include", .letter = 'i', .takes = Takes::many, .value_name = "PATTERN", .help = "only what matches"},
        {.name = "iinclude",
         .takes = Takes::many,
         .value_name = "PATTERN",
         .help = "the same, whatever the case of letters"},
        {.name = "include-file", .takes = Takes::many, .value_name = "FILE", .help = "patterns, one a line"},
        {.name = "exclude",
         .letter = 'e',
         .takes = Takes::many,
         .value_name = "PATTERN",
         .help = "leave out what matches"},
        {.name = "iexclude",
         .takes = Takes::many,
         .value_name = "PATTERN",
         .help = "the same, whatever the case of letters"},
        {.name = "exclude-file", .takes = Takes::many, .value_name = "FILE", .help = "patterns, one a line"},
        {.name = "overwrite",
         .takes = Takes::one,
         .value_name = "WHEN",
         .help = "always (as when nothing is said), if-changed or never"},
        {.name = "delete", .help = "delete what is in DIR and not in the backup"},
        {.name = "verify", .help = "read everything back and compare"},
        {.name = "sparse", .help = "make holes of zeros too"},
        {.name = "plain", .help = "no owners, setuid bits, devices, sockets and security attributes"},
        {.name = "ownership-by-name",
         .help = "owners and groups by name where this host knows the name, else by number"},
        {.name = "salvage", .help = "restore what opens, list what does not, exit code 3"},
        {.name = "trust-writer",
         .takes = Takes::many,
         .value_name = "FINGERPRINT",
         .help = "with --salvage: believe this writer although an officer's journal is broken"},
        {.name = "no-space-check", .help = "begin even if DIR seems to have no room for it"},
        checkpoint_option(),
    });
    for (OptionSpec& option : recovery_options()) command.options.push_back(std::move(option));
    command.arguments = {"backup", 0, Arguments::kAnyNumber};
    command.examples = {{"signet restore latest -t /mnt/restore", "Everything"},
                        {"signet restore latest -t /tmp/out /home/anna/letters", "One folder"},
                        {"signet restore --series prod-db --at '2026-03-14 09:30' -t /mnt/db", "To a moment"},
                        {"signet restore latest:/etc -t /etc --overwrite if-changed -n", "What would change"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
