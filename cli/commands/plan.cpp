#include "cli/checkpoints.h"
#include "cli/commands/commands.h"
#include "cli/moment.h"
#include "cli/selection.h"
#include "restore/latest.h"

namespace signet::cli {
namespace {

restore::PlanOptions plan_options(Context& context) {
    restore::PlanOptions options;
    options.without_keys = context.options().list("without-key");
    options.as_of = time_option(context, "as-of");
    options.offline = context.options().flag("offline");
    return options;
}

bool is_stretch(const Context& context) { return context.options().given("from") || context.options().given("to"); }

restore::Plan make_plan(Context& context, restore::Planner& planner) {
    const Options& options = context.options();
    if (!is_stretch(context)) {
        const auto reference =
            restore::BackupReference::parse(context.arguments().empty() ? "latest" : context.arguments().front());
        refuse_rules_beside_id(context, reference);
        if (is_of_logs(context, planner.catalogue(), reference.backup))
            return plan_moment(planner, find_moment(context, planner.catalogue(), reference.backup));
        restore::BackupFilter filter = selection(context);
        filter.as_of = time_option(context, "as-of");
        return planner.plan(planner.catalogue().resolve(reference.backup, filter));
    }
    if (!context.arguments().empty())
        throw Error(ErrorCode::usage, "a backup and a stretch of time cannot be given together");
    options.refuse_together({"at", "from"});
    options.refuse_together({"at", "to"});
    restore::BackupFilter filter = selection(context);
    filter.from = time_option(context, "from");
    filter.at = time_option(context, "to");
    if (filter.from && filter.at && *filter.at < *filter.from) throw Error(ErrorCode::usage, "--to is before --from");
    return planner.plan(filter, find_logs(context, planner.catalogue()));
}

/// Why restores into a stretch are refused whatever keys there are: what its end is refused for first, which is said of
/// what cannot be read too.
std::vector<std::string> take_refusals(Context& context, const restore::Catalogue& catalogue, restore::Plan& plan,
                                       ExitCode& code) {
    if (!is_stretch(context)) return {};
    restore::BackupFilter filter = selection(context);
    filter.at = time_option(context, "to");
    filter.as_of = time_option(context, "as-of");
    std::vector<std::string> reasons = restore::exclude_refused(plan, catalogue, filter);
    if (!reasons.empty() && code == ExitCode::done) code = ExitCode::refused;
    if (const auto refusal = refusal_of_latest(catalogue, filter)) {
        code = exit_code_of(refusal->code());
        reasons.insert(reasons.begin(), refusal_text(*refusal, filter.at));
    }
    return reasons;
}

ExitCode run(Context& context) {
    restore::Planner planner(context.headers(), context.repository(), context.resolver(), plan_options(context));
    restore::Plan plan = make_plan(context, planner);
    ExitCode code = plan.restorable ? ExitCode::done : ExitCode::key_unavailable;
    const std::vector<std::string> refusals = take_refusals(context, planner.catalogue(), plan, code);
    Terminal& terminal = context.terminal();
    if (const std::string tail = restore::unproven_tails(planner.catalogue()); !tail.empty())
        plan.warnings.push_back(tail);
    std::string text;
    if (terminal.json()) {
        plan.warnings.insert(plan.warnings.begin(), refusals.begin(), refusals.end());
        plan.restorable = plan.restorable && refusals.empty();
        text = plan.json();
    } else {
        for (const std::string& refusal : refusals) text += printable(refusal) + "\n";
        text += (refusals.empty() ? "" : "\n") + printable_lines(plan.text());
    }
    if (text.back() != '\n') text += '\n';
    terminal.raw(as_bytes(text));
    return code;
}

}  // namespace

Command plan_command() {
    Command command;
    command.name = "plan";
    command.synopsis =
        "[BACKUP|latest] [--series S] [--at T | --from T --to T] [--without-key T]… [--as-of T] [--offline]";
    command.summary = "say which keys a restore needs, and which of them are missing";
    command.description =
        "Computed from public headers alone: no data is read, no key is used, no passphrase is asked for. Says which "
        "protectors a restore to a moment (or to any moment of a stretch of time) needs, what state each is in, for "
        "which time it is needed, and what can be restored without those that are missing. Exit code 13 when the "
        "restore is not possible; 14 or 17 when a restore to that moment, or to some of that stretch, is refused "
        "whatever keys there are.\n\n"
        "T is RFC 3339, a date, \"2026-03-14 09:30\", or a time ago such as -2d.";
    command.options = with_selection({
        {.name = "at",
         .takes = Takes::one,
         .value_name = "T",
         .help = "the newest backup not after this, or what logs lead to; latest: the end of the logs"},
        {.name = "from", .takes = Takes::one, .value_name = "T", .help = "any moment from here"},
        {.name = "to", .takes = Takes::one, .value_name = "T", .help = "to here"},
        {.name = "without-key",
         .takes = Takes::many,
         .value_name = "T",
         .help = "as if this protector were lost: name, NAME/VERSION or thumbprint; may be repeated"},
        {.name = "as-of",
         .takes = Takes::one,
         .value_name = "T",
         .help = "as the repository stood then, or as dates will have it"},
        {.name = "offline", .help = "ask no vault: what the keyring remembers decides"},
        timeline_option(),
        checkpoint_option(),
    });
    command.arguments = {"backup", 0, 1};
    command.examples = {{"signet plan", "Could the newest backup be restored now?"},
                        {"signet plan --series prod-db --at '2026-03-14 09:30'", "To a moment"},
                        {"signet plan --without-key prod-2025", "What if that key were lost?"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
