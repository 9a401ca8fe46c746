#include "cli/drill/report_files.h"

#include "cli/drill/summary.h"
#include "cli/exposition.h"
#include "cli/html.h"
#include "cli/places.h"
#include "core/file.h"

#include <array>
#include <cstdio>
#include <utility>

namespace signet::cli {
namespace {

constexpr mode_t kReportMode = 0644;

std::string number(double value) {
    std::array<char, 40> text{};
    (void)std::snprintf(text.data(), text.size(), "%.3f", value);
    return text.data();
}

std::string epoch_seconds(const std::string& time) {
    try {
        return std::to_string(parse_time(time, TimePoint{}).ns / kNsPerSecond);
    } catch (const Error&) {
        return "0";
    }
}

/// What JUnit counts.
class Suite {
public:
    void add(const std::string& group, const std::string& name, double seconds, const std::string& failure,
             const std::string& skipped = {}) {
        ++tests_;
        body_ += "    <testcase classname=\"" + html_escaped(group) + "\" name=\"" + html_escaped(name) + "\" time=\"" +
                 number(seconds) + "\"";
        if (failure.empty() && skipped.empty()) {
            body_ += "/>\n";
            return;
        }
        ++(failure.empty() ? skipped_ : failures_);
        const std::string kind = failure.empty() ? "skipped" : "failure";
        body_ += ">\n      <" + kind + " message=\"" + html_escaped(failure.empty() ? skipped : failure) +
                 "\"/>\n    </testcase>\n";
    }
    [[nodiscard]] std::string document(const DrillEvidence& one, double seconds) const {
        const DrillRecord& record = one.record;
        const auto property = [](const std::string& name, const std::string& value) {
            return "      <property name=\"" + name + "\" value=\"" + html_escaped(value) + "\"/>\n";
        };
        const std::string counts = "tests=\"" + std::to_string(tests_) + "\" failures=\"" + std::to_string(failures_) +
                                   "\" errors=\"0\" skipped=\"" + std::to_string(skipped_) + "\" time=\"" +
                                   number(seconds) + "\"";
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites " + counts +
               ">\n  <testsuite name=\"signet drill " + std::to_string(one.entry.number) + "\" " + counts +
               " timestamp=\"" + html_escaped(record.started) + "\" hostname=\"" + html_escaped(record.host) +
               "\">\n    <properties>\n" + property("repository", record.repository) +
               property("result", record.result) + property("writer", one.entry.writer.hex()) +
               property("digest", one.entry.digest.hex()) + "    </properties>\n" + body_ +
               "  </testsuite>\n</testsuites>\n";
    }

private:
    std::string body_;
    int tests_ = 0, failures_ = 0, skipped_ = 0;
};

std::string protector_failure(const DrillProtector& one) {
    return one.status == "does-not-open" ? one.note : std::string();
}

std::string why_not_proven(const DrillProtector& one) {
    return one.proven ? "" : one.status + (one.note.empty() ? "" : ": " + one.note);
}

using Labels = std::vector<std::pair<std::string, std::string>>;

}  // namespace

std::string drill_json(const DrillEvidences& all, const DrillEvidence& one) {
    Json object = evidence_json(one);
    object["history"] = {{"records", all.drills.size()}, {"intact", all.intact()}};
    Json problems = Json::array();
    for (const std::string& problem : all.problems) problems.push_back(replace_invalid(problem));
    object["history"]["problems"] = std::move(problems);
    object["signed_record"] = one.entry.text;
    return to_line(object) + "\n";
}

std::string drill_junit(const DrillEvidence& one) {
    const DrillRecord& record = one.record;
    Suite suite;
    double seconds = record.recover_seconds;
    if (record.keys == "nothing")
        suite.add("start", "keyring and vault come back from nothing", record.recover_seconds,
                  record.cases.empty() ? record.reason : "");
    for (const DrillCase& done : record.cases) {
        suite.add("restore", describe(done), done.recovery_seconds, done.passed ? "" : done.stage + ": " + done.reason);
        seconds += done.recovery_seconds + done.compare_seconds;
    }
    if (record.cases.empty() && record.keys != "nothing") suite.add("restore", "anything", 0, record.reason);
    for (const DrillProtector& protector : record.protectors)
        suite.add("protector", describe(protector), 0, protector_failure(protector), why_not_proven(protector));
    for (const DrillObjective& objective : record.objectives) {
        suite.add("objective", objective_title(objective) + " " + span_text(objective.wanted_seconds),
                  objective.measured_seconds.value_or(0),
                  objective.met                ? ""
                  : objective.measured_seconds ? "took " + span_text(*objective.measured_seconds)
                                               : "not known");
    }
    suite.add("clean-up", "nothing is left behind", 0, record.cleaned ? "" : "left: " + record.left);
    return suite.document(one, seconds);
}

std::string drill_metrics(const DrillEvidences& all, const DrillEvidence& one) {
    const DrillRecord& record = one.record;
    const std::string repository = record.repository.substr(0, 16);
    Exposition out;
    const auto whole = [&](const std::string& name, const std::string& help, const std::string& value) {
        out.family(name, help);
        out.sample({{"repository", repository}}, value);
    };
    whole("signet_drill_last_timestamp_seconds", "When this drill ended.", epoch_seconds(record.ended));
    whole("signet_drill_success", "1 when everything was restored as it was.",
          record.result == drill_result::kPassed || record.result == drill_result::kMissed ? "1" : "0");
    whole("signet_drill_exit_code", "How this drill ended.", std::to_string(record.exit_code));
    whole("signet_drill_records", "Records in the history.", std::to_string(all.drills.size()));
    whole("signet_drill_history_intact", "1 when nobody has edited the history.", all.intact() ? "1" : "0");
    out.family("signet_drill_last_success_timestamp_seconds", "When a drill last restored all of a series.");
    for (const auto& [series, when] : drilled_series(all, record.repository))
        out.sample({{"repository", repository}, {"series_id", series}}, std::to_string(when.ns / kNsPerSecond));
    const auto cases = [&](const std::string& name, const std::string& help, const auto& value) {
        out.family(name, help);
        for (const DrillCase& done : record.cases) {
            const std::optional<double> measured = value(done);
            if (!measured) continue;
            out.sample({{"repository", repository},
                        {"series", done.series},
                        {"series_id", done.series_id},
                        {"backup", done.backup.substr(0, 8)}},
                       number(*measured));
        }
    };
    using Value = std::optional<double>;
    cases("signet_drill_case_success", "1 when it was restored as it was.",
          [](const DrillCase& done) { return Value(done.passed ? 1 : 0); });
    cases("signet_drill_recovery_seconds", "Until it could be used.",
          [](const DrillCase& done) { return done.passed ? Value(done.recovery_seconds) : Value(); });
    cases("signet_drill_first_byte_seconds", "Until the first content was there.",
          [](const DrillCase& done) { return done.first_byte_seconds; });
    cases("signet_drill_restored_bytes", "What was written.",
          [](const DrillCase& done) { return Value(static_cast<double>(done.bytes)); });
    cases("signet_drill_throughput_bytes_per_second", "Octets a second while it was restored.",
          [](const DrillCase& done) { return done.passed ? Value(done.throughput()) : Value(); });
    cases("signet_drill_newest_state_age_seconds", "How old the newest state was that could be restored.",
          [](const DrillCase& done) { return done.loss_seconds; });
    out.family("signet_drill_objective_met", "1 when an objective was met.");
    for (const DrillObjective& objective : record.objectives)
        out.sample({{"repository", repository}, {"objective", objective.name}}, objective.met ? "1" : "0");
    out.family("signet_drill_protector_proven_timestamp_seconds", "When a protector was proven last.");
    for (const DrillProtector& protector : record.protectors) {
        if (protector.last_proven.empty()) continue;
        out.sample({{"repository", repository}, {"thumbprint", protector.thumbprint}, {"name", protector.name}},
                   epoch_seconds(protector.last_proven));
    }
    return out.text();
}

std::string drill_report(const std::string& format, const DrillEvidences& all, const DrillEvidence& one) {
    if (format == "json") return drill_json(all, one);
    if (format == "junit") return drill_junit(one);
    if (format == "prometheus") return drill_metrics(all, one);
    if (format == "html") return drill_page(all, one);
    throw Error(ErrorCode::usage, "--format is json, junit, prometheus or html: " + printable(format));
}

void write_drill_reports(const std::string& folder, const DrillEvidences& all, const DrillEvidence& one) {
    constexpr std::array<std::pair<const char*, const char*>, 4> kFiles = {
        {{"json", ".json"}, {"junit", ".xml"}, {"prometheus", ".prom"}, {"html", ".html"}}};
    make_folders(absolute_path(folder), 0755);
    std::array<char, 32> name{};
    (void)std::snprintf(name.data(), name.size(), "/drill-%04llu", static_cast<unsigned long long>(one.entry.number));
    for (const auto& [format, ending] : kFiles)
        replace_file(absolute_path(folder) + name.data() + ending, as_bytes(drill_report(format, all, one)),
                     kReportMode);
}

}  // namespace signet::cli
