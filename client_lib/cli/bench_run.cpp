#include "client_lib/cli/bench_run.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "client_lib/cli/process_usage.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds report_timeout{1'000};
/// A cluster that does not answer is not waited for once somebody wants to leave.
constexpr std::chrono::milliseconds interrupted_timeout{100};
constexpr std::chrono::milliseconds attend_interval{100};
/// Share of the machine's cores that other processes may take before a repeat counts as disturbed.
constexpr double other_share_max = 0.1;

std::optional<std::uint64_t> counter_of(const Report& report, std::string_view name) {
  for (const auto& [known, count] : report.counters) {
    if (known == name) return count;
  }
  return std::nullopt;
}

/// Operations per `unit` between the two readings, by the first replica that answered both times.
std::optional<double> mean_per(const Reading& start, const Reading& end, std::string_view unit) {
  for (const auto& last : end.reports) {
    for (const auto& first : start.reports) {
      if (first.id != last.id || !first.answered || !last.answered) continue;
      const auto operations_first = counter_of(first.report, "operations executed");
      const auto operations_last = counter_of(last.report, "operations executed");
      const auto units_first = counter_of(first.report, unit);
      const auto units_last = counter_of(last.report, unit);
      if (!operations_first || !operations_last || !units_first || !units_last) continue;
      if (*units_last <= *units_first || *operations_last < *operations_first) continue;
      return static_cast<double>(*operations_last - *operations_first) /
             static_cast<double>(*units_last - *units_first);
    }
  }
  return std::nullopt;
}

std::optional<double> megabytes(std::int64_t bytes) {
  if (bytes <= 0) return std::nullopt;
  return static_cast<double>(bytes) / 1e6;
}

double seconds_between(const Reading& start, const Reading& end) {
  return std::chrono::duration<double>(end.time - start.time).count();
}

}  // namespace

std::optional<double> growth_of(const Reading::PerProcess& start, const Reading::PerProcess& end) {
  if (start.empty() || start.size() != end.size()) return std::nullopt;
  std::int64_t sum = 0;
  for (std::size_t process = 0; process < start.size(); ++process) {
    if (!start[process] || !end[process]) return std::nullopt;
    sum += std::max<std::int64_t>(*end[process] - *start[process], 0);
  }
  return static_cast<double>(sum);
}

Figures figures_between(const Reading& start, const Reading& end, const LoadCounts& counts) {
  Figures figures;
  const double seconds = seconds_between(start, end);
  const auto operations = static_cast<double>(counts.operations);
  const auto quantile = [&](double share) { return static_cast<double>(counts.latency_us.quantile(share)); };
  figures[figure_operations_per_second] = seconds > 0 ? operations / seconds : 0;
  figures[figure_latency_p50] = quantile(0.5);
  figures[figure_latency_p90] = quantile(0.9);
  figures[figure_latency_p99] = quantile(0.99);
  figures[figure_latency_p999] = quantile(0.999);
  figures[figure_latency_max] = static_cast<double>(counts.latency_us.max());
  figures[figure_batch_mean] = mean_per(start, end, "batches executed");
  figures[figure_bundle_mean] = mean_per(start, end, "bundles executed");
  figures[figure_memory_start] = megabytes(start.replica_memory_bytes);
  figures[figure_memory] = megabytes(end.replica_memory_bytes);
  const auto cpu_us = growth_of(start.cpu_us, end.cpu_us);
  const auto wake_up_count = growth_of(start.wake_ups, end.wake_ups);
  if (operations > 0) {
    if (cpu_us) {
      figures[figure_cpu] = *cpu_us / operations;
      figures[figure_bench_cpu] = *growth_of({start.cpu_us.front()}, {end.cpu_us.front()}) / operations;
    }
    if (wake_up_count) figures[figure_wake_ups] = *wake_up_count / operations;
  }
  if (cpu_us && start.machine_cpu_us && end.machine_cpu_us && seconds > 0) {
    const auto machine_us = static_cast<double>(*end.machine_cpu_us - *start.machine_cpu_us);
    figures[figure_other_cores] = std::max(machine_us - *cpu_us, 0.0) / 1e6 / seconds;
  }
  return figures;
}

BenchRun::BenchRun(const BenchOptions& options, BenchLoad& load, LocalCluster* cluster, StopSignals& stop,
                   const Streams& streams)
    : options_(options),
      load_(load),
      cluster_(cluster),
      stop_(stop),
      streams_(streams),
      progress_(streams, std::chrono::milliseconds(0)) {}

void BenchRun::attend(const KeyFill& fill) {
  std::uint64_t written_before = 0;
  attend([&fill] { return fill.finished(); }, Clock::time_point::max(),
         [&](double /*elapsed*/, double interval) {
           const std::uint64_t written = fill.written();
           const double rate = static_cast<double>(written - written_before) / interval;
           written_before = written;
           return "fill " + with_commas(written) + " of " + counted(options_.shape.keys, "key") +
                  right_aligned(with_commas(static_cast<std::uint64_t>(rate)), 11) + " operations/s";
         });
  progress_.clear();
}

void BenchRun::measure(BenchResult& result) {
  load_.start();
  attend(options_.warmup, "warm-up");
  result.warmup_errors = load_.errors();
  const double writes =
      static_cast<double>(load_.operations()) * (1 - static_cast<double>(options_.shape.read_percent) / 100);
  // Of uniform keys, so many are hit at least once.
  const double expected_share = 1 - std::exp(-writes / static_cast<double>(options_.shape.keys));
  result.keys_written_percent = options_.fill ? 100 : expected_share * 100;
  while (result.repeats.size() < options_.repeats && !stop_.requested()) {
    const std::string number = std::to_string(result.repeats.size() + 1);
    const std::string phase =
        options_.repeats == 1 ? "measure" : "repeat " + number + " of " + std::to_string(options_.repeats) + ",";
    result.repeats.push_back(measure_once(phase, result.first_error));
  }
  // The figures are complete: what is outstanding is waited for only to end in good order.
  const auto end = Clock::now() + std::chrono::milliseconds(options_.timeout_ms);
  bool idle = load_.stop(std::chrono::milliseconds(0));
  while (!idle && !stop_.requested() && Clock::now() < end) idle = load_.stop(attend_interval);
  progress_.clear();
  result.interrupted = stop_.requested();
}

Repeat BenchRun::measure_once(const std::string& phase, std::string& first_error) {
  ended_.clear();
  const Reading start = read(false);
  load_.reset_counts();
  if (!stop_.requested()) attend(options_.seconds, phase);
  const LoadCounts counts = load_.counts();
  const Reading end = read(true);
  Repeat repeat;
  repeat.seconds = seconds_between(start, end);
  repeat.operations = counts.operations;
  repeat.errors = counts.errors;
  repeat.figures = figures_between(start, end, counts);
  repeat.disturbed = disturbances(repeat);
  if (first_error.empty()) first_error = counts.first_error;
  return repeat;
}

std::vector<std::string> BenchRun::disturbances(const Repeat& repeat) {
  std::vector<std::string> disturbed = ended_;
  if (cluster_ != nullptr && ended_.empty() && cluster_->running() < options_.replicas) {
    disturbed.push_back("only " + std::to_string(cluster_->running()) + " of " + std::to_string(options_.replicas) +
                        " replicas ran");
  }
  if (repeat.errors > 0) disturbed.push_back(counted(repeat.errors, "error"));
  const auto other = repeat.figures[figure_other_cores];
  const double cores = std::thread::hardware_concurrency();
  if (other && *other > other_share_max * cores) {
    disturbed.push_back("other processes took " + fixed(*other, 2) + " of " + fixed(cores, 0) + " cores");
  }
  if (stop_.requested()) disturbed.emplace_back("interrupted");
  return disturbed;
}

/// The replicas are asked outside of the time that is measured: before its start, after its end.
Reading BenchRun::read(bool is_end) {
  Reading reading;
  if (!is_end) reading.reports = load_.reports(report_timeout);
  reading.time = Clock::now();
  if (cluster_ != nullptr) {
    std::vector<pid_t> processes = cluster_->pids();
    for (const pid_t replica : processes) {
      reading.replica_memory_bytes =
          std::max(reading.replica_memory_bytes, anonymous_memory_bytes(replica).value_or(0));
    }
    processes.insert(processes.begin(), getpid());
    for (const pid_t process : processes) {
      reading.cpu_us.push_back(cpu_time_us(process));
      reading.wake_ups.push_back(wake_ups(process));
    }
    reading.machine_cpu_us = machine_cpu_time_us();
  }
  if (is_end) reading.reports = load_.reports(stop_.requested() ? interrupted_timeout : report_timeout);
  return reading;
}

void BenchRun::attend(double seconds, const std::string& phase) {
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::uint64_t operations_before = load_.operations();
  attend([] { return false; }, end,
         [&](double elapsed, double interval) {
           const std::uint64_t operations = load_.operations();
           const double rate = static_cast<double>(operations - operations_before) / interval;
           operations_before = operations;
           return phase + right_aligned(fixed(elapsed, 0), 4) + " of " + fixed(seconds, 0) + " s" +
                  right_aligned(with_commas(static_cast<std::uint64_t>(rate)), 11) + " operations/s   " +
                  counted(load_.errors(), "error");
         });
}

/// Lets the load run, looks after the replicas, and shows a line each second.
void BenchRun::attend(const std::function<bool()>& is_over, Clock::time_point end,
                      const std::function<std::string(double elapsed, double interval)>& line) {
  const auto start = Clock::now();
  auto last_line = start;
  while (!is_over() && Clock::now() < end && !stop_.requested()) {
    wait(std::min<Clock::duration>(attend_interval, end - Clock::now()));
    const auto now = Clock::now();
    if (now < last_line + std::chrono::seconds(1)) continue;
    progress_.update(line(std::chrono::duration<double>(now - start).count(),
                          std::chrono::duration<double>(now - last_line).count()));
    last_line = now;
  }
}

void BenchRun::wait(Clock::duration duration) {
  const auto time =
      std::max(std::chrono::milliseconds(1), std::chrono::duration_cast<std::chrono::milliseconds>(duration));
  if (cluster_ == nullptr) {
    std::this_thread::sleep_for(time);
    return;
  }
  for (const auto& end : cluster_->attend(stop_, time)) {
    progress_.clear();
    ended_.push_back("replica " + std::to_string(end.id) + " " + describe_end(end.wait_status));
    fail(streams_, "bench", ended_.back() + ": " + end.last_line);
  }
}

}  // namespace tagma::cli
