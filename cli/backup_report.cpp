#include "cli/backup_report.h"

namespace signet::cli {
namespace {

double seconds_of(const backup::BackupReport& report) {
    return static_cast<double>(report.finished.ns - report.started.ns) / static_cast<double>(kNsPerSecond);
}

std::string three(std::uint64_t added, std::uint64_t changed, std::uint64_t same) {
    return std::to_string(added) + " new, " + std::to_string(changed) + " changed, " + std::to_string(same) +
           " unmodified";
}

}  // namespace

std::optional<restore::Checkpoint> checkpoint_of(const RepositoryId& repository, const backup::BackupReport& report) {
    if (!report.backup) return std::nullopt;
    return restore::Checkpoint{repository, report.writer, report.committed.sequence, report.committed.entry,
                               report.signed_at};
}

Json backup_json(const backup::BackupReport& report, const std::optional<restore::Checkpoint>& checkpoint, bool dry_run,
                 bool trusted) {
    Json object = {{"message_type", "summary"},
                   {"backup_id", report.backup ? Json(report.backup->hex()) : Json(nullptr)}};
    set_text(object, "series", report.series);
    object["files_new"] = report.files_new;
    object["files_changed"] = report.files_changed;
    object["files_unmodified"] = report.files_unmodified;
    object["dirs_new"] = report.dirs_new;
    object["dirs_changed"] = report.dirs_changed;
    object["dirs_unmodified"] = report.dirs_unmodified;
    object["data_added"] = report.data_added;
    object["data_added_packed"] = report.data_added_packed;
    object["total_files_processed"] = report.total_files_processed;
    object["total_bytes_processed"] = report.total_bytes_processed;
    object["total_duration"] = seconds_of(report);
    object["backup_start"] = to_rfc3339(report.started);
    object["backup_end"] = to_rfc3339(report.finished);
    object["dek_id"] = report.backup ? Json(report.dek.hex()) : Json(nullptr);
    object["protector_thumbprint"] = report.protectors.empty() ? Json(nullptr) : Json(report.protectors.front().text());
    object["dry_run"] = dry_run;
    object["errors"] = report.errors;
    object["skipped_unchanged"] = report.skipped_unchanged;
    object["trusted"] = trusted;
    object["checkpoint"] = checkpoint ? Json(checkpoint->line()) : Json(nullptr);
    return object;
}

void print_backup(Terminal& terminal, const backup::BackupReport& report,
                  const std::optional<restore::Checkpoint>& checkpoint, bool dry_run) {
    if (dry_run) terminal.result("dry run: nothing was stored; a backup would be this");
    terminal.result("series   " + printable(report.series));
    terminal.result("files    " + three(report.files_new, report.files_changed, report.files_unmodified));
    terminal.result("folders  " + three(report.dirs_new, report.dirs_changed, report.dirs_unmodified));
    terminal.result((dry_run ? "would add " : "added    ") + human_size(report.data_added) + ", stored as " +
                    human_size(report.data_added_packed));
    terminal.result("read     " + counted(report.total_files_processed, "file") + ", " +
                    human_size(report.total_bytes_processed) + " in " + human_duration(seconds_of(report)));
    if (report.errors > 0) {
        terminal.result("errors   " + counted(report.errors, "thing") +
                        " could not be read, or changed while being read; each is named above");
    }
    if (report.backup) {
        terminal.result("backup   " + report.backup->short_hex(8));
        if (checkpoint && terminal.verbosity() >= 1) terminal.result(checkpoint->line());
    } else if (report.skipped_unchanged) {
        terminal.result("nothing changed since the last backup, and none was made");
    }
}

ProgressState progress_state(const backup::Progress& progress) {
    ProgressState state;
    state.files_done = progress.files_done.load();
    state.files_total = progress.files_seen.load();
    state.bytes_done = progress.bytes_done.load();
    state.bytes_total = progress.bytes_total.load();
    state.errors = progress.errors.load();
    state.total_known = progress.scan_finished.load();
    state.current = progress.current();
    return state;
}

}  // namespace signet::cli
