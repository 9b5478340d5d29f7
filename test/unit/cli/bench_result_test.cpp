// What a bench shows of what it measured.
#include "client_lib/cli/bench_result.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "test/unit/cli/support.h"

using namespace tagma::cli;
using nlohmann::json;
using tagma::cli::test::contains;
using tagma::cli::test::Ran;
using tagma::cli::test::run;
using tagma::cli::test::TemporaryFolder;

namespace {

Repeat repeat_of(double rate, double p50_us) {
  Repeat repeat;
  repeat.seconds = 2;
  repeat.operations = static_cast<std::uint64_t>(rate * 2);
  repeat.figures[figure_operations_per_second] = rate;
  repeat.figures[figure_latency_p50] = p50_us;
  repeat.figures[figure_cpu] = 40;
  return repeat;
}

BenchResult result_of(const std::vector<double>& rates) {
  BenchResult result;
  result.durability = "memory";
  result.keys_written_percent = 100;
  result.build.type = "RelWithDebInfo";
  for (const double rate : rates) result.repeats.push_back(repeat_of(rate, 1e8 / rate));
  return result;
}

BenchOptions options_of(std::uint32_t repeats) {
  BenchOptions options;
  options.repeats = repeats;
  options.fill = true;
  return options;
}

std::string notes_of(const BenchOptions& options, const BenchResult& result) {
  std::string text;
  for (const auto& note : notes_on(options, result)) text += note + "\n";
  return text;
}

std::string text_of(const BenchOptions& options, const BenchResult& result) {
  std::ostringstream out;
  print_text(options, result, out);
  return out.str();
}

}  // namespace

TEST_CASE("the JSON has medians on top, each repeat, their spread, and sums of what was counted") {
  BenchResult result = result_of({30'000, 10'000, 20'000});
  result.repeats[1].errors = 2;
  result.repeats[1].disturbed = {"2 errors"};
  const json whole = to_json(options_of(3), result);
  CHECK(whole.at("operations_per_second") == 20'000);
  CHECK(whole.at("latency_us").at("p50") == 5'000);
  CHECK(whole.at("latency_us").at("p50").is_number_integer());
  CHECK(whole.at("operations") == 120'000);
  CHECK(whole.at("errors") == 2);
  CHECK(whole.at("seconds") == 6);
  CHECK(whole.at("batch_mean") == nullptr);
  CHECK(whole.at("replicas") == 4);
  REQUIRE(whole.at("repeats").size() == 3);
  CHECK(whole.at("repeats").at(0).at("operations_per_second") == 30'000);
  CHECK(whole.at("repeats").at(1).at("disturbed") == json::array({"2 errors"}));
  const json& spread = whole.at("spread").at("operations_per_second");
  CHECK(spread.at("min") == 10'000);
  CHECK(spread.at("max") == 30'000);
  CHECK(spread.at("relative_percent") == 100);
  CHECK(whole.at("spread").at("latency_us").at("p50").at("max") == 10'000);
  for (const std::string name : {"wake_ups_per_operation", "replica_rss_anon_mb", "bundle_mean", "date", "command_line",
                                 "machine", "build", "notes"}) {
    CAPTURE(name);
    CHECK(whole.contains(name));
  }
}

TEST_CASE("the text shows ranges and single repeats only where there are several") {
  const std::string one = text_of(options_of(1), result_of({20'000}));
  CHECK(contains(one, "throughput  20,000 operations/s; 40,000 in 2.0 s, 0 errors"));
  CHECK_FALSE(contains(one, " to "));
  CHECK(contains(one, "--repeat 5"));
  BenchResult three = result_of({20'000, 22'000, 19'000});
  three.repeats[2].disturbed = {"replica 1 ended with status 2"};
  const std::string several = text_of(options_of(3), three);
  CHECK(contains(several, "20,000 operations/s (19,000 to 22,000, 15%)"));
  CHECK(contains(several, "0  disturbed\n"));
  CHECK(contains(several, "note: repeat 3 was disturbed (it counts all the same): replica 1 ended with status 2"));
}

TEST_CASE("notes say what makes figures doubtful, and say nothing of a good run") {
  const BenchOptions five = options_of(5);
  CHECK(notes_of(five, result_of({100, 99, 101, 100, 102})).empty());
  CHECK(contains(notes_of(five, result_of({100, 104, 108, 112, 116})), "each repeat was faster"));
  CHECK(contains(notes_of(five, result_of({116, 112, 108, 104, 100})), "each repeat was slower"));
  CHECK(notes_of(five, result_of({100, 101, 102, 103, 104})).empty());
  CHECK(notes_of(options_of(3), result_of({100, 110, 120})).empty());
  BenchResult doubtful = result_of({100, 99, 101, 100, 102});
  doubtful.keys_written_percent = 58;
  doubtful.warmup_errors = 3;
  doubtful.build.sanitizers = "address";
  const std::string notes = notes_of(five, doubtful);
  CHECK(contains(notes, "about 58% of the keys"));
  CHECK(contains(notes, "3 errors in the warm-up"));
  CHECK(contains(notes, "sanitizers address"));
}

TEST_CASE("an output that cannot be written is refused before anything is measured") {
  const TemporaryFolder folder;
  const auto refuse = [](const std::string& output, const std::string& expected) {
    const Ran ran = run({"bench", "--local", "--output", output});
    CHECK(ran.status == exit_usage);
    CHECK(ran.out.empty());
    CHECK_MESSAGE(contains(ran.err, expected), ran.err);
  };
  refuse(folder / "none/result.json", "there is no such folder");
  refuse(folder.path(), "is a folder");
  CHECK(run({"bench", "--repeat", "0"}).status == exit_usage);
}
