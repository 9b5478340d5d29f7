#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "docker/drills/report.h"
#include "docker/drills/report_text.h"
#include "docker/drills/report_verdict.h"

namespace tagma::drills {
namespace {

std::string attribute(const std::string& name, const std::string& value) {
  return " " + name + "=\"" + escaped(value) + "\"";
}

std::string seconds(double number) { return fixed(number > 0 ? number : 0, 3); }

std::string counts_of(const std::vector<const DrillResult*>& drills) {
  Tally tally;
  double duration_s = 0;
  for (const auto* drill : drills) {
    tally.add(verdict_of(*drill));
    duration_s += drill->duration_s;
  }
  return attribute("tests", std::to_string(tally.all())) + attribute("failures", std::to_string(tally.failed)) +
         attribute("errors", "0") + attribute("skipped", std::to_string(tally.skipped)) +
         attribute("time", seconds(duration_s));
}

/// "2026-11-30 12:00:00 UTC" as the format has it; nothing where it looks otherwise.
std::string timestamp_of(const RunResult& run) {
  constexpr std::string_view shape = "0000-00-00 00:00:00";
  std::string text = run.started_at.substr(0, shape.size());
  if (text.size() != shape.size()) return "";
  for (std::size_t at = 0; at < shape.size(); ++at) {
    const bool digit = text[at] >= '0' && text[at] <= '9';
    if (shape[at] == '0' ? !digit : text[at] != shape[at]) return "";
  }
  text[10] = 'T';
  return attribute("timestamp", text);
}

std::string properties_of(const RunResult& run) {
  const auto property = [](const std::string& name, const std::string& value) {
    return "      <property" + attribute("name", name) + attribute("value", value) + "/>\n";
  };
  std::string text = property("command", run.command) + property("seed", std::to_string(run.seed));
  for (const auto& [name, value] : run.facts) text += property(name, value);
  return "    <properties>\n" + text + "    </properties>\n";
}

std::string findings_of(const DrillResult& drill) {
  std::vector<std::string> lines = {drill.title};
  for (const auto& one : drill.evidence) {
    lines.push_back((one.happened ? "happened: " : "did not happen: ") + one.text + ": " + one.detail);
  }
  for (const auto& one : drill.expectations) {
    lines.push_back((one.met ? "kept: " : "not kept: ") + one.text + ": " + one.detail);
  }
  lines.push_back(with_commas(drill.acknowledged) + " acknowledged, " + with_commas(drill.unknown) +
                  " without an outcome, longest pause " + fixed(drill.longest_pause_ms, 0) + " ms");
  if (drill.network_stall) lines.push_back(stall_text(*drill.network_stall));
  if (!drill.kept.empty()) lines.push_back("logs and data: " + drill.kept);
  return joined(lines, "\n");
}

std::string test_case(const DrillResult& drill, const std::string& suite) {
  std::string text = "    <testcase" + attribute("classname", "tagma.drills." + suite) + attribute("name", drill.name) +
                     attribute("time", seconds(drill.duration_s)) + ">\n";
  const auto verdict = verdict_of(drill);
  if (verdict == Verdict::skipped) text += "      <skipped" + attribute("message", drill.skipped) + "/>\n";
  if (verdict == Verdict::failed) {
    const auto failures = failures_of(drill);
    const std::string more = failures.size() > 1 ? " (and " + std::to_string(failures.size() - 1) + " more)" : "";
    text += "      <failure" + attribute("type", "drill") + attribute("message", failures.front() + more) + ">" +
            escaped(joined(failures, "\n")) + "</failure>\n";
  }
  if (verdict != Verdict::skipped) {
    text += "      <system-out>" + escaped(findings_of(drill)) + "</system-out>\n";
  }
  return text + "    </testcase>\n";
}

}  // namespace

std::string junit_report(const RunResult& run) {
  std::vector<const DrillResult*> all;
  std::vector<std::pair<std::string, std::vector<const DrillResult*>>> suites;  // in order of appearance
  for (const auto& drill : run.drills) {
    all.push_back(&drill);
    const std::string& name = drill.backend.empty() ? run.backend : drill.backend;
    auto suite = std::find_if(suites.begin(), suites.end(), [&](const auto& one) { return one.first == name; });
    if (suite == suites.end()) suite = suites.insert(suites.end(), {name, {}});
    suite->second.push_back(&drill);
  }
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" + attribute("name", "tagma drills") +
                     counts_of(all) + ">\n";
  for (const auto& [name, drills] : suites) {
    text += "  <testsuite" + attribute("name", name) + counts_of(drills) + timestamp_of(run) + ">\n";
    text += properties_of(run);
    for (const auto* drill : drills) text += test_case(*drill, name);
    text += "  </testsuite>\n";
  }
  return text + "</testsuites>\n";
}

}  // namespace tagma::drills
