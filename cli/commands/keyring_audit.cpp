#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/table.h"

#include <fstream>

namespace signet::cli {
namespace {

/// Heads that this keyring's identities signed in the repository, where one is named: each must be a line of the log.
std::vector<Digest> signed_heads(Context& context) {
    std::vector<Digest> heads;
    if (!context.has_repository()) return heads;
    std::vector<IdentityId> own;
    if (const auto writer = context.keyring().writer_if_present()) own.push_back(writer->identity());
    if (const auto officer = context.keyring().officer_identity(context.vaults())) own.push_back(*officer);
    for (const IdentityId& identity : own) {
        for (const format::SignedEntry& entry : context.repository().load_journal(identity).entries) {
            if (!entry.head.audit_head.is_zero()) heads.push_back(entry.head.audit_head);
        }
    }
    return heads;
}

std::string text_of(const Json& line, const char* key) {
    const auto found = line.find(key);
    if (found == line.end() || found->is_null()) return {};
    return printable(found->is_string() ? found->get<std::string>() : found->dump());
}

void print_lines(Context& context) {
    Terminal& terminal = context.terminal();
    std::ifstream file(context.keyring().audit().path());
    Table table({"TIME", "WHAT", "OPERATION", "THUMBPRINT", "LOCATION", "OUTCOME"});
    for (std::string text; std::getline(file, text);) {
        const Json line = Json::parse(text, nullptr, false);
        if (!line.is_object()) continue;
        if (terminal.json()) {
            terminal.object(line);
            continue;
        }
        const std::string thumbprint = text_of(line, "thumbprint").substr(0, 19);
        table.add({text_of(line, "time"), text_of(line, "event"), text_of(line, "operation"), thumbprint,
                   text_of(line, "location"), text_of(line, "outcome")});
    }
    if (!terminal.json() && !table.empty()) table.print(terminal);
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const std::vector<Digest> heads = signed_heads(context);
    const keyring::AuditReport report = context.keyring().audit().verify(heads);
    if (!context.options().flag("verify")) print_lines(context);
    Json uncertain = Json::array();
    for (const auto& use : report.uncertain) {
        uncertain.push_back({{"sequence", use.sequence},
                             {"operation", use.operation},
                             {"thumbprint", use.thumbprint},
                             {"location", use.location},
                             {"time", use.time}});
        terminal.message("uncertain: " + use.operation + " with " + printable(use.location) + " at " + use.time +
                         " has no outcome");
    }
    for (const std::string& remark : report.remarks) terminal.message(printable(remark));
    if (terminal.json()) {
        terminal.object(Json{{"message_type", "summary"},
                             {"lines", report.lines},
                             {"intact", report.intact()},
                             {"problems", report.problems},
                             {"remarks", report.remarks},
                             {"uncertain", std::move(uncertain)},
                             {"head", report.head.hex()}});
    }
    if (!report.intact()) {
        throw Error(ErrorCode::damaged,
                    "the audit log " + context.keyring().audit().path() + " was altered: " + report.problems.front());
    }
    terminal.result(
        counted(report.lines, "line") + ", the chain is intact" +
        (heads.empty() ? "" : ", and agrees with " + counted(heads.size(), "signed entry", "signed entries")));
    return ExitCode::done;
}

}  // namespace

Command keyring_audit_command() {
    Command command;
    command.name = "keyring audit";
    command.synopsis = "[--verify]";
    command.summary = "show every use of a protector, and verify the log";
    command.description =
        "Prints the audit log of this keyring and walks its chain of hashes; with --repo, it is also compared with "
        "the heads that this keyring's identities signed in the repository. A log that was altered or cut short ends "
        "in exit code 14. A use whose outcome was never written is reported as uncertain.";
    command.options = {{.name = "verify", .help = "verify without printing the lines"}};
    command.examples = {{"signet keyring audit --json", "Lines for a log collector"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
