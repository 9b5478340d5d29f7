// Comparing two results: the rule, and what is refused.
#include "client_lib/cli/bench_compare.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "client_lib/cli/bench_result.h"
#include "test/unit/cli/support.h"

using namespace tagma::cli;
using nlohmann::json;
using tagma::cli::test::contains;
using tagma::cli::test::Ran;
using tagma::cli::test::run;
using tagma::cli::test::TemporaryFolder;

namespace {

Summary summary_of(Figure figure, const std::vector<double>& values) {
  std::vector<Figures> repeats(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) repeats[i][figure] = values[i];
  return summarise(repeats);
}

Verdict verdict(Figure figure, const std::vector<double>& before, const std::vector<double>& after,
                double threshold_percent = 5) {
  return compare_figure(figure, summary_of(figure, before), summary_of(figure, after), threshold_percent).verdict;
}

Repeat repeat_of(double rate) {
  Repeat repeat;
  repeat.seconds = 10;
  repeat.operations = static_cast<std::uint64_t>(rate * 10);
  repeat.figures[figure_operations_per_second] = rate;
  for (const Figure figure :
       {figure_latency_p50, figure_latency_p90, figure_latency_p99, figure_latency_p999, figure_latency_max}) {
    repeat.figures[figure] = 1'000;
  }
  repeat.figures[figure_cpu] = 40;
  return repeat;
}

json result_of(const std::vector<double>& rates, const std::string& executable = "aa") {
  BenchOptions options;
  options.local = true;
  options.repeats = static_cast<std::uint32_t>(rates.size());
  BenchResult result;
  result.durability = "memory";
  result.keys_written_percent = 100;
  result.machine = {2, "a model", "a kernel"};
  result.build = {"0.1.0", "a compiler", "RelWithDebInfo", "-O2", "", executable};
  for (const double rate : rates) result.repeats.push_back(repeat_of(rate));
  return to_json(options, result);
}

std::string written(const TemporaryFolder& folder, const std::string& name, const std::string& text) {
  std::ofstream(folder / name) << text;
  return folder / name;
}

/// Exit status 2 and one line that names the file and what is wrong with it.
void check_bad_file(const std::string& text, const std::string& expected) {
  CAPTURE(text);
  const TemporaryFolder folder;
  const std::string good = written(folder, "good.json", result_of({100, 101, 102}).dump());
  const std::string bad = written(folder, "bad.json", text);
  const std::string line = bad + ": " + expected;
  for (const auto& files : {Arguments{good, bad}, Arguments{bad, good}}) {
    const Ran ran = run({"bench", "compare", files[0], files[1], "--force"});
    CHECK(ran.status == exit_usage);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK_MESSAGE(contains(ran.err, line), ran.err);
  }
}

json changed(json result, const std::string& place, const json& value) {
  result[json::json_pointer(place)] = value;
  return result;
}

}  // namespace

TEST_CASE("ranges that overlap are within the spread, whatever the medians say") {
  CHECK(verdict(figure_operations_per_second, {100, 105, 160}, {150, 155, 159}) == Verdict::within_spread);
  CHECK(verdict(figure_operations_per_second, {100, 105, 110}, {110, 140, 150}) == Verdict::within_spread);
}

TEST_CASE("ranges apart and medians beyond the threshold: better or worse, by the figure's direction") {
  CHECK(verdict(figure_operations_per_second, {100, 102, 104}, {120, 122, 124}) == Verdict::better);
  CHECK(verdict(figure_operations_per_second, {120, 122, 124}, {100, 102, 104}) == Verdict::worse);
  CHECK(verdict(figure_latency_p50, {100, 102, 104}, {120, 122, 124}) == Verdict::worse);
  CHECK(verdict(figure_cpu, {120, 122, 124}, {100, 102, 104}) == Verdict::better);
}

TEST_CASE("a clear difference up to the threshold does not count, measured from the smaller median both ways") {
  CHECK(verdict(figure_operations_per_second, {100, 100, 100}, {105, 105, 105}) == Verdict::below_threshold);
  CHECK(verdict(figure_operations_per_second, {105, 105, 105}, {100, 100, 100}) == Verdict::below_threshold);
  CHECK(verdict(figure_operations_per_second, {100, 100, 100}, {106, 106, 106}) == Verdict::better);
  CHECK(verdict(figure_operations_per_second, {106, 106, 106}, {100, 100, 100}) == Verdict::worse);
  CHECK(verdict(figure_operations_per_second, {100, 100, 100}, {119, 119, 119}, 20) == Verdict::below_threshold);
}

TEST_CASE("what one operation decides and what has no better direction is not judged, what is missing is said") {
  CHECK(verdict(figure_latency_max, {1, 1, 1}, {9, 9, 9}) == Verdict::not_judged);
  CHECK(verdict(figure_batch_mean, {1, 1, 1}, {9, 9, 9}) == Verdict::not_judged);
  CHECK(verdict(figure_cpu, {}, {9, 9, 9}) == Verdict::missing);
}

TEST_CASE("from nothing to something has no ratio and is worse or better all the same") {
  const auto comparison = compare_figure(figure_latency_p50, summary_of(figure_latency_p50, {0, 0, 0}),
                                         summary_of(figure_latency_p50, {5, 6, 7}), 5);
  CHECK_FALSE(comparison.ratio);
  CHECK(comparison.verdict == Verdict::worse);
  CHECK(verdict_text(comparison) == "slower");
  CHECK(verdict(figure_latency_p50, {0, 0, 0}, {0, 0, 0}) == Verdict::within_spread);
}

TEST_CASE("the exit status tells whether something is worse") {
  const TemporaryFolder folder;
  const std::string slow = written(folder, "slow.json", result_of({100, 101, 102}).dump());
  const std::string fast = written(folder, "fast.json", result_of({120, 121, 122}, "bb").dump());
  const Ran better = run({"bench", "compare", slow, fast});
  CHECK_MESSAGE(better.status == exit_ok, better.err);
  CHECK(contains(better.out, "faster"));
  CHECK_FALSE(contains(better.out, "slower"));
  CHECK_FALSE(contains(better.out, "the same executable"));
  const Ran worse = run({"bench", "compare", fast, slow});
  CHECK(worse.status == exit_failed);
  CHECK(contains(worse.out, "slower"));
  CHECK(run({"bench", "compare", fast, slow, "--threshold", "25"}).status == exit_ok);
  const Ran same = run({"bench", "compare", slow, slow});
  CHECK(same.status == exit_ok);
  CHECK(contains(same.out, "the same executable"));
}

TEST_CASE("a comparison as JSON has old, new, ratio and verdict of each figure") {
  const TemporaryFolder folder;
  const std::string fast = written(folder, "fast.json", result_of({120, 121, 122}).dump());
  const std::string slow = written(folder, "slow.json", result_of({60, 60.5, 61}).dump());
  const Ran ran = run({"bench", "compare", "--json", fast, slow});
  CHECK(ran.status == exit_failed);
  const json comparison = json::parse(ran.out);
  CHECK(comparison.at("worse") == true);
  REQUIRE(comparison.at("figures").size() == figure_count);
  const json& rate = comparison.at("figures").at(0);
  CHECK(rate.at("figure") == "operations_per_second");
  CHECK(rate.at("old").at("median") == 121);
  CHECK(rate.at("new").at("min") == 60);
  CHECK(rate.at("ratio") == 0.5);
  CHECK(rate.at("verdict") == "slower");
  CHECK(comparison.at("figures").at(figure_wake_ups).at("old") == nullptr);
}

TEST_CASE("runs of another shape, or with too few repeats, are compared by force only") {
  const json base = result_of({100, 101, 102});
  const TemporaryFolder folder;
  const std::string old_path = written(folder, "old.json", base.dump());
  const auto refused = [&](const json& other, const std::string& expected) {
    const std::string new_path = written(folder, "new.json", other.dump());
    const Ran ran = run({"bench", "compare", old_path, new_path});
    CHECK(ran.status == exit_usage);
    CHECK(ran.out.empty());
    CHECK_MESSAGE(contains(ran.err, expected), ran.err);
    const Ran forced = run({"bench", "compare", "--force", old_path, new_path});
    CHECK(forced.status == exit_ok);
    CHECK(contains(forced.out, "warning: compared by force: " + expected));
  };
  refused(changed(base, "/clients", 9), "clients: 8 in ");
  refused(changed(base, "/window", 1), "window: 32 in ");
  refused(changed(base, "/value_bytes", 1), "value_bytes: 100 in ");
  refused(changed(base, "/keys", 1), "keys: 100000 in ");
  refused(changed(base, "/read_percent", 50), "read_percent: 0 in ");
  refused(changed(base, "/durability", "sync"), "durability: \"memory\" in ");
  refused(changed(base, "/replicas", 7), "replicas: 4 in ");
  refused(changed(base, "/filled", true), "filled: false in ");
  refused(result_of({100, 101}), "repeats: 2 in ");
  json older = base;  // of a version before repeats
  older.erase("repeats");
  older.erase("replicas");
  refused(older, "replicas: 4 in ");
}

TEST_CASE("another machine, another build, disturbed repeats and errors are warned of") {
  const json base = result_of({100, 101, 102});
  const TemporaryFolder folder;
  const std::string old_path = written(folder, "old.json", base.dump());
  const auto warned = [&](const json& other, const std::string& expected) {
    const Ran ran = run({"bench", "compare", old_path, written(folder, "new.json", other.dump())});
    CHECK(ran.status == exit_ok);
    CHECK_MESSAGE(contains(ran.out, "warning: " + expected), ran.out);
  };
  CHECK_FALSE(contains(run({"bench", "compare", old_path, old_path}).out, "measured differently"));
  warned(changed(base, "/machine/cpu_model", "another"), "measured differently: machine.cpu_model was \"a model\"");
  warned(changed(base, "/machine/cores", 64), "measured differently: machine.cores was 2, is 64");
  warned(changed(base, "/build/sanitizers", "address"), "measured differently: build.sanitizers");
  warned(changed(base, "/repeats/1/disturbed", {"3 errors"}), folder / "new.json: 1 of 3 repeats were disturbed");
  warned(changed(base, "/errors", 3), folder / "new.json: has 3 errors");
}

TEST_CASE("bad files are refused in one line that names file and field") {
  const json base = result_of({100, 101, 102});
  const auto without = [&](const std::string& field) {
    json result = base;
    result.erase(field);
    return result.dump();
  };
  check_bad_file("", "is not JSON");
  check_bad_file("{\"clients\": 8", "is not JSON");
  check_bad_file("[]", "is not a result of tagma bench");
  check_bad_file("{}", "clients: is missing");
  check_bad_file(without("durability"), "durability: is missing");
  check_bad_file(without("errors"), "errors: is not a count");
  check_bad_file(changed(base, "/errors", -1).dump(), "errors: is not a count");
  check_bad_file(changed(base, "/window", json::array()).dump(), "window: is not a single value");
  check_bad_file(changed(base, "/warmup_seconds", json::array({json::array()})).dump(),
                 "warmup_seconds: is not a single value");
  check_bad_file(changed(base, "/repeats", json::array()).dump(), "repeats: is not a list");
  check_bad_file(changed(base, "/repeats", 5).dump(), "repeats: is not a list");
  check_bad_file(changed(base, "/repeats/1", 5).dump(), "repeats[1].operations_per_second: is missing");
  check_bad_file(changed(base, "/repeats/2/latency_us", 5).dump(), "repeats[2].latency_us.p50: is missing");
  check_bad_file(changed(base, "/repeats/2/latency_us/p99", "9").dump(),
                 "repeats[2].latency_us.p99: is not a number from 0 on");
  check_bad_file(changed(base, "/repeats/0/cpu_us_per_operation", -1).dump(),
                 "repeats[0].cpu_us_per_operation: is not a number from 0 on");
}

TEST_CASE("a file that is not there, and a wrong command line, are bad usage") {
  const TemporaryFolder folder;
  const Ran absent = run({"bench", "compare", folder / "absent.json", folder / "absent.json"});
  CHECK(absent.status == exit_usage);
  CHECK(contains(absent.err, "absent.json: cannot be read"));
  CHECK(run({"bench", "compare", folder.path(), folder.path()}).status == exit_usage);
  CHECK(run({"bench", "compare", "one.json"}).status == exit_usage);
  CHECK(run({"bench", "compare", "a", "b", "--threshold", "-1"}).status == exit_usage);
  const Ran help = run({"bench", "compare", "--help"});
  CHECK(help.status == exit_ok);
  std::istringstream lines(help.out);
  for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 80, line);
}
