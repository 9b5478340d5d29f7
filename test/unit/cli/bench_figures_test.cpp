// Medians and spreads, and the figures between two readings.
#include "client_lib/cli/bench_figures.h"

#include <doctest/doctest.h>

#include "client_lib/cli/bench_facts.h"
#include "client_lib/cli/bench_run.h"

using namespace tagma::cli;
using tagma::ReplicaReport;

namespace {

ReplicaReport report_of(tagma::ReplicaId id, std::uint64_t operations, std::uint64_t batches, std::uint64_t bundles) {
  ReplicaReport report;
  report.id = id;
  report.answered = true;
  report.report.counters = {
      {"operations executed", operations}, {"batches executed", batches}, {"bundles executed", bundles}};
  return report;
}

Reading reading_at(int seconds) {
  Reading reading;
  reading.time = std::chrono::steady_clock::time_point(std::chrono::seconds(seconds));
  return reading;
}

}  // namespace

TEST_CASE("a median is the middle value, of an even number the mean of the two middle ones") {
  CHECK_FALSE(median_of({}));
  CHECK(median_of({7}) == 7);
  CHECK(median_of({9, 1, 5}) == 5);
  CHECK(median_of({4, 1, 100, 2}) == 3);
  CHECK(median_of({3, 3, 3, 1}) == 3);
}

TEST_CASE("a spread is the range, relative to the median") {
  CHECK_FALSE(spread_of({}));
  const auto one = spread_of({8});
  REQUIRE(one);
  CHECK(one->min == 8);
  CHECK(one->max == 8);
  CHECK(one->relative_percent == 0);
  const auto several = spread_of({120, 90, 100});
  REQUIRE(several);
  CHECK(several->min == 90);
  CHECK(several->max == 120);
  CHECK(several->relative_percent == doctest::Approx(30));
  CHECK(spread_of({0, 0, 5})->relative_percent == 0);
}

TEST_CASE("a summary takes each figure from the repeats that have it") {
  std::vector<Figures> repeats(3);
  repeats[0][figure_cpu] = 40;
  repeats[2][figure_cpu] = 44;
  for (std::size_t i = 0; i < 3; ++i) repeats[i][figure_operations_per_second] = 100.0 * static_cast<double>(i + 1);
  const Summary summary = summarise(repeats);
  CHECK(summary.medians[figure_operations_per_second] == 200);
  CHECK(summary.medians[figure_cpu] == 42);
  CHECK(summary.spreads[figure_cpu]->min == 40);
  CHECK_FALSE(summary.medians[figure_wake_ups]);
  CHECK_FALSE(summary.spreads[figure_wake_ups]);
}

TEST_CASE("what the processes used grows by the sum, and is unknown once one of them has ended") {
  CHECK(growth_of({10, 20}, {15, 40}) == 25);
  CHECK_FALSE(growth_of({10, 20}, {15, std::nullopt}));
  CHECK_FALSE(growth_of({}, {}));
  // A thread that ended took its wake-ups with it.
  CHECK(growth_of({10, 20}, {5, 40}) == 20);
}

TEST_CASE("figures belong to the time between two readings") {
  Reading start = reading_at(10);
  Reading end = reading_at(14);
  start.reports = {ReplicaReport{}, report_of(1, 1'000, 10, 100)};
  end.reports = {report_of(0, 9, 9, 9), report_of(1, 5'000, 110, 300)};
  start.cpu_us = {1'000, 500, 500};
  end.cpu_us = {5'000, 4'500, 8'500};
  start.wake_ups = {0, 0, 0};
  end.wake_ups = {1'000, 2'000, 1'000};
  start.machine_cpu_us = 0;
  end.machine_cpu_us = 2'016'000;
  start.replica_memory_bytes = 10'000'000;
  end.replica_memory_bytes = 12'500'000;
  LoadCounts counts;
  counts.operations = 4'000;
  for (int i = 1; i <= 100; ++i) counts.latency_us.record(i);
  const Figures figures = figures_between(start, end, counts);
  CHECK(figures[figure_operations_per_second] == 1'000);
  CHECK(figures[figure_latency_p50] == 50);
  CHECK(figures[figure_latency_p99] == 99);
  CHECK(figures[figure_latency_max] == 100);
  CHECK(figures[figure_batch_mean] == 40);
  CHECK(figures[figure_bundle_mean] == 20);
  CHECK(figures[figure_cpu] == 4);
  CHECK(figures[figure_bench_cpu] == 1);
  CHECK(figures[figure_wake_ups] == 1);
  CHECK(*figures[figure_other_cores] == doctest::Approx(0.5));
  CHECK(figures[figure_memory_start] == 10);
  CHECK(figures[figure_memory] == 12.5);
}

TEST_CASE("a cluster that is not ours, and a time without operations, leave figures out instead of inventing them") {
  const Figures none = figures_between(reading_at(1), reading_at(1), LoadCounts{});
  CHECK(none[figure_operations_per_second] == 0);
  for (const Figure figure : {figure_batch_mean, figure_cpu, figure_bench_cpu, figure_wake_ups, figure_other_cores,
                              figure_memory_start, figure_memory}) {
    CAPTURE(figure_rules[figure].name);
    CHECK_FALSE(none[figure]);
  }
}

TEST_CASE("the processor's model is what the kernel calls it") {
  CHECK(cpu_model_of("processor\t: 0\nmodel name\t: AMD EPYC 7R13\nstepping: 1\n") == "AMD EPYC 7R13");
  CHECK(cpu_model_of("model name\t:\n") == "unknown");
  CHECK(cpu_model_of("Hardware: something else\n") == "unknown");
  CHECK(machine_facts().cores >= 1);
  CHECK(build_facts().executable_sha256.size() == 64);
}
