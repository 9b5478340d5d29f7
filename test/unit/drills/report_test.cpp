// The report of a run of drills: everything that was found is in it, and nothing that was found can break it.
#include "docker/drills/report.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "docker/drills/report_text.h"
#include "test/fakes/temporary_folder.h"
#include "test/unit/drills/sample_run.h"

using namespace tagma::drills;
using nlohmann::json;
using tagma::drills::test::sample_run;
using tagma::drills::test::sample_soak;
using tagma::test::TemporaryFolder;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

std::string content_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// The names of elements that are open at the end, or a message where one is closed that is not the last opened. Void
/// elements of HTML are left out; attributes must be quoted.
std::vector<std::string> open_elements(const std::string& text) {
  const std::set<std::string> without_end = {"meta", "link", "br"};
  std::vector<std::string> open;
  for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at)) {
    std::size_t end = at + 1;
    for (char quote = 0; end < text.size() && (quote != 0 || text[end] != '>'); ++end) {
      if (quote != 0 ? text[end] == quote : text[end] == '"') quote = quote != 0 ? '\0' : text[end];
    }
    const std::string inside = text.substr(at + 1, end - at - 1);
    at = end;
    if (inside.front() == '!' || inside.front() == '?' || inside.back() == '/') continue;
    const bool closes = inside.front() == '/';
    const std::string name = inside.substr(closes ? 1 : 0, inside.find_first_of(" \n", 1) - (closes ? 1 : 0));
    if (without_end.contains(name)) continue;
    if (!closes) {
      open.push_back(name);
      // Their content is no markup.
      if (name == "style" || name == "script") at = text.find("</" + name, at);
    } else if (!open.empty() && open.back() == name) {
      open.pop_back();
    } else {
      return {"</" + name + "> at " + std::to_string(at)};
    }
  }
  return open;
}

const std::string hostile = "</title><script>alert(\"1\" & '2')</script>\x01\xff";

/// Every text that the runner can fill in is hostile.
RunResult hostile_run() {
  RunResult run;
  run.command = run.started_at = run.backend = hostile;
  run.facts = {{hostile, hostile}};
  DrillResult drill;
  drill.name = drill.title = drill.about = drill.backend = drill.load = drill.kept = hostile;
  drill.rows = {hostile};
  drill.marks = {{1, hostile, false}, {2, hostile, true}};
  drill.intervals = {{0, 10, 1, 100, 200, 300}};
  drill.samples = {{0, 0, true, 0, 1, 1, true, 30, 0.1}};
  drill.evidence = {{hostile, true, hostile}, {hostile, false, hostile}};
  drill.expectations = {{hostile, true, hostile}, {hostile, false, hostile}};
  drill.cost = Cost{100, 100, 100, 90, 0.5, false};
  drill.counters = {{hostile, 3}};
  run.drills = {drill, drill};
  drill.skipped = hostile;
  run.drills.push_back(drill);
  return run;
}

}  // namespace

TEST_CASE("the page holds every mark, every proof and every promise") {
  const auto run = sample_run();
  const std::string page = html_report(run);
  CHECK(open_elements(page).empty());
  for (const auto& drill : run.drills) {
    CAPTURE(drill.name);
    CHECK(contains(page, escaped(drill.title)));
    CHECK(contains(page, escaped(drill.about)));
    for (const auto& row : drill.rows) CHECK(contains(page, ">" + row + "<"));
    if (!drill.skipped.empty()) {
      CHECK(contains(page, escaped(drill.skipped)));
      continue;
    }
    // Once in the drawing, once in the list below it.
    for (const auto& mark : drill.marks) {
      CHECK(contains(page, moment_text(mark.at_s, drill.duration_s) + ": " + escaped(mark.text) + "</title>"));
      CHECK(contains(page, "<span>" + escaped(mark.text)));
    }
    for (const auto& one : drill.evidence) CHECK(contains(page, escaped(one.text)));
    for (const auto& one : drill.evidence) CHECK(contains(page, escaped(one.detail)));
    for (const auto& one : drill.expectations) CHECK(contains(page, escaped(one.text)));
    for (const auto& one : drill.expectations) CHECK(contains(page, escaped(one.detail)));
    for (const auto& [name, count] : drill.counters) CHECK(contains(page, escaped(name)));
    CHECK(contains(page, with_commas(drill.acknowledged)));
  }
  for (const auto& [name, value] : run.facts) CHECK(contains(page, escaped(value)));
  CHECK(contains(page, escaped(run.command)));
  CHECK(contains(page, std::to_string(run.seed)));
}

TEST_CASE("that the drill's own network stood still is told, and only then") {
  auto run = sample_run();
  const std::string figure = "drill&#39;s own network</dt><dd>584 ms</dd><dd class=\"note\">stood still at 1:11.5";
  CHECK(contains(html_report(run), figure));
  CHECK(contains(junit_report(run), "network stood still for 584 ms at 71.5 s (its thread computed for 2 ms of it)"));
  for (auto& drill : run.drills) drill.network_stall = std::nullopt;
  CHECK_FALSE(contains(html_report(run), "own network"));
  CHECK_FALSE(contains(junit_report(run), "own network"));
}

TEST_CASE("the page tells the verdict first, and shows what failed first and open") {
  const std::string page = html_report(sample_run());
  CHECK(contains(page, "<h1>1 of 7 drills failed</h1>"));
  CHECK(contains(page, "<b>5</b> passed"));
  CHECK(contains(page, "<b>1</b> skipped"));
  CHECK(contains(page, "<details class=\"drill failed\" id=\"drill-slow_disk\" open>"));
  CHECK(contains(page, "<details class=\"drill passed\" id=\"drill-kill_primary\">"));
  CHECK(page.find("id=\"drill-slow_disk\"") < page.find("id=\"drill-kill_primary\""));
  CHECK(page.find("id=\"drill-soak\"") < page.find("id=\"drill-clock_jump\""));
  CHECK(contains(page, "did not happen: the disk was full (112 MB were still free at the end)"));
  CHECK(contains(page, "href=\"#drill-slow_disk\""));
}

TEST_CASE("a drill whose fault did not happen has failed, and so has one that promised nothing") {
  RunResult run;
  DrillResult drill;
  drill.name = "empty";
  run.drills = {drill};
  CHECK(contains(html_report(run), "The drill failed"));
  CHECK(contains(junit_report(run), "it ended before anything that it promises was looked at"));
  drill.expectations = {{"kept", true, ""}};
  drill.evidence = {{"the fault", false, ""}};
  run.drills = {drill};
  CHECK(contains(junit_report(run), "did not happen: the fault"));
  run.drills[0].evidence[0].happened = true;
  CHECK(contains(html_report(run), "The drill passed"));
  CHECK_FALSE(contains(junit_report(run), "<failure"));
}

TEST_CASE("nothing that was found can break the page or XML") {
  const auto run = hostile_run();
  for (const std::string& text : {html_report(run), junit_report(run)}) {
    CHECK(open_elements(text).empty());
    CHECK_FALSE(contains(text, "<script>alert"));
    CHECK(
        contains(text, "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;\xEF\xBF\xBD\xEF\xBF\xBD"));
    CHECK_FALSE(contains(text, "\x01"));
    CHECK_FALSE(contains(text, "\xff"));
  }
  const auto parsed = json::parse(json_report(run));
  CHECK(contains(parsed["drills"][0]["title"].get<std::string>(), "<script>"));
}

TEST_CASE("numbers that are none do not break a report") {
  const double none = std::stod("nan");
  auto run = hostile_run();
  for (auto& drill : run.drills) {
    drill.duration_s = drill.interval_s = drill.longest_pause_ms = none;
    drill.recovery_ms = std::stod("inf");
    drill.cost = Cost{none, none, none, none, none, false};
    drill.marks[0].at_s = none;
    drill.intervals[0].at_s = none;
    drill.samples[0].resident_mb = none;
  }
  run.drills[1].cost->baseline_per_s = std::stod("inf");
  run.duration_s = none;
  const std::string page = html_report(run);
  CHECK(open_elements(page).empty());
  CHECK_FALSE(contains(page, "nan%"));
  CHECK_FALSE(contains(page, "\"nan"));
  CHECK(json::parse(json_report(run))["duration_s"].is_null());
}

TEST_CASE("two drills of one name have places of their own") {
  const std::string page = html_report(hostile_run());
  std::set<std::string> anchors;
  for (auto at = page.find(" id=\""); at != std::string::npos; at = page.find(" id=\"", at + 1)) {
    const auto begin = at + 5;
    CHECK(anchors.insert(page.substr(begin, page.find('"', begin) - begin)).second);
  }
  CHECK(count_of(page, "<details") == 3);
}

TEST_CASE("a run without drills has a report") {
  const RunResult run;
  const std::string page = html_report(run);
  CHECK(open_elements(page).empty());
  CHECK(contains(page, "No drill was run"));
  CHECK(open_elements(junit_report(run)).empty());
  CHECK(contains(junit_report(run), "tests=\"0\""));
  const auto parsed = json::parse(json_report(run));
  CHECK(parsed["drills"].empty());
  CHECK(parsed["passed"] == false);
  CHECK(cost_table(run).empty());
}

TEST_CASE("the page asks nothing of a network") {
  const std::string page = html_report(sample_run());
  CHECK_FALSE(contains(page, "https:"));
  CHECK_FALSE(contains(page, "src="));
  CHECK_FALSE(contains(page, "@import"));
  CHECK(count_of(page, "http:") == 1);  // the name of SVG's vocabulary in the icon
  CHECK(contains(page, "default-src 'none'"));
}

TEST_CASE("half an hour of samples stays a page that opens at once") {
  RunResult run;
  const auto soak = sample_soak();
  REQUIRE(soak.intervals.size() == 3600);
  REQUIRE(soak.samples.size() > 10'000);
  run.drills = {soak};
  const auto one = html_report(run).size();
  CHECK(one < 600'000);
  run.drills.assign(20, soak);
  CHECK(html_report(run).size() < 20 * one);
}

TEST_CASE("the worst that a drill can record is bounded, too") {
  DrillResult drill;
  drill.name = "restless";
  drill.expectations = {{"kept", true, ""}};
  for (int at = 0; at < 20'000; ++at) {
    const double at_s = at * 0.09;
    const auto number = static_cast<std::uint32_t>(at);
    drill.intervals.push_back({at_s, number * 7919U % 5000U, number % 3U, 100 + at % 7919, 1000 + at % 7919, 90'000});
    drill.samples.push_back(
        {at_s, number % 4U, number % 3U != 0, number, number, number, number % 5U != 0, at % 83 + 1.0, 1});
  }
  drill.interval_s = 0.09;
  RunResult run;
  run.drills = {drill};
  CHECK(html_report(run).size() < 3'000'000);
}

TEST_CASE("JSON has the names of the values") {
  const auto run = sample_run();
  const auto parsed = json::parse(json_report(run));
  CHECK(parsed["command"] == run.command);
  CHECK(parsed["seed"] == run.seed);
  CHECK(parsed["passed"] == false);
  CHECK(parsed["facts"]["kernel"] == "Linux 6.1.0-28-amd64");
  REQUIRE(parsed["drills"].size() == run.drills.size());
  const auto& killed = parsed["drills"][0];
  CHECK(killed["name"] == "kill_primary");
  CHECK(killed["passed"] == true);
  CHECK(killed["rows"] == json{"A1", "A2"});
  CHECK(killed["longest_pause_ms"] == 450);
  CHECK(killed["recovery_ms"] == 12);
  CHECK(killed["cost"].is_null());
  CHECK(killed["marks"][1] == json{{"at_s", 40.0}, {"text", "replica 0 started again on its data"}, {"heals", true}});
  CHECK(killed["evidence"][1]["happened"] == true);
  CHECK(killed["expectations"][0]["met"] == true);
  CHECK(killed["counters"]["requests sent again"] == 412);
  REQUIRE(killed["intervals"].size() == run.drills[0].intervals.size());
  for (const auto* name : {"at_s", "acknowledged", "unknown", "p50_us", "p99_us", "max_us"}) {
    CHECK(killed["intervals"][0].contains(name));
  }
  REQUIRE(killed["samples"].size() == run.drills[0].samples.size());
  for (const auto* name :
       {"at_s", "id", "answered", "view", "executed", "stable_checkpoint", "voting", "resident_mb", "cpu_cores"}) {
    CHECK(killed["samples"][0].contains(name));
  }
  CHECK(killed["network_stall"].is_null());
  CHECK(parsed["drills"][5]["network_stall"] == json{{"at_s", 71.5}, {"ms", 584}, {"cpu_ms", 2}});
  for (const auto* name : {"title", "about", "backend", "skipped", "duration_s", "interval_s", "replicas", "clients",
                           "load", "acknowledged", "unknown", "kept"}) {
    CHECK(killed.contains(name));
  }
  CHECK(parsed["drills"][2]["cost"]["within_aim"] == true);
  CHECK(parsed["drills"][2]["cost"]["ratio"].get<double>() == doctest::Approx(9187.0 / 9870));
  CHECK(parsed["drills"][4]["passed"] == false);
  CHECK(parsed["drills"][6]["recovery_ms"].is_null());
}

TEST_CASE("JUnit has a suite for each backend, and a case for each drill") {
  auto run = sample_run();
  run.drills[1].backend = "process";
  const std::string text = junit_report(run);
  CHECK(open_elements(text).empty());
  CHECK(
      text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"tagma drills\" tests=\"7\" "
                       "failures=\"1\" errors=\"0\" skipped=\"1\""));
  CHECK(contains(text, "<testsuite name=\"docker\" tests=\"6\" failures=\"1\" errors=\"0\" skipped=\"1\""));
  CHECK(contains(text, "<testsuite name=\"process\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\""));
  CHECK(contains(text, "timestamp=\"2026-11-30T12:00:00\""));
  CHECK(contains(text, "<testcase classname=\"tagma.drills.docker\" name=\"kill_primary\" time=\"60.000\">"));
  CHECK(
      contains(text, "message=\"did not happen: the disk was full (112 MB were still free at the end) (and 1 more)\""));
  CHECK(contains(text, "the others say 90aa… &amp; &lt;none&gt; agrees"));
  CHECK(contains(text,
                 "<skipped message=\"containers share the clock of the machine: only the backend "
                 "&quot;vm&quot; can do it\"/>"));
  CHECK(count_of(text, "<testcase") == 7);
  CHECK(count_of(text, "<failure") == 1);
}

TEST_CASE("the cost of attacks as Markdown") {
  const auto run = sample_run();
  CHECK(cost_table(run) ==
        "| drill | rows | before op/s | under attack op/s | after op/s | ratio | worst second | within the aim? |\n"
        "|---|---|--:|--:|--:|--:|--:|---|\n"
        "| forged_votes | C4, C5, D1 | 9,910 | 9,187 | 9,830 | 93.1% | 78.0% | yes |\n"
        "| slow_primary | C4, C5, D1 | 9,910 | 8,034 |  | 81.1% | 44.0% | **misses** |\n");
  auto other = run;
  other.drills[2].name = "a|b";
  CHECK(contains(cost_table(other), "| a\\|b |"));
}

TEST_CASE("a report is a folder of files; TAGMA_DRILL_SAMPLE keeps one to look at") {
  const TemporaryFolder temporary;
  const char* const wanted = std::getenv("TAGMA_DRILL_SAMPLE");
  const std::filesystem::path folder = wanted != nullptr ? wanted : temporary.path() + "/deep/report";
  auto run = sample_run();
  write_report(run, folder);
  CHECK(content_of(folder / "index.html") == html_report(run));
  CHECK(content_of(folder / "junit.xml") == junit_report(run));
  CHECK(content_of(folder / "drills.json") == json_report(run));
  CHECK(content_of(folder / "cost.md") == cost_table(run));
  if (wanted != nullptr) return;
  for (auto& drill : run.drills) drill.cost.reset();
  write_report(run, folder);
  CHECK_FALSE(std::filesystem::exists(folder / "cost.md"));
  std::ofstream(temporary.path() + "/file") << "in the way";
  CHECK_THROWS_WITH_AS(write_report(run, temporary.path() + "/file"), doctest::Contains("/file"), std::runtime_error);
}
