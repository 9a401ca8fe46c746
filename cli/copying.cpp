#include "cli/copying.h"

#include "cli/officer.h"
#include "cli/progress.h"
#include "cli/replicas.h"
#include "cli/signals.h"
#include "format/config.h"
#include "keyring/policy_check.h"
#include "keyring/wrapping.h"
#include "restore/prune.h"

#include <algorithm>

namespace signet::cli {
namespace {

ProgressState progress_state(const storage::CopyProgress& progress) {
    ProgressState state;
    state.files_done = progress.objects_done;
    state.files_total = progress.objects_total;
    state.bytes_done = progress.bytes_done;
    state.bytes_total = progress.bytes_total;
    state.errors = progress.problems;
    state.total_known = progress.total_known;
    return state;
}

std::vector<IdentityId> officers_of(const storage::Repository& source, const keyring::Officers& officers) {
    std::vector<IdentityId> identities = {source.config().officer};
    for (const auto& [identity, entry] : officers.newest) {
        if (identity != identities.front()) identities.push_back(identity);
    }
    return identities;
}

restore::Catalogue headers_of(Context& context, const storage::Repository& repository) {
    restore::CatalogueOptions options;
    options.remember = false;
    options.headers_only = true;
    options.may_be_behind = true;
    return restore::Catalogue::load(repository, context.keyrings(), options);
}

/// Both places of a copy. Either may be behind; together they must say all that a keyring has seen.
struct Places {
    restore::Catalogue here;
    std::optional<restore::Catalogue> there;

    /// target  null: there is nothing yet. throws  Error{damaged}: entries that were seen are in neither
    static Places load(Context& context, const storage::Repository& source, const storage::Repository* target) {
        Places places{headers_of(context, source), std::nullopt};
        if (target != nullptr) places.there = headers_of(context, *target);
        std::vector<const restore::Catalogue*> all = {&places.here};
        if (places.there) all.push_back(&*places.there);
        require_seen(context.keyrings(), all);
        return places;
    }
};

bool is_about_objects(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

/// Why a copy is as short as its source: somebody withholds entries that a keyring has seen.
std::optional<Error> what_is_withheld(Context& context, const storage::Repository& source,
                                      const storage::Repository* target) {
    try {
        (void)Places::load(context, source, target);
        return std::nullopt;
    } catch (const Error& error) {
        if (!is_about_objects(error)) throw;
        return error;
    }
}

/// What a copy must not bring back. While damage leaves open which backups count, everything is copied: better too much
/// than too little.
std::set<std::string> only_forgotten(Context& context, const storage::Repository& source,
                                     const storage::Repository* target) {
    try {
        const auto [here, there] = Places::load(context, source, target);
        std::set<std::string> names = restore::only_forgotten_need(here, source, there ? &*there : nullptr);
        names.merge(restore::let_go_names(here));
        if (there) names.merge(restore::let_go_names(*there));
        return names;
    } catch (const Error& error) {
        if (!is_about_objects(error)) throw;
        context.terminal().warning(
            "which backups are forgotten cannot be known, so what was shredded in one place and is there in the other "
            "is copied as well: " +
            std::string(error.what()));
        return {};
    }
}

storage::CopyReport copy_objects(Context& context, const storage::Repository& source, const storage::Repository* target,
                                 const keyring::Officers& officers) {
    storage::CopyOptions options;
    options.dry_run = context.dry_run();
    if (context.jobs() > 0) options.workers = context.jobs();
    options.officers = officers_of(source, officers);
    options.officers_only = officers.doubt.has_value();
    options.left_out = [&] { return only_forgotten(context, source, target); };
    options.stop = [] { return interrupted().load(); };
    storage::CopyProgress progress;
    options.progress = &progress;
    const ProgressPolicy policy = progress_policy(context.terminal(), context.options().flag("progress"));
    const ProgressReporter reporter(context.terminal(), policy, [&] { return progress_state(progress); });
    return storage::copy_repository(source, target, options);
}

/// Every data key that a trusted backup needs gets a slot under the default of the target's region.
restore::RewrapReport add_slots(Context& context, const storage::Repository& target,
                                const keyring::ProtectorRegion& region) {
    restore::CatalogueOptions catalogue_options;
    catalogue_options.remember = false;
    catalogue_options.tolerate_rollback = true;  // a copy may be behind what the keyring has seen of the primary
    catalogue_options.notice = [&](const std::string& sentence) { context.terminal().warning(sentence); };
    const auto catalogue = restore::Catalogue::load(target, context.keyrings(), catalogue_options);
    catalogue.require_no_doubt();
    std::vector<const restore::Backup*> backups;
    for (const restore::Backup& backup : catalogue.backups()) {
        if (backup.trusted) backups.push_back(&backup);
    }
    restore::Planner planner(catalogue, target, context.resolver());
    keyring::ProvenSlots proven = context.proven_slots(target.config().repository);
    restore::RewrapOptions options;
    const auto& said = catalogue.trust().policy();
    const keyring::Policy policy = said ? keyring::Policy::from_values(said->values) : keyring::Policy{};
    keyring::Wrapping wrapping = wrapping_for(policy, context.keyring(), context.resolver(), target.config(), region);
    for (const std::string& warning : wrapping.warnings) context.terminal().warning(warning);
    require_unfenced(policy, context.keyring(), wrapping.protectors);
    options.protectors = std::move(wrapping.protectors);
    options.proven = &proven;
    for (const restore::LogEpoch& epoch : catalogue.log_epochs()) {
        if (epoch.trusted && !epoch.is_released()) options.logs.push_back(&epoch);
    }
    options.stop = [] { return interrupted().load(); };
    return restore::rewrap(target, planner, context.resolver(), backups, options);
}

bool is_damage(const storage::CopyProblem& problem) { return problem.error.code() != ErrorCode::io; }

}  // namespace

CopyResult copy_to(Context& context, const storage::Repository& source, const storage::Repository* target,
                   const std::string& place) {
    const keyring::Officers officers = load_officers(context, source);
    CopyResult result{source.store().location(), place, copy_objects(context, source, target, officers), officers.doubt,
                      std::nullopt};
    Terminal& terminal = context.terminal();
    // What is broken in an officer's journal says so itself.
    if (!result.doubt) result.doubt = what_is_withheld(context, source, target);
    if (result.doubt) terminal.problem("journals", result.doubt->what(), "copy");
    for (const storage::CopyProblem& problem : result.report.problems)
        terminal.problem(problem.object, problem.error.what(), "copy");
    stop_if_interrupted();
    if (context.dry_run() || context.options().flag("no-rewrap")) return result;
    const std::string location = canonical_location(target->store());
    const keyring::ReplicaPlace* known = context.keyring().replica_at(location);
    if (known == nullptr || known->repository != target->config().repository) return result;
    const keyring::ProtectorRegion region = known->region;
    result.slots = add_slots(context, *target, region);
    for (const Error& error : result.slots->broken) terminal.problem("slots", error.what(), "copy");
    stop_if_interrupted();
    return result;
}

void create_like(storage::Store& store, const storage::Repository& source) {
    if (!store.list("journal/").empty()) {
        throw Error(ErrorCode::refused,
                    store.location() + " holds journals, but no " + std::string(format::kConfigName),
                    "a repository lost it; name an empty place");
    }
    storage::Repository::create(store, source.config());
}

Json copy_json(const CopyResult& result, bool dry_run) {
    Json problems = Json::array();
    for (const storage::CopyProblem& problem : result.report.problems)
        problems.push_back({{"object", problem.object}, {"message", problem.error.what()}});
    Json json = {{"message_type", "summary"}};
    set_text(json, "source", result.source);
    set_text(json, "target", result.target);
    json.update(Json{{"objects_copied", result.report.objects},
                     {"bytes_copied", result.report.bytes},
                     {"entries_copied", result.report.entries},
                     {"objects_present", result.report.present},
                     {"entries_ahead", result.report.ahead},
                     {"objects_left_out", result.report.left_out},
                     {"entries_withheld", result.report.withheld},
                     {"problems", std::move(problems)},
                     {"doubt", result.doubt ? Json(result.doubt->what()) : Json(nullptr)},
                     {"slots_added", result.slots ? Json(result.slots->slots_added) : Json(nullptr)},
                     {"deks_without_slot", result.slots ? Json(result.slots->failures.size()) : Json(nullptr)},
                     {"dry_run", dry_run}});
    return json;
}

void print_copy(Terminal& terminal, const CopyResult& result, bool dry_run) {
    const storage::CopyReport& report = result.report;
    terminal.result((dry_run ? "would copy " : "copied ") + counted(report.objects, "object") + " (" +
                    counted(report.entries, "entry", "entries") + " among them), " + human_size(report.bytes) + "; " +
                    counted(report.present, "object") + (report.present == 1 ? " was" : " were") + " there");
    if (report.ahead > 0) {
        terminal.result("the target has " + counted(report.ahead, "entry", "entries") +
                        " that the source lacks; to bring them over, copy the other way");
    }
    if (report.left_out > 0) {
        terminal.result(counted(report.left_out, "object") + (report.left_out == 1 ? " was" : " were") +
                        " left out: only forgotten backups need " + (report.left_out == 1 ? "it" : "them"));
    }
    if (report.withheld > 0) terminal.result(counted(report.withheld, "entry", "entries") + " were not copied");
    if (result.slots && result.slots->slots_added > 0)
        terminal.result("added " + counted(result.slots->slots_added, "slot") + " for the replica's protectors");
}

void require_complete(const CopyResult& result) {
    const auto& problems = result.report.problems;
    if (result.doubt || std::any_of(problems.begin(), problems.end(), is_damage)) {
        throw Error(ErrorCode::damaged, "some objects were not copied, as said above; the others are there",
                    "signet check says which backups they touch");
    }
    if (!problems.empty()) {
        throw Error(ErrorCode::io,
                    counted(problems.size(), "object") + " could not be read, and " +
                        (problems.size() == 1 ? "was" : "were") + " not copied",
                    "run this again");
    }
    if (result.slots && !result.slots->broken.empty()) {
        throw Error(ErrorCode::damaged,
                    "everything was copied, but " + counted(result.slots->broken.size(), "backup") +
                        " got no slots for the replica's protectors, as said above",
                    "bring back what is missing; signet check names all of it");
    }
    if (!result.slots || result.slots->failures.empty()) return;
    const auto& failures = result.slots->failures;
    const bool is_missing = std::any_of(failures.begin(), failures.end(), [](const auto& failure) {
        return failure.second.code() == ErrorCode::key_unavailable;
    });
    throw Error(is_missing ? ErrorCode::key_unavailable : ErrorCode::damaged,
                "everything was copied, but " + counted(failures.size(), "data key") +
                    " cannot be opened by the replica's protectors, and by none at hand that could add a slot: " +
                    failures.front().second.what(),
                "name a keyring that opens them behind the first: -k REPLICA -k PRIMARY");
}

OptionSpec no_rewrap_option() {
    return {.name = "no-rewrap", .help = "add no slots for the replica's protectors: then no key is needed"};
}

}  // namespace signet::cli
