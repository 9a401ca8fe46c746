#include "cli/audit_heads.h"
#include "cli/context.h"
#include "cli/drill/commands.h"
#include "cli/drill/summary.h"
#include "cli/signals.h"
#include "cli/table.h"

#include <algorithm>

namespace signet::cli {
namespace {

std::optional<double> worst(const DrillRecord& record, const std::string& name) {
    std::optional<double> value;
    for (const DrillCase& one : record.cases) {
        const std::optional<double> measured =
            name == "rpo" ? one.loss_seconds : std::optional(record.recover_seconds + one.recovery_seconds);
        if (measured) value = std::max(value.value_or(0), *measured);
    }
    return value;
}

std::string optional_span(const std::optional<double>& seconds) { return seconds ? span_text(*seconds) : "-"; }

void print(Terminal& terminal, const DrillEvidences& all) {
    Table table({"DRILL", "TIME", "RESULT", "CHOSEN", "BACKUPS", "RECOVERY", "NEWEST STATE", "SIGNED BY"});
    for (const DrillEvidence& one : all.drills) {
        const DrillRecord& record = one.record;
        table.add({std::to_string(one.entry.number), printable(record.started), result_text(record.result),
                   printable(record.select) + (record.keys == "nothing" ? ", from nothing" : ""),
                   std::to_string(record.cases.size()), optional_span(worst(record, "rto")),
                   optional_span(worst(record, "rpo")),
                   one.entry.authentic ? one.entry.writer.short_hex(16) : "nobody: altered"});
    }
    if (table.empty())
        terminal.result("no drill is on record");
    else
        table.print(terminal);
}

/// Drills are noted in the audit log: where that was cut as well, entries of the repository tell.
/// throws  Error{damaged}
void require_intact_audit(Context& context) {
    std::vector<Digest> heads;
    try {
        heads = heads_signed_by_writer(context);
    } catch (const Error& error) {
        stop_if_interrupted();
        context.terminal().warning("not compared with what is signed in the repository: " + std::string(error.what()));
        return;
    }
    const keyring::AuditReport report = context.keyring().audit().verify(heads);
    if (report.intact()) return;
    throw Error(ErrorCode::damaged,
                "the audit log in " + context.keyring().folder() +
                    ", where drills are noted, was altered: " + report.problems.front(),
                "drills may be missing from this list: compare it with the reports that were kept elsewhere");
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const DrillEvidences all = load_drills(context.keyring());
    if (terminal.json()) {
        Json rows = Json::array();
        for (const DrillEvidence& one : all.drills) rows.push_back(evidence_json(one));
        terminal.object(rows);
    } else {
        print(terminal, all);
    }
    for (const std::string& remark : all.remarks) terminal.warning(remark);
    if (all.intact()) {
        require_intact_audit(context);
        return ExitCode::done;
    }
    for (std::size_t i = 1; i < all.problems.size(); ++i) terminal.warning(all.problems[i]);
    throw Error(ErrorCode::damaged,
                "the history of drills in " + context.keyring().folder() + " was edited: " + all.problems.front(),
                "compare it with a copy, or with the reports that were kept elsewhere");
}

}  // namespace

Command drill_history_command() {
    Command command;
    command.name = "drill history";
    command.synopsis = "";
    command.summary = "list past drills, and verify that nobody has edited the list";
    command.description =
        "Every record is signed by the writer that ran the drill, chained to the one before, and noted in the "
        "keyring's audit log, whose head the next backup signs. Where a record was altered, taken out, put in or cut "
        "off, the exit code is 14 and the message says which. Needs no key; where a repository is named, what its "
        "entries "
        "signed of the audit log is compared as well.";
    command.examples = {{"signet drill history", "What was rehearsed, and when"},
                        {"signet drill history --json", "The same for machines, one array"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
