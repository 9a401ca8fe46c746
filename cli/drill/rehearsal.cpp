#include "cli/drill/rehearsal.h"

#include "cli/backup_view.h"
#include "cli/child.h"
#include "cli/drill/source_comparison.h"
#include "cli/log_series.h"
#include "cli/recovery.h"
#include "cli/restore_progress.h"
#include "cli/signals.h"
#include "restore/extractor.h"

#include <unistd.h>
#include <algorithm>
#include <chrono>

namespace signet::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds(SteadyClock::duration span) { return std::chrono::duration<double>(span).count(); }

/// A secret of a moment that must not outlive the drill.
class KeysFile {
public:
    explicit KeysFile(std::string path) : path_(std::move(path)) {}
    KeysFile(const KeysFile&) = delete;
    KeysFile& operator=(const KeysFile&) = delete;
    ~KeysFile() {
        if (!path_.empty()) (void)::unlink(path_.c_str());
    }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

class Rehearsal {
public:
    Rehearsal(Context& context, const DrillTarget& target, const RehearsalOptions& options, const DrillScratch& scratch)
        : context_(context), target_(target), options_(options), scratch_(scratch), folder_(scratch.restored()) {}

    DrillCase run() {
        describe();
        try {
            work();
            result_.passed = true;
            result_.stage.clear();
        } catch (const restore::KeyUnavailable& error) {
            if (!context_.terminal().json()) context_.terminal().block("signet: " + with_feed(error.plan().text()));
            fail(error);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::interrupted || interrupted().load()) throw;
            fail(error);
        }
        return std::move(result_);
    }

private:
    static std::string with_feed(std::string text) {
        if (text.empty() || text.back() != '\n') text += '\n';
        return text;
    }

    void describe() {
        result_.series = target_.series;
        result_.series_id = target_.series_id;
        result_.loss_seconds = target_.loss_seconds;
        if (target_.backup == nullptr) return;
        result_.backup = target_.backup->id.hex();
        result_.kind = std::string(kind_text(target_.backup->fields->kind));
        result_.time = to_rfc3339(target_.moment ? target_.moment->at() : target_.backup->time());
        if (target_.moment) result_.logs = target_.moment->path.segments.size();
    }

    void fail(const Error& error) {
        result_.reason = error.what();
        result_.code = static_cast<int>(exit_code_of(error.code()));
        finish_clock();
    }

    /// Until it could be used; comparing with the source is no part of a recovery.
    void finish_clock() { result_.recovery_seconds = seconds(SteadyClock::now() - started_) - result_.compare_seconds; }

    void work() {
        result_.stage = "choose";
        if (target_.refusal) throw *target_.refusal;
        result_.stage = "plan";
        restore::Plan plan = make_plan();
        result_.plan_seconds = seconds(SteadyClock::now() - started_);
        if (!plan.restorable) throw restore::KeyUnavailable(std::move(plan));
        if (target_.moment && options_.sample)
            throw Error(ErrorCode::usage, "a moment of a cluster is restored whole: no --sample with it");
        result_.stage = "keys";
        open();
        result_.keys_seconds = seconds(SteadyClock::now() - started_) - result_.plan_seconds;
        note_openers();
        require_not_its_source();
        result_.stage = "restore";
        const KeysFile keys_file(target_.moment ? choose_keys_file(context_) : std::string());
        if (target_.moment) scratch_.note_keys_file(keys_file.path());
        restore(keys_file.path());
        result_.stage = "compare";
        if (options_.compare_source) compare();
        result_.stage = "check";
        if (options_.check_command) check(*options_.check_command);
        finish_clock();
    }

    restore::Plan make_plan() {
        return target_.moment ? plan_moment(context_.planner(), *target_.moment)
                              : context_.planner().plan(*target_.backup);
    }

    void open() {
        if (target_.moment)
            moment_ = open_moment(context_, *target_.moment);
        else
            backup_ = context_.open(*target_.backup);
    }

    [[nodiscard]] restore::OpenBackup& opened() { return moment_ ? *moment_->open : *backup_; }

    /// Those that a plan counts on now that every data key was opened: the ones that did it.
    void note_openers() {
        for (const restore::RequiredProtector& one : make_plan().required) {
            if (one.usable) result_.opened_by.push_back(one.report.thumbprint.text());
        }
    }

    /// Names may be known only now.
    void require_not_its_source() {
        const auto labels = format::open_labels(*target_.backup->entry, opened().body().keys.label_key);
        if (labels) require_not_live(folder_, {labels->paths, {}});
    }

    restore::RestoreRequest request() {
        restore::RestoreRequest request;
        request.target = folder_;
        request.verify = true;
        request.jobs = context_.jobs();
        request.interrupted = &interrupted();
        request.on_problem = [this](const std::string& path, const std::string& what) {
            context_.terminal().problem(path, what, "drill");
        };
        request.on_warning = [this](const std::string& path, const std::string& what) {
            if (context_.terminal().verbosity() >= 1) context_.terminal().warning(path, what);
        };
        if (options_.sample) request.paths = sample_files(opened(), *options_.sample, &interrupted());
        return request;
    }

    /// That a server would come to the moment: the logs that it replays are read here, as it would.
    void prove_recovery(const std::string& keys_file, const restore::RestoreRequest& wanted) {
        make_recoverable(context_, *target_.moment, *moment_, keys_file, wanted);
        const restore::LogPath& path = target_.moment->path;
        std::vector<const restore::Log*> logs = path.histories;
        logs.insert(logs.end(), path.segments.begin(), path.segments.end());
        (void)read_through(context_, std::move(logs), [&](const restore::LogEpoch& epoch) -> const format::DataKey& {
            return moment_->keys.key(epoch.fields.dek);
        });
    }

    void restore(const std::string& keys_file) {
        restore::RestoreRequest wanted = request();
        ShownRestore shown(context_);
        wanted.progress = &shown.progress();
        const SteadyClock::time_point begun = SteadyClock::now();
        const restore::RestoreReport report = restore::restore_files(opened(), wanted);
        if (target_.moment && report.content_errors == 0) prove_recovery(keys_file, wanted);
        result_.restore_seconds = seconds(SteadyClock::now() - begun);
        if (const auto first = shown.progress().first_content())
            result_.first_byte_seconds = seconds(*first - started_);
        result_.files = report.files_restored;
        result_.folders = report.folders;
        result_.others = report.others;
        result_.bytes = report.bytes_restored;
        result_.verified = report.files_verified;
        result_.lost_metadata = report.metadata_warnings;
        if (report.content_errors > 0) {
            throw Error(ErrorCode::damaged, counted(report.content_errors, "thing") + " could not be restored as " +
                                                (report.content_errors == 1 ? "it was" : "they were"));
        }
        if (report.files_verified < report.files_restored)
            throw Error(ErrorCode::failed, "not every file that was restored was read back");
    }

    void compare() {
        const SteadyClock::time_point begun = SteadyClock::now();
        const SourceComparison found = compare_with_source(folder_, interrupted(), [this](const std::string& path) {
            context_.terminal().problem(path, "differs from its source, which has the same size and time", "drill");
        });
        result_.compare_seconds = seconds(SteadyClock::now() - begun);
        result_.compared = found.same + found.different;
        result_.changed = found.changed;
        result_.different = found.different;
        if (found.different > 0) {
            throw Error(ErrorCode::damaged,
                        counted(found.different, "file") +
                            (found.different == 1 ? " differs from its source" : " differ from their sources"));
        }
    }

    ChildEnd run_check(const std::string& command) {
        try {
            return run_shell_until(interrupted(), "cd -- \"$SIGNET_DRILL_DIR\" || exit 126\n" + command,
                                   {{"SIGNET_DRILL_DIR", folder_},
                                    {"SIGNET_DRILL_SERIES", target_.series},
                                    {"SIGNET_DRILL_BACKUP", result_.backup},
                                    {"SIGNET_DRILL_TIME", result_.time}},
                                   options_.check_limit);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::failed) throw;
            result_.check = error.what();
            throw Error(ErrorCode::failed, "the check command " + result_.check,
                        "--check-timeout says how long it may take");
        }
    }

    void check(const std::string& command) {
        const SteadyClock::time_point begun = SteadyClock::now();
        const ChildEnd end = run_check(command);
        result_.check_seconds = seconds(SteadyClock::now() - begun);
        stop_if_interrupted();
        result_.check = end.ok() ? "passed" : end.text();
        if (!end.ok()) throw Error(ErrorCode::failed, "the check command ended with " + end.text());
    }

    Context& context_;
    const DrillTarget& target_;
    const RehearsalOptions& options_;
    const DrillScratch& scratch_;
    const std::string folder_;
    const SteadyClock::time_point started_ = SteadyClock::now();
    std::optional<OpenMoment> moment_;
    std::unique_ptr<restore::OpenBackup> backup_;
    DrillCase result_;
};

}  // namespace

DrillCase rehearse(Context& context, const DrillTarget& target, const RehearsalOptions& options,
                   const DrillScratch& scratch) {
    return Rehearsal(context, target, options, scratch).run();
}

}  // namespace signet::cli
