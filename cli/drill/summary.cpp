#include "cli/drill/summary.h"

#include "cli/json.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

namespace signet::cli {
namespace {

/// As tables have times; what is none stays as it is.
std::string table_time(const std::string& time) {
    try {
        return to_table_time(parse_time(time, TimePoint{}));
    } catch (const Error&) {
        return printable(time);
    }
}

void print_case(Terminal& terminal, const DrillCase& one) {
    std::string line = "  " + describe(one) + ": ";
    if (!one.passed) {
        terminal.result(line + "failed (" + printable(one.stage) + "): " + printable(one.reason));
        return;
    }
    line += "restored " + counted(one.files, "file") + ", " + human_size(one.bytes) + ", read back and compared";
    if (one.logs > 0) line += ", with " + counted(one.logs, "log");
    if (one.compared + one.changed > 0) {
        line += "; " + counted(one.compared, "file") + " as in the source, " + std::to_string(one.changed) +
                " changed since";
    }
    if (!one.check.empty()) line += "; check " + printable(one.check);
    terminal.result(line);
    line = "    ";
    if (one.first_byte_seconds) line += "first byte after " + span_text(*one.first_byte_seconds) + ", ";
    line += throughput_text(one.throughput()) + ", recovered in " + span_text(one.recovery_seconds);
    if (one.loss_seconds) line += ", newest state " + span_text(*one.loss_seconds) + " old";
    terminal.result(line);
}

void print_protector(Terminal& terminal, const DrillProtector& one) {
    std::string line = "  protector " + describe(one) + ": ";
    if (one.proven) {
        line += "proven";
    } else {
        line += one.status + ", not proven here; last " +
                (one.last_proven.empty() ? std::string("never") : table_time(one.last_proven));
    }
    terminal.result(line + (one.used ? ", used" : ""));
}

}  // namespace

std::string short_thumbprint(const std::string& thumbprint) {
    constexpr std::size_t kDigits = 12;
    const auto colon = thumbprint.find(':');
    return colon == std::string::npos ? thumbprint : thumbprint.substr(0, colon + 1 + kDigits);
}

std::string describe(const DrillCase& one) {
    std::string text = printable(one.series);
    if (one.backup.empty()) return text;
    return text + " at " + table_time(one.time) + " (" + printable(one.backup.substr(0, 8)) + ")";
}

std::string describe(const DrillProtector& one) {
    const std::string thumbprint = printable(short_thumbprint(one.thumbprint));
    return one.name.empty() ? thumbprint : printable(one.name) + " (" + thumbprint + ")";
}

std::string result_text(const std::string& result) {
    std::string text = printable(result);
    std::replace(text.begin(), text.end(), '-', ' ');
    return text;
}

std::string objective_title(const DrillObjective& objective) {
    std::string title = printable(objective.name);
    std::transform(title.begin(), title.end(), title.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return title;
}

std::string span_text(double seconds) {
    constexpr std::uint64_t kMinute = 60, kHour = 3600, kDay = 86400;
    if (seconds < static_cast<double>(kMinute)) {
        std::array<char, 32> text{};
        (void)std::snprintf(text.data(), text.size(), seconds < 10 ? "%.2f s" : "%.0f s", std::max(0.0, seconds));
        return text.data();
    }
    const auto whole = static_cast<std::uint64_t>(seconds);
    const auto join = [](std::uint64_t large, const char* unit, std::uint64_t small, const char* small_unit) {
        return std::to_string(large) + unit + (small == 0 ? std::string() : " " + std::to_string(small) + small_unit);
    };
    if (whole < kHour) return join(whole / kMinute, " min", whole % kMinute, " s");
    if (whole < 2 * kDay) return join(whole / kHour, " h", whole % kHour / kMinute, " min");
    return join(whole / kDay, " d", whole % kDay / kHour, " h");
}

std::string throughput_text(double bytes_a_second) {
    return human_size(static_cast<std::uint64_t>(std::max(0.0, bytes_a_second))) + "/s";
}

Json evidence_json(const DrillEvidence& evidence) {
    Json object = {{"message_type", "summary"},
                   {"number", evidence.entry.number},
                   {"digest", evidence.entry.digest.hex()},
                   {"writer", evidence.entry.writer.hex()},
                   {"authentic", evidence.entry.authentic}};
    object.update(Json::parse(evidence.record.encode()));
    return object;
}

void print_drill(Terminal& terminal, const DrillEvidence& evidence) {
    const DrillRecord& record = evidence.record;
    terminal.result("drill " + std::to_string(evidence.entry.number) + " of repository " +
                    printable(record.repository.substr(0, 16)) + ", " + table_time(record.started) + ": " +
                    result_text(record.result) + (record.reason.empty() ? "" : ": " + printable(record.reason)));
    for (const DrillCase& one : record.cases) print_case(terminal, one);
    for (const DrillProtector& one : record.protectors) print_protector(terminal, one);
    for (const DrillObjective& one : record.objectives) {
        terminal.result("  " + objective_title(one) + " " +
                        (one.measured_seconds ? span_text(*one.measured_seconds) : std::string("not known")) +
                        ", wanted " + span_text(one.wanted_seconds) + ": " + (one.met ? "met" : "missed"));
    }
    if (!record.left.empty()) terminal.result("  left behind: " + printable(record.left));
    terminal.result("  signed by writer " + evidence.entry.writer.short_hex(16) + ", digest " +
                    evidence.entry.digest.short_hex(16));
}

}  // namespace signet::cli
