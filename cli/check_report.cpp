#include "cli/check_report.h"

#include "cli/table.h"

#include <algorithm>

namespace signet::cli {
namespace {

constexpr std::size_t kMostNamed = 8;

/// "a, b, c and 5 more"
std::string some_of(const std::set<std::string>& texts, std::uint64_t more) {
    std::vector<std::string> named(texts.begin(), texts.end());
    if (named.size() > kMostNamed) {
        more += named.size() - kMostNamed;
        named.resize(kMostNamed);
    }
    return join(named, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

std::string touched(const restore::Finding& finding) {
    std::string text;
    if (!finding.backups.empty()) {
        text +=
            std::string("; touches backup") + (finding.backups.size() == 1 ? " " : "s ") + some_of(finding.backups, 0);
    }
    std::set<std::string> files;
    for (const auto& [backup, paths] : finding.files) files.insert(paths.begin(), paths.end());
    if (!files.empty()) text += "; unreadable through it: " + some_of(files, finding.more_files);
    return text;
}

}  // namespace

void tell_findings(Terminal& terminal, const restore::CheckReport& report, std::string_view during) {
    std::set<std::string> remedies;
    for (const restore::Finding& finding : report.findings) {
        std::string_view message = finding.message;
        if (message.starts_with(finding.object + ": ")) message.remove_prefix(finding.object.size() + 2);
        terminal.problem(finding.object, std::string(message) + touched(finding), during);
        remedies.insert(finding.remedy);
    }
    for (const std::string& what : report.unreadable) terminal.problem("repository", what, during);
    for (const std::string& what : report.missing_keys) terminal.problem("content", what, during);
    for (const std::string& remedy : remedies) terminal.message("what helps: " + printable(remedy));
    for (const std::string& what : report.information) terminal.message("note: " + printable(what));
}

Json finding_json(const restore::Finding& finding) {
    Json row;
    set_text(row, "object", finding.object);
    row["message"] = finding.message;
    row["altered"] = finding.is_altered;
    row["backups"] = finding.backups;
    Json files = Json::array();
    for (const auto& [backup, paths] : finding.files) {
        for (const std::string& path : paths) {
            Json file = {{"backup", backup}};
            set_text(file, "path", path);
            files.push_back(std::move(file));
        }
    }
    row["files"] = std::move(files);
    row["more_files"] = finding.more_files;
    row["remedy"] = finding.remedy;
    if (!finding.series.empty()) {
        row["log"] = nullptr;
        if (!finding.log.empty()) set_text(row, "log", finding.log);
        set_text(row, "series", finding.series);
        row["from"] = time_json(finding.from);
        row["to"] = time_json(finding.to);
    }
    return row;
}

Json check_json(const restore::CheckReport& report) {
    Json damaged = Json::array();
    for (const restore::Finding& finding : report.findings) damaged.push_back(finding_json(finding));
    return {{"message_type", "summary"},           {"num_errors", report.findings.size() + report.unreadable.size()},
            {"damaged", std::move(damaged)},       {"unreadable", report.unreadable},
            {"missing_keys", report.missing_keys}, {"information", report.information},
            {"objects", report.objects},           {"bytes", report.bytes},
            {"packs_read", report.packs},          {"chunks", report.chunks}};
}

}  // namespace signet::cli
