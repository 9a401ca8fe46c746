#include "cli/audit_heads.h"
#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/places.h"
#include "cli/table.h"
#include "keyring/audit_export.h"

#include <fstream>

namespace signet::cli {
namespace {

/// throws  Error{damaged}: unless nothing is wrong
void require_intact(const keyring::AuditLog& audit, const keyring::AuditReport& report, bool has_repository) {
    if (report.intact()) return;
    throw Error(ErrorCode::damaged, "the audit log " + audit.path() + " was altered: " + report.problems.front(),
                has_repository ? "what its writer or officer signed with another keyring is in the log of that one: "
                                 "name it behind this one, -k KEYRING -k OTHER"
                               : "");
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

using Format = std::string (*)(const keyring::AuditRecord&);

Format format_option(const Context& context) {
    const std::string name = context.options().text_or("format", "json");
    if (name == "json") return keyring::audit_json;
    if (context.options().flag("json")) throw Error(ErrorCode::usage, "--json and --format " + printable(name));
    if (name == "cef") {
        return
            [](const keyring::AuditRecord& record) { return keyring::audit_cef(record, SIGNET_VERSION, host_name()); };
    }
    if (name == "syslog") {
        return [](const keyring::AuditRecord& record) { return keyring::audit_syslog(record, host_name()); };
    }
    throw Error(ErrorCode::usage, "unknown format: " + printable(name), "json, cef or syslog");
}

/// A line whose time cannot be read is never left out.
bool is_before(const keyring::AuditRecord& record, TimePoint since) {
    try {
        return parse_time(record.time, since) < since;
    } catch (const Error&) {
        return false;
    }
}

/// Lines for other systems and nothing else. throws  Error{damaged}: the chain is broken; every line is printed all the
/// same
ExitCode export_lines(Context& context) {
    const Format format = format_option(context);
    const auto since_text = context.options().text("since");
    const TimePoint since = since_text ? parse_time(*since_text, context.clock().now()) : TimePoint{};
    const keyring::AuditLog& audit = context.keyring().audit();
    audit.read([&](const keyring::AuditRecord& record) {
        if (since_text && is_before(record, since)) return;
        context.terminal().raw(as_bytes(format(record) + "\n"));
    });
    require_intact(audit, audit.verify(signed_heads(context)), context.has_repository());
    return ExitCode::done;
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    context.options().refuse_together({"verify", "export"});
    if (context.options().flag("export")) return export_lines(context);
    if (context.options().given("since") || context.options().given("format")) {
        throw Error(ErrorCode::usage, "--since and --format belong to --export");
    }
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
    require_intact(context.keyring().audit(), report, context.has_repository());
    terminal.result(
        counted(report.lines, "line") + ", the chain is intact" +
        (heads.empty() ? "" : ", and agrees with " + counted(heads.size(), "signed entry", "signed entries")));
    return ExitCode::done;
}

}  // namespace

Command keyring_audit_command() {
    Command command;
    command.name = "keyring audit";
    command.synopsis = "[--verify | --export [--since T] [--format json|cef|syslog]]";
    command.summary = "show every use of a protector, and verify the log";
    command.description =
        "Prints the audit log of this keyring and walks its chain of hashes; with --repo, it is also compared with "
        "the heads that this keyring's identities signed in the repository. An officer who signs with several keyrings "
        "names the others behind the first (-k): what they signed is in their logs. A log that was altered or cut "
        "short ends "
        "in exit code 14, and the first broken or missing line is named. A use whose outcome was never written is "
        "reported as uncertain.\n\n"
        "--export prints lines for other systems: JSON objects with the hashes that chain them, the Common Event "
        "Format, or syslog (RFC 5424). Each has an event id of its kind that never changes (docs/operations.md, "
        "section 22), and an outcome says what was asked. The option --audit-syslog of every command sends lines to "
        "the system's log as they are written.";
    command.options = {
        {.name = "verify", .help = "verify without printing the lines"},
        {.name = "export", .help = "print lines for other systems"},
        {.name = "since", .takes = Takes::one, .value_name = "T", .help = "only lines from then on: -1d, 2026-03-14"},
        {.name = "format", .takes = Takes::one, .value_name = "F", .help = "json (the default), cef or syslog"}};
    command.examples = {{"signet keyring audit --json", "Lines for a log collector"},
                        {"signet keyring audit --export --format cef --since -1d", "The last day, for a SIEM system"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
