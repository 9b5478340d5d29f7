// The report of a run: one HTML page that needs no network, JUnit XML and JSON beside it.
#pragma once

#include <string>

#include "docker/drills/drill_result.h"

namespace tagma::drills {

/// The page: verdicts, and for each drill its time line with the faults marked.
[[nodiscard]] std::string html_report(const RunResult& run);
[[nodiscard]] std::string junit_report(const RunResult& run);
/// Everything that RunResult holds, by the same names.
[[nodiscard]] std::string json_report(const RunResult& run);
/// The table of throughput under attack and without, as Markdown, for the documents; empty where no drill measured it.
[[nodiscard]] std::string cost_table(const RunResult& run);

/// Writes index.html, junit.xml, drills.json and, where there is one, cost.md into `folder`, which it makes. Throws
/// std::runtime_error naming what could not be written.
void write_report(const RunResult& run, const std::string& folder);

}  // namespace tagma::drills
