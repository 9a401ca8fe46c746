#include "cli/drill/commands.h"
#include "cli/drill/evidence.h"
#include "cli/drill/report_files.h"
#include "cli/drill/starting.h"
#include "cli/drill/summary.h"
#include "cli/proof.h"
#include "cli/signals.h"
#include "cli/twins.h"
#include "keyring/unreachable_vault.h"

#include <algorithm>
#include <map>
#include <set>

namespace signet::cli {
namespace {

/// The protectors that have a second place to go to: those that were named, else all.
/// throws  Error{refused}: none has, or one that was named has not
std::vector<keyring::Link> links_with_twins(Context& context) {
    std::vector<keyring::Link> chosen;
    const std::vector<std::string>& named = context.arguments();
    if (named.empty()) {
        for (const keyring::Link& link : context.keyring().links()) {
            if (unwrapping_places(link).size() > 1) chosen.push_back(link);
        }
    }
    for (const std::string& reference : named) chosen.push_back(context.keyring().get(reference));
    const auto alone = std::find_if(chosen.begin(), chosen.end(),
                                    [](const keyring::Link& link) { return unwrapping_places(link).size() < 2; });
    if (alone == chosen.end() && !chosen.empty()) return chosen;
    throw Error(
        ErrorCode::refused,
        (chosen.empty() ? std::string("no protector of this keyring has a twin") : alone->name + " has no twin"),
        "link the same key in a second vault: signet keyring link LOCATION --twin-of T");
}

/// From here on nothing answers where these protectors are first. Other versions of a key may be second there.
std::vector<std::string> take_away(Context& context, const std::vector<keyring::Link>& links) {
    std::vector<std::string> places;
    std::map<std::string, std::set<std::string>> away;  ///< versions, by key
    for (const keyring::Link& link : links) {
        const keyring::Location first = unwrapping_places(link).front();
        away[first.without_version().text()].insert(first.text());
        places.push_back(first.public_text());
    }
    for (auto& [key, versions] : away) {
        const keyring::Location location = keyring::Location::parse(key);
        keyring::Vault& behind = context.vaults().at(location);
        context.vaults().replace(location, std::make_unique<keyring::UnreachableVault>(behind, std::move(versions)));
    }
    return places;
}

/// A protector that no backup needs yet: its second place wraps, unwraps and compares.
Proof prove_unused(Context& context, const keyring::Link& link) {
    const keyring::Location twin = unwrapping_places(link).at(1);
    const auto answer = context.vaults().at(twin).test(twin);
    if (!answer.ok()) return {false, true, twin.text() + ": " + answer.detail};
    if (answer.value->thumbprint != link.thumbprint) return {false, true, twin.text() + " is another key"};
    return {true, false, "wrapped and unwrapped by " + twin.public_text()};
}

DrillProtector rehearse(Context& context, const ProtectorNeeds& needs, const keyring::Link& link) {
    const auto need = std::find_if(needs.protectors.begin(), needs.protectors.end(),
                                   [&](const ProtectorNeed& one) { return one.report.thumbprint == link.thumbprint; });
    const Proof proof = need == needs.protectors.end() ? prove_unused(context, link) : prove(context, *need);
    DrillProtector protector;
    protector.thumbprint = link.thumbprint.text();
    protector.name = link.name;
    protector.role = std::string(keyring::text(link.role));
    protector.status = proof.is_proven ? "usable" : "not-usable";
    protector.used = proof.is_proven;
    protector.proven = proof.is_proven;
    protector.note = proof.what;
    if (proof.is_proven) {
        protector.last_proven = to_rfc3339(context.clock().now());
    } else if (link.last_proven) {
        protector.last_proven = to_rfc3339(*link.last_proven);
    }
    return protector;
}

DrillRecord begin_record(const Context& context) {
    DrillRecord record = begin_drill_record(context);
    record.select = drill_select::kFailover;
    record.keys = "keyring";
    record.cleaned = true;  // nothing is written
    return record;
}

void work(Context& context, const std::vector<keyring::Link>& links, DrillRecord& record) {
    record.repository = context.repository().config().repository.hex();
    record.without_places = take_away(context, links);
    const ProtectorNeeds needs = protector_needs(context);
    record.result = drill_result::kPassed;
    for (const keyring::Link& link : links) {
        stop_if_interrupted();
        record.protectors.push_back(rehearse(context, needs, link));
        if (record.protectors.back().proven) continue;
        record.result = drill_result::kFailed;
        if (record.reason.empty())
            record.reason = "the twin of " + link.name + " does not stand in: " + record.protectors.back().note;
    }
}

ExitCode run(Context& context) {
    const std::vector<keyring::Link> links = links_with_twins(context);
    keyring::Keyring evidence = keyring::Keyring::open(evidence_keyring(context), false, context.clock());
    const keyring::WriterIdentity writer = evidence.writer();
    DrillRecord record = begin_record(context);
    const std::uint64_t intent =
        evidence.audit().intent({"drill", std::nullopt, record.location, "as if the first vaults were out of reach"});
    try {
        work(context, links, record);
    } catch (const Error& error) {
        const bool is_interrupted = error.code() == ErrorCode::interrupted;
        record.result = is_interrupted ? drill_result::kInterrupted : drill_result::kFailed;
        record.reason = is_interrupted ? "interrupted" : error.what();
    }
    const ExitCode code = record.passed()                               ? ExitCode::done
                          : record.result == drill_result::kInterrupted ? ExitCode::interrupted
                                                                        : ExitCode::drill_failed;
    record.ended = to_rfc3339(context.clock().now());
    record.exit_code = static_cast<int>(code);
    const DrillEvidence done = append_drill(evidence, writer, record, intent);
    if (const auto folder = context.options().text("report-dir"))
        write_drill_reports(*folder, load_drills(evidence), done);
    if (context.terminal().json())
        context.terminal().object(evidence_json(done));
    else
        print_drill(context.terminal(), done);
    return code;
}

}  // namespace

Command drill_failover_command() {
    Command command;
    command.name = "drill failover";
    command.synopsis = "[T…] [--evidence-keyring DIR] [--report-dir DIR]";
    command.summary = "prove that twins open backups while the first vaults are out of reach";
    command.description =
        "Behaves as if nothing answered where the named protectors, or all that have a twin, are first; then opens one "
        "data key with each, by the way that a restore goes in an outage. One that no backup needs yet wraps and "
        "unwraps. Nothing is restored, and the vaults are left alone.\n\n"
        "What was found is signed and appended to the history of drills, as by signet drill run; signet status "
        "--max-failover-age watches when each twin stood in last. Exit code 15 when one does not.";
    command.options = {{.name = "evidence-keyring",
                        .takes = Takes::one,
                        .value_name = "DIR",
                        .help = "whose writer signs and whose history grows; the host's own when nothing is said"},
                       {.name = "report-dir",
                        .takes = Takes::one,
                        .value_name = "DIR",
                        .help = "write JSON, JUnit, Prometheus and HTML there"}};
    command.arguments = {"thumbprint", 0, Arguments::kAnyNumber};
    command.examples = {{"signet drill failover", "Once a month, from cron"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
