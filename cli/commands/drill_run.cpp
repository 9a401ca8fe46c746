#include "cli/drill/commands.h"
#include "cli/drill/evidence.h"
#include "cli/drill/proving.h"
#include "cli/drill/rehearsal.h"
#include "cli/drill/report_files.h"
#include "cli/drill/selecting.h"
#include "cli/drill/starting.h"
#include "cli/drill/summary.h"
#include "cli/places.h"
#include "cli/signals.h"
#include "core/crypto/digest.h"

#include <algorithm>
#include <chrono>

namespace signet::cli {
namespace {

/// What was asked for, checked before anything is done.
struct Wanted {
    DrillSelect select = DrillSelect::latest;
    RehearsalOptions rehearsal;
    std::vector<std::pair<std::string, double>> objectives;  ///< name, seconds
    std::string keys;
    std::string report_folder;
};

Wanted wanted_of(const Context& context) {
    const Options& options = context.options();
    Wanted wanted;
    wanted.select = parse_drill_select(options.text_or("select", "latest"));
    if (const auto sample = options.text("sample")) wanted.rehearsal.sample = parse_drill_sample(*sample);
    const std::string compare = options.text_or("compare", "digest");
    if (compare != "digest" && compare != "source")
        throw Error(ErrorCode::usage, "--compare is digest or source: " + compare);
    wanted.rehearsal.compare_source = compare == "source";
    wanted.rehearsal.check_command = options.text("check-command");
    if (wanted.rehearsal.check_command && wanted.rehearsal.check_command->empty())
        throw Error(ErrorCode::usage, "--check-command is empty", "an empty command checks nothing, and always passes");
    if (const auto span = options.text("check-timeout"))
        wanted.rehearsal.check_limit = std::chrono::nanoseconds(parse_span(*span));
    for (const char* name : {"rto", "rpo"}) {
        if (const auto span = options.text(name))
            wanted.objectives.emplace_back(name,
                                           static_cast<double>(parse_span(*span)) / static_cast<double>(kNsPerSecond));
    }
    if (wanted.rehearsal.sample && options.given("rto"))
        throw Error(ErrorCode::usage, "--sample and --rto cannot be given together",
                    "how long a part takes says nothing of the whole: leave one of them out");
    (void)time_option(context, "at");
    (void)context.repository_location();
    wanted.keys = drill_keys(context);
    wanted.report_folder = options.text_or("report-dir", "");
    return wanted;
}

/// The paths that backups are known to be made of. What cannot be read now is said by the drill itself.
std::vector<std::string> known_sources(Context& context) {
    std::vector<std::string> sources;
    try {
        const restore::Catalogue catalogue = context.look_again();
        for (const restore::Backup& backup : catalogue.backups()) {
            if (!backup.labels) continue;
            for (const std::string& path : backup.labels->paths) {
                if (std::find(sources.begin(), sources.end(), path) == sources.end()) sources.push_back(path);
            }
        }
    } catch (const Error& error) {
        if (error.code() == ErrorCode::interrupted) throw;
    }
    return sources;
}

LivePlaces live_places(Context& context, const std::string& evidence) {
    LivePlaces live;
    live.sources = known_sources(context);
    live.stores = {context.repository_location(), evidence,
                   absolute_path(context.options().text_or("vault", default_vault()))};
    for (const std::string& folder : context.options().list("keyring")) live.stores.push_back(absolute_path(folder));
    if (!context.cache_folder().empty()) live.stores.push_back(context.cache_folder());
    return live;
}

DrillRecord begin_record(const Context& context, const Wanted& wanted) {
    const Options& options = context.options();
    DrillRecord record = begin_drill_record(context);
    record.select = options.text_or("select", "latest");
    record.sample = options.text_or("sample", "");
    record.at = options.text_or("at", "");
    record.compare = wanted.rehearsal.compare_source ? "source" : "digest";
    record.without_keys = options.list("without-key");
    record.keys = wanted.keys;
    if (const auto& command = wanted.rehearsal.check_command) {
        // A command line may hold a password; its digest tells whether it was the same one.
        const std::string first = command->substr(0, command->find_first_of(" \t\n;|&<>("));
        record.check = first.find('=') == std::string::npos ? first : "sh";
        record.check_digest = crypto::sha256(as_bytes(*command)).hex();
    }
    return record;
}

/// One drill, from the keys to the evidence.
class Drill {
public:
    Drill(Context& context, const Wanted& wanted, DrillRecord& record, DrillScratch& scratch,
          const DrillEvidences& before)
        : context_(context), wanted_(wanted), record_(record), scratch_(scratch), before_(before) {}

    /// throws  Error{interrupted}
    void run() {
        try {
            work();
            judge();
        } catch (const Error& error) {
            if (error.code() == ErrorCode::interrupted || interrupted().load()) {
                record_.result = drill_result::kInterrupted;
                record_.reason = "interrupted";
                return;
            }
            if (const auto* missing = dynamic_cast<const restore::KeyUnavailable*>(&error))
                context_.terminal().message(missing->plan().reason());
            fail(error.what() + (error.hint().empty() ? std::string() : "; " + error.hint()));
        }
    }

private:
    void fail(const std::string& why) {
        record_.result = drill_result::kFailed;
        if (record_.reason.empty()) record_.reason = why;
    }

    void work() {
        if (wanted_.keys == "nothing") {
            const auto begun = std::chrono::steady_clock::now();
            recover_from_nothing(context_, scratch_);
            record_.recover_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
        }
        record_.repository = context_.repository().config().repository.hex();
        (void)context_.planner();  // a key that nobody knows is no reason of one backup
        const std::vector<DrillTarget> targets = choose_drill_targets(context_, wanted_.select, context_.clock().now());
        if (targets.empty()) throw Error(ErrorCode::usage, "there is no backup to restore");
        for (const DrillTarget& target : targets) {
            stop_if_interrupted();
            context_.terminal().message("restoring " + target.series + " to " + scratch_.restored());
            record_.cases.push_back(rehearse(context_, target, wanted_.rehearsal, scratch_));
            scratch_.remove_restored();
        }
        record_.protectors =
            prove_protectors(context_, targets, record_.cases, proven_by_drills(before_, record_.repository));
    }

    void judge() {
        record_.result = drill_result::kPassed;
        for (const DrillCase& one : record_.cases) {
            if (!one.passed) fail(one.series + " could not be restored as it was: " + one.reason);
        }
        for (const DrillProtector& one : record_.protectors) {
            if (one.status == "does-not-open") fail("protector " + describe(one) + " does not open what it should");
        }
        for (const auto& [name, seconds] : wanted_.objectives) record_.objectives.push_back(measure(name, seconds));
        if (record_.result != drill_result::kPassed) return;
        for (const DrillObjective& one : record_.objectives) {
            if (one.met) continue;
            record_.result = drill_result::kMissed;
            record_.reason = objective_title(one) + " missed";
            return;
        }
    }

    /// The worst of all that was restored. What failed has none.
    [[nodiscard]] DrillObjective measure(const std::string& name, double wanted) const {
        DrillObjective objective;
        objective.name = name;
        objective.wanted_seconds = wanted;
        double worst = 0;
        for (const DrillCase& one : record_.cases) {
            const std::optional<double> value = name == "rpo" ? one.loss_seconds
                                                : one.passed
                                                    ? std::optional(record_.recover_seconds + one.recovery_seconds)
                                                    : std::nullopt;
            if (!value) return objective;
            worst = std::max(worst, *value);
        }
        objective.measured_seconds = worst;
        objective.met = worst <= wanted;
        return objective;
    }

    Context& context_;
    const Wanted& wanted_;
    DrillRecord& record_;
    DrillScratch& scratch_;
    const DrillEvidences& before_;
};

void clean_up(DrillScratch& scratch, DrillRecord& record) {
    const std::string folder = scratch.folder();
    try {
        scratch.clean();
        record.cleaned = true;
    } catch (const std::exception& error) {
        record.left = folder;
        if (record.result != drill_result::kInterrupted) {
            record.result = drill_result::kFailed;
            if (record.reason.empty()) record.reason = std::string("what was restored is still there: ") + error.what();
        }
    }
}

ExitCode code_of(const DrillRecord& record) {
    if (record.result == drill_result::kPassed) return ExitCode::done;
    if (record.result == drill_result::kMissed) return ExitCode::objective_missed;
    return record.result == drill_result::kInterrupted ? ExitCode::interrupted : ExitCode::drill_failed;
}

/// What would be restored, and whether the keys for it are there.
ExitCode rehearse_nothing(Context& context, const Wanted& wanted) {
    if (wanted.keys == "nothing")
        throw Error(ErrorCode::usage, "--dry-run and --from-nothing cannot be given together",
                    "without the keys of the safe there is nothing to plan with");
    bool possible = true;
    Json cases = Json::array();
    for (const DrillTarget& target : choose_drill_targets(context, wanted.select, context.clock().now())) {
        std::string says = target.refusal ? target.refusal->what() : "";
        if (target.backup != nullptr) {
            const restore::Plan plan =
                target.moment ? plan_moment(context.planner(), *target.moment) : context.planner().plan(*target.backup);
            if (!plan.restorable) says = plan.reason();
        }
        possible = possible && says.empty();
        DrillCase one;
        one.series = target.series;
        if (target.backup != nullptr) {
            one.backup = target.backup->id.hex();
            one.time = to_rfc3339(target.moment ? target.moment->at() : target.backup->time());
        }
        context.terminal().result("would restore " + describe(one) + (says.empty() ? "" : ": " + printable(says)));
        cases.push_back({{"backup_id", one.backup}, {"restorable", says.empty()}});
        set_text(cases.back(), "series", one.series);
        set_text(cases.back(), "reason", says);
    }
    if (context.terminal().json())
        context.terminal().object(Json{{"message_type", "summary"}, {"dry_run", true}, {"cases", std::move(cases)}});
    return possible ? ExitCode::done : ExitCode::drill_failed;
}

void require_intact_history(Context& context, const DrillEvidences& before) {
    if (!before.intact())
        context.terminal().warning("the history of drills was edited: " + before.problems.front() +
                                   "; see: signet drill history");
}

ExitCode run(Context& context) {
    const Wanted wanted = wanted_of(context);
    if (context.dry_run()) return rehearse_nothing(context, wanted);
    keyring::Keyring evidence = keyring::Keyring::open(evidence_keyring(context), false, context.clock());
    const keyring::WriterIdentity writer = evidence.writer();
    const DrillEvidences before = load_drills(evidence);
    require_intact_history(context, before);
    DrillScratch scratch =
        DrillScratch::make(context.options().text("target"), live_places(context, evidence.folder()));
    DrillRecord record = begin_record(context, wanted);
    const std::uint64_t intent =
        evidence.audit().intent({"drill", std::nullopt, record.location, "restore into " + scratch.folder()});

    {
        DrillSite site = wanted.keys == "nothing" ? DrillSite(context, scratch) : DrillSite(context);
        Drill(site.context(), wanted, record, scratch, before).run();
    }
    clean_up(scratch, record);
    record.ended = to_rfc3339(context.clock().now());
    record.exit_code = static_cast<int>(code_of(record));
    const DrillEvidence done = append_drill(evidence, writer, record, intent);
    if (!wanted.report_folder.empty()) write_drill_reports(wanted.report_folder, load_drills(evidence), done);
    if (context.terminal().json())
        context.terminal().object(evidence_json(done));
    else
        print_drill(context.terminal(), done);
    if (!record.left.empty())
        context.terminal().warning(record.left + " could not be cleaned up: what was restored is still in it");
    return code_of(record);
}

std::vector<OptionSpec> options() {
    return with_selection({
        {.name = "select",
         .takes = Takes::one,
         .value_name = "WHICH",
         .help = "of each series: latest (as when nothing is said), random, oldest, each-key (for each protector the "
                 "newest backup that it opens), each-month (the newest of each month)"},
        {.name = "at", .takes = Takes::one, .value_name = "T", .help = "as if it were then: the state of that moment"},
        {.name = "sample",
         .takes = Takes::one,
         .value_name = "N|x%",
         .help = "restore so many files, or such a part of them, chosen by chance; 10,000 at most"},
        {.name = "without-key",
         .takes = Takes::many,
         .value_name = "T",
         .help = "as if this protector were lost: the drill passes if all can be restored without it"},
        {.name = "no-default-keyring", .help = "open backups with the keyrings of --keyring alone"},
        {.name = "evidence-keyring",
         .takes = Takes::one,
         .value_name = "DIR",
         .help = "whose writer signs and whose history grows; the host's own when nothing is said"},
        {.name = "from-nothing", .help = "start from the repository and what is in the safe: no keyring, vault, cache"},
        {.name = "officer",
         .takes = Takes::one,
         .value_name = "FINGERPRINT",
         .help = "with --from-nothing: the officer, as the paper in the safe has it"},
        {.name = "recover-command",
         .takes = Takes::one,
         .value_name = "CMD",
         .help = "with --from-nothing: brings the keys of the safe into the empty $SIGNET_KEYRING and $SIGNET_VAULT, "
                 "instead of what keyring recover does"},
        {.name = "compare",
         .takes = Takes::one,
         .value_name = "WITH",
         .help = "digest (as when nothing is said): what was restored with what the backup says; source: with this "
                 "machine's files as well"},
        {.name = "check-command",
         .takes = Takes::one,
         .value_name = "CMD",
         .help = "run in the restored folder: start the database, ask it something, stop it"},
        {.name = "check-timeout",
         .takes = Takes::one,
         .value_name = "SPAN",
         .help = "the check command may take so long: 1h"},
        {.name = "rto", .takes = Takes::one, .value_name = "SPAN", .help = "it must be back within: 30m"},
        {.name = "rpo", .takes = Takes::one, .value_name = "SPAN", .help = "its newest state may be as old as: 26h"},
        {.name = "target",
         .letter = 't',
         .takes = Takes::one,
         .value_name = "DIR",
         .help = "where to restore: an empty folder that nothing else uses; a new one below TMPDIR or /var/tmp when "
                 "nothing is said"},
        {.name = "report-dir",
         .takes = Takes::one,
         .value_name = "DIR",
         .help = "write the evidence there as JSON, JUnit XML, Prometheus text and HTML"},
    });
}

}  // namespace

Command drill_run_command() {
    Command command;
    command.name = "drill run";
    command.synopsis =
        "[--series S] [--select WHICH] [--sample N|x%] [--at T] [--check-command CMD] [--rto SPAN] [--rpo SPAN] "
        "[--target DIR]";
    command.summary = "rehearse a restore, and leave signed evidence of it";
    command.description =
        "Plans, really opens every data key, restores into a scratch folder, reads everything back and compares it, "
        "runs the check command in it, proves every protector that opens any of it by that protector alone, measures, "
        "and removes what it restored, also when it fails or is interrupted. Of each series that --series, --host, "
        "--path and --tag choose (all when nothing is said) it restores what --select says.\n\n"
        "Nothing is written to the repository, and nothing into a folder that is not empty, that backups are made of, "
        "or that backups' folders lie in (17, before anything is done).\n\n"
        "What was found is signed by the writer's key and appended to the history in the keyring (signet drill "
        "history), and signet drill report makes reports of it. The evidence holds no key, no passphrase, no name of a "
        "restored file, and of the check command its first word and the digest of the whole.\n\n"
        "RTO is the time from the beginning until the check command has ended; with --from-nothing also what it took "
        "to get keyring and vault back. RPO is how old the newest state is that could be restored.\n\n"
        "The check command gets SIGNET_DRILL_DIR, SIGNET_DRILL_SERIES, SIGNET_DRILL_BACKUP and SIGNET_DRILL_TIME, and "
        "must end what it starts. Exit code 15 when the drill failed, 16 when an objective was missed.";
    command.options = options();
    command.examples = {
        {"signet drill run", "The newest backup of every series"},
        {"signet drill run --series prod-db --rto 30m --rpo 26h --check-command 'test -s srv/db/base.sql'",
         "With objectives and a check"},
        {"signet drill run --select each-key", "Every protector"},
        {"signet drill run --keyring /media/safe/keyring --no-default-keyring", "With the recovery keyring alone"},
        {"signet drill run --from-nothing --officer 1c5e88a3b2d94f10",
         "With the passphrase and the paper in the safe"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
