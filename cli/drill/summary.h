// What a drill found, for people and for machines.
#pragma once

#include "cli/drill/evidence.h"
#include "cli/terminal.h"

#include <string>

namespace signet::cli {

/// The record with what proves it: "number", "digest", "writer", "authentic".
[[nodiscard]] Json evidence_json(const DrillEvidence& evidence);
/// A few lines.
void print_drill(Terminal& terminal, const DrillEvidence& evidence);

/// "prod-db at 2026-03-14 09:30:05 (1a2b3c4d)".
[[nodiscard]] std::string describe(const DrillCase& one);
/// "prod/2 (sha256:ab12cd34ef56)".
[[nodiscard]] std::string describe(const DrillProtector& one);
/// Twelve digits of a thumbprint, for people.
[[nodiscard]] std::string short_thumbprint(const std::string& thumbprint);
/// "passed", "failed", "objective missed", "interrupted".
[[nodiscard]] std::string result_text(const std::string& result);
/// "RTO", "RPO".
[[nodiscard]] std::string objective_title(const DrillObjective& objective);
/// "1.26 s", "12 min 5 s", "26 h", "3 d 4 h": what nobody can take for a time of day.
[[nodiscard]] std::string span_text(double seconds);
/// "4.2 MiB/s".
[[nodiscard]] std::string throughput_text(double bytes_a_second);

}  // namespace signet::cli
