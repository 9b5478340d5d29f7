// Runs the load of `tagma bench` and measures it: fill, warm-up, then the repeats without a pause between.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client_lib/cli/bench_load.h"
#include "client_lib/cli/bench_result.h"
#include "client_lib/cli/local_cluster.h"
#include "client_lib/cli/progress_line.h"
#include "client_lib/cli/stop_signals.h"

namespace tagma::cli {

/// What can be read off at one moment; the difference of two belongs to the time between them.
struct Reading {
  /// Of this process first, then of each replica; nothing for a process that has ended.
  using PerProcess = std::vector<std::optional<std::int64_t>>;

  std::chrono::steady_clock::time_point time;
  std::vector<ReplicaReport> reports;
  PerProcess cpu_us;    ///< empty where the replicas are not ours, as are those below
  PerProcess wake_ups;  ///< so far
  std::optional<std::int64_t> machine_cpu_us;
  std::int64_t replica_memory_bytes = 0;  ///< anonymous, of the largest replica
};

/// The sum of what each process added; nothing where one of them is missing in either.
[[nodiscard]] std::optional<double> growth_of(const Reading::PerProcess& start, const Reading::PerProcess& end);
/// The figures of the time between two readings.
[[nodiscard]] Figures figures_between(const Reading& start, const Reading& end, const LoadCounts& counts);

/// One bench on clients that are open.
class BenchRun {
 public:
  /// All outlive this object; `cluster` is null where the replicas are not ours.
  BenchRun(const BenchOptions& options, BenchLoad& load, LocalCluster* cluster, StopSignals& stop,
           const Streams& streams);

  /// Shows the progress of a fill until it ends or a signal comes.
  void attend(const KeyFill& fill);
  /// Warm-up and repeats into `result`.
  void measure(BenchResult& result);

 private:
  [[nodiscard]] Repeat measure_once(const std::string& phase, std::string& first_error);
  [[nodiscard]] Reading read(bool is_end);
  void attend(double seconds, const std::string& phase);
  void attend(const std::function<bool()>& is_over, std::chrono::steady_clock::time_point end,
              const std::function<std::string(double elapsed, double interval)>& line);
  void wait(std::chrono::steady_clock::duration duration);
  [[nodiscard]] std::vector<std::string> disturbances(const Repeat& repeat);

  const BenchOptions& options_;
  BenchLoad& load_;
  LocalCluster* cluster_;
  StopSignals& stop_;
  const Streams& streams_;
  ProgressLine progress_;
  std::vector<std::string> ended_;  ///< replicas that have ended, in words
};

}  // namespace tagma::cli
