// tagma bench on real processes: the fields of its result, and what it says of a run that was disturbed.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "test/end_to_end/harness/cluster.h"

namespace tagma::end_to_end {

using nlohmann::json;

namespace {

std::vector<std::string> bench_command(std::vector<std::string> more) {
  std::vector<std::string> command{tagma_binary(), "bench", "--clients", "2", "--window", "4", "--keys", "50"};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

bool mentions(const json& list, const std::string& text) {
  return std::any_of(list.begin(), list.end(),
                     [&](const json& one) { return one.get<std::string>().find(text) != std::string::npos; });
}

}  // namespace

TEST_SUITE("bench") {
  TEST_CASE("a local bench has the contract's fields, its repeats, their spread, and what it was measured with") {
    const TemporaryFolder folder;
    const std::string output = folder.file("result.json");
    const Finished finished = run(bench_command({"--local", "--fill", "--seconds", "0.4", "--warmup", "0.2", "--repeat",
                                                 "3", "--read-percent", "50", "--json", "--output", output}),
                                  seconds(60));
    INFO(finished.all());
    REQUIRE(finished.exit_status == 0);
    REQUIRE(json::accept(finished.output));
    const json result = json::parse(finished.output);
    CHECK(json::parse(read_file(output)) == result);
    CHECK(result.at("errors") == 0);
    CHECK(result.at("filled") == true);
    CHECK(result.at("keys_written_percent") == 100);
    CHECK(result.at("replicas") == 4);
    CHECK(result.at("durability") == "sync");
    CHECK(result.at("machine").at("cores").get<int>() >= 1);
    CHECK(result.at("build").at("executable_sha256").get<std::string>().size() == 64);
    CHECK(result.at("command_line").get<std::string>().find("--repeat 3") != std::string::npos);
    REQUIRE(result.at("repeats").size() == 3);
    std::uint64_t operations = 0;
    const auto check_figures = [](const json& figures) {
      for (const std::string name :
           {"operations_per_second", "batch_mean", "bundle_mean", "cpu_us_per_operation", "bench_cpu_us_per_operation",
            "wake_ups_per_operation", "replica_rss_anon_start_mb", "replica_rss_anon_mb"}) {
        CAPTURE(name);
        REQUIRE(figures.at(name).is_number());
        CHECK(figures.at(name) > 0);
      }
      const json& latency = figures.at("latency_us");
      CHECK(latency.at("p50") > 0);
      CHECK(latency.at("p50") <= latency.at("p90"));
      CHECK(latency.at("p90") <= latency.at("p99"));
      CHECK(latency.at("p99") <= latency.at("p999"));
      CHECK(latency.at("p999") <= latency.at("max"));
      CHECK(figures.at("bench_cpu_us_per_operation") <= figures.at("cpu_us_per_operation"));
    };
    for (const auto& repeat : result.at("repeats")) {
      check_figures(repeat);
      CHECK(repeat.at("seconds") >= 0.4);
      operations += repeat.at("operations").get<std::uint64_t>();
      const auto rate = repeat.at("operations_per_second").get<double>();
      CHECK(rate >= result.at("spread").at("operations_per_second").at("min").get<double>());
      CHECK(rate <= result.at("spread").at("operations_per_second").at("max").get<double>());
    }
    check_figures(result);
    CHECK(result.at("operations") == operations);

    const Finished compared = run({tagma_binary(), "bench", "compare", output, output});
    INFO(compared.all());
    CHECK(compared.exit_status == 0);
    CHECK(compared.output.find("within the spread") != std::string::npos);
  }

  TEST_CASE("of a cluster that runs elsewhere, what only its machine knows is left out") {
    Cluster cluster;
    REQUIRE(cluster.up());
    const Finished finished =
        run(bench_command({"--dir", cluster.directory(), "--seconds", "0.3", "--warmup", "0", "--json"}));
    INFO(finished.all());
    REQUIRE(finished.exit_status == 0);
    const json result = json::parse(finished.output);
    CHECK(result.at("operations_per_second") > 0);
    CHECK(result.at("batch_mean").is_number());
    CHECK(result.at("replicas") == 4);
    for (const std::string name : {"cpu_us_per_operation", "wake_ups_per_operation", "replica_rss_anon_mb"}) {
      CAPTURE(name);
      CHECK(result.at(name).is_null());
    }
  }

  TEST_CASE("a replica that ends in the middle disturbs its repeat and all that follow") {
    Process bench(bench_command({"--local", "--seconds", "2", "--warmup", "0", "--repeat", "4", "--json"}));
    REQUIRE(bench.await_text("repeat 1 of 4", in(seconds(30))));
    const auto running = processes_naming("tagma-bench-");
    const auto backup = std::find_if(running.begin(), running.end(), [&](const Seen& seen) {
      const auto id = std::find(seen.arguments.begin(), seen.arguments.end(), "--id");
      return seen.parent == bench.pid() && id != seen.arguments.end() && id + 1 != seen.arguments.end() && id[1] == "3";
    });
    REQUIRE(backup != running.end());
    REQUIRE(::kill(backup->pid, SIGKILL) == 0);
    const Finished finished = bench.finish(in(seconds(60)));
    INFO(finished.all());
    CHECK(finished.exit_status == 0);
    REQUIRE(json::accept(finished.output));
    const json repeats = json::parse(finished.output).at("repeats");
    const auto killed = std::find_if(repeats.begin(), repeats.end(), [](const json& repeat) {
      return mentions(repeat.at("disturbed"), "replica 3 was killed by signal 9");
    });
    REQUIRE(killed != repeats.end());
    CHECK(killed->at("cpu_us_per_operation").is_null());
    CHECK(killed->at("wake_ups_per_operation").is_null());
    REQUIRE(killed + 1 != repeats.end());
    for (auto later = killed + 1; later != repeats.end(); ++later) {
      CHECK(mentions(later->at("disturbed"), "only 3 of 4 replicas ran"));
    }
  }

  TEST_CASE("an interrupted bench shows what it has, marked, and ends with status 1") {
    const TemporaryFolder folder;
    const std::string output = folder.file("result.json");
    Process bench(bench_command({"--local", "--seconds", "60", "--warmup", "0", "--repeat", "2", "--output", output}));
    REQUIRE(bench.await_text("repeat 1 of 2", in(seconds(30))));
    bench.signal(SIGINT);
    const Finished finished = bench.finish(in(seconds(30)));
    INFO(finished.all());
    CHECK(finished.exit_status == 1);
    CHECK(finished.output.find("throughput") != std::string::npos);
    const json result = json::parse(read_file(output));
    CHECK(result.at("interrupted") == true);
    REQUIRE(result.at("repeats").size() == 1);
    CHECK(mentions(result.at("repeats").at(0).at("disturbed"), "interrupted"));
  }
}

}  // namespace tagma::end_to_end
