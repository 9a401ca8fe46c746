// The evidence in the forms that others read.
#pragma once

#include "cli/drill/evidence.h"

#include <string>

namespace signet::cli {

/// A JSON object in one line: the record, what proves it, and the signed line itself.
[[nodiscard]] std::string drill_json(const DrillEvidences& all, const DrillEvidence& one);
/// JUnit XML: a suite, with a case for each thing that was to be shown.
[[nodiscard]] std::string drill_junit(const DrillEvidence& one);
/// Prometheus text.
[[nodiscard]] std::string drill_metrics(const DrillEvidences& all, const DrillEvidence& one);
/// A whole HTML document (page.cpp).
[[nodiscard]] std::string drill_page(const DrillEvidences& all, const DrillEvidence& one);

/// By the name of a format: "json", "junit", "prometheus", "html". throws  Error{usage}
[[nodiscard]] std::string drill_report(const std::string& format, const DrillEvidences& all, const DrillEvidence& one);
/// Writes all of them: drill-0003.json, .xml, .prom, .html. throws  Error{io}
void write_drill_reports(const std::string& folder, const DrillEvidences& all, const DrillEvidence& one);

}  // namespace signet::cli
