#include "client_lib/cli/bench_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>
#include <random>

#include "client_lib/cli/addresses.h"
#include "client_lib/cli/bench_load.h"
#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/local_cluster.h"
#include "client_lib/cli/process_usage.h"
#include "client_lib/cli/progress_line.h"
#include "client_lib/cli/text_format.h"
#include "tagma/limits.h"

namespace tagma::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds report_timeout{1'000};
constexpr std::chrono::milliseconds attend_interval{100};
constexpr std::size_t value_bytes_max = 100'000;  // the operation's key and framing fit beside it

struct BenchOptions {
  std::string directory;
  bool local = false;
  std::uint32_t replicas = 4;
  std::optional<std::string> durability;
  double seconds = 10;
  double warmup = 2;
  std::int64_t timeout_ms = 10'000;
  bool json = false;
  LoadShape shape;
};

/// A cluster of its own in a temporary folder, removed at the end.
class TemporaryCluster {
 public:
  TemporaryCluster() = default;
  TemporaryCluster(const TemporaryCluster&) = delete;
  TemporaryCluster& operator=(const TemporaryCluster&) = delete;
  ~TemporaryCluster() {
    cluster_.reset();
    std::error_code ignored;
    if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
  }

  std::optional<StartFailure> start(const BenchOptions& options, StopSignals& stop) {
    std::string pattern = (std::filesystem::temp_directory_path() / "tagma-bench-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) return StartFailure{pattern + ": cannot be made", true, false};
    directory_ = pattern;
    InitOptions init;
    init.replicas = options.replicas;
    init.clients = options.shape.clients;
    init.admins = 0;
    init.services = {"kv"};
    auto plan = plan_cluster(init);
    if (!plan) return StartFailure{plan.reason(), true, false};
    // Not the usual ports: another cluster of this machine may have its folder ready for those.
    std::random_device random;
    constexpr std::uint16_t first_port = 10'000;
    constexpr std::uint16_t port_span = 20'000;
    const auto wanted = static_cast<std::uint16_t>(first_port + random() % port_span);
    plan->base_port = free_base_port(std::string(local_host), wanted, 2 * plan->replicas);
    if (!plan->base_port) return StartFailure{"no free ports from " + std::to_string(wanted) + " on", false, false};
    auto created = create_cluster(directory_, *plan);
    if (!created) return StartFailure{created.reason(), true, false};
    cluster_ = std::make_unique<LocalCluster>(directory_, std::move(created->file));
    return cluster_->start(stop, "info");
  }

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] LocalCluster& cluster() { return *cluster_; }

 private:
  std::string directory_;
  std::unique_ptr<LocalCluster> cluster_;
};

/// What can be read off at one moment; the difference of two belongs to the time between them.
struct Reading {
  std::vector<ReplicaReport> reports;
  std::optional<std::int64_t> cpu_us;  ///< of all processes; local clusters only
  Clock::time_point time;
};

struct Measured {
  LoadCounts counts;
  double seconds = 0;
  double operations_per_second = 0;
  std::optional<double> batch_mean;
  std::optional<double> bundle_mean;
  std::optional<double> cpu_us_per_operation;
  std::optional<double> replica_rss_anon_mb;
  bool interrupted = false;
};

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

/// One bench run on clients that are open.
class Bench {
 public:
  Bench(const BenchOptions& options, BenchLoad& load, LocalCluster* cluster, StopSignals& stop, const Streams& streams)
      : options_(options),
        load_(load),
        cluster_(cluster),
        stop_(stop),
        streams_(streams),
        progress_(streams, std::chrono::milliseconds(0)) {}

  Measured run() {
    load_.start();
    attend(options_.warmup, "warm-up");
    const Reading start = read();
    load_.reset_counts();
    if (!stop_.requested()) attend(options_.seconds, "measure");
    Measured measured;
    measured.counts = load_.counts();
    const Reading end = read(Clock::now());
    load_.stop(std::chrono::milliseconds(options_.timeout_ms));
    progress_.clear();
    measured.interrupted = stop_.requested();
    summarise(start, end, measured);
    return measured;
  }

 private:
  /// `time` is that of the counts that belong to the reading.
  Reading read(std::optional<Clock::time_point> time = std::nullopt) {
    Reading reading;
    if (!time) reading.reports = load_.reports(report_timeout);
    reading.time = time.value_or(Clock::now());
    if (cluster_ != nullptr) {
      std::int64_t sum = cpu_time_us(getpid()).value_or(0);
      for (const pid_t pid : cluster_->pids()) sum += cpu_time_us(pid).value_or(0);
      reading.cpu_us = sum;
    }
    if (time) reading.reports = load_.reports(report_timeout);
    return reading;
  }

  /// Lets the load run, looks after the replicas, and shows a line each second.
  void attend(double seconds, const std::string& phase) {
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    auto next_line = start + std::chrono::seconds(1);
    std::uint64_t operations_before = load_.operations();
    while (Clock::now() < end && !stop_.requested()) {
      wait(std::min<Clock::duration>(attend_interval, end - Clock::now()));
      if (Clock::now() < next_line) continue;
      const std::uint64_t operations = load_.operations();
      const double rate = static_cast<double>(operations - operations_before) /
                          std::chrono::duration<double>(Clock::now() - next_line + std::chrono::seconds(1)).count();
      operations_before = operations;
      const double done = std::chrono::duration<double>(Clock::now() - start).count();
      progress_.update(phase + right_aligned(fixed(done, 0), 4) + " of " + fixed(seconds, 0) + " s" +
                       right_aligned(with_commas(static_cast<std::uint64_t>(rate)), 11) + " operations/s   " +
                       counted(load_.errors(), "error"));
      next_line = Clock::now() + std::chrono::seconds(1);
    }
  }

  void wait(Clock::duration duration) {
    const auto time =
        std::max(std::chrono::milliseconds(1), std::chrono::duration_cast<std::chrono::milliseconds>(duration));
    if (cluster_ == nullptr) {
      usleep(static_cast<useconds_t>(std::chrono::microseconds(time).count()));
      return;
    }
    for (const auto& end : cluster_->attend(stop_, time)) {
      progress_.clear();
      fail(streams_, "bench",
           "replica " + std::to_string(end.id) + " " + describe_end(end.wait_status) + ": " + end.last_line);
    }
  }

  void summarise(const Reading& start, const Reading& end, Measured& measured) const {
    measured.seconds = std::chrono::duration<double>(end.time - start.time).count();
    const auto operations = static_cast<double>(measured.counts.operations);
    if (measured.seconds > 0) measured.operations_per_second = operations / measured.seconds;
    measured.batch_mean = mean_per(start, end, "batches executed");
    measured.bundle_mean = mean_per(start, end, "bundles executed");
    if (start.cpu_us && end.cpu_us && operations > 0) {
      measured.cpu_us_per_operation = static_cast<double>(*end.cpu_us - *start.cpu_us) / operations;
    }
    if (cluster_ == nullptr) return;
    std::int64_t largest = 0;
    for (const pid_t pid : cluster_->pids()) largest = std::max(largest, anonymous_memory_bytes(pid).value_or(0));
    if (largest > 0) measured.replica_rss_anon_mb = static_cast<double>(largest) / 1e6;
  }

  const BenchOptions& options_;
  BenchLoad& load_;
  LocalCluster* cluster_;  ///< null where the replicas are not ours
  StopSignals& stop_;
  const Streams& streams_;
  ProgressLine progress_;
};

nlohmann::json optional_json(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

void print_json(const BenchOptions& options, const std::string& durability, const Measured& measured,
                std::ostream& out) {
  const auto& latency = measured.counts.latency_us;
  const nlohmann::json json = {{"clients", options.shape.clients},
                               {"window", options.shape.window},
                               {"value_bytes", options.shape.value_bytes},
                               {"keys", options.shape.keys},
                               {"read_percent", options.shape.read_percent},
                               {"durability", durability},
                               {"seconds", measured.seconds},
                               {"operations", measured.counts.operations},
                               {"operations_per_second", measured.operations_per_second},
                               {"errors", measured.counts.errors},
                               {"latency_us",
                                {{"p50", latency.quantile(0.5)},
                                 {"p90", latency.quantile(0.9)},
                                 {"p99", latency.quantile(0.99)},
                                 {"p999", latency.quantile(0.999)},
                                 {"max", latency.max()}}},
                               {"batch_mean", optional_json(measured.batch_mean)},
                               {"bundle_mean", optional_json(measured.bundle_mean)},
                               {"cpu_us_per_operation", optional_json(measured.cpu_us_per_operation)},
                               {"replica_rss_anon_mb", optional_json(measured.replica_rss_anon_mb)}};
  out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

void print_text(const BenchOptions& options, const std::string& durability, const Measured& measured,
                std::ostream& out) {
  const auto& shape = options.shape;
  const auto& latency = measured.counts.latency_us;
  const auto quantile = [&](double share) { return duration_text(latency.quantile(share)); };
  out << counted(shape.clients, "client") << " with " << shape.window << " outstanding each, "
      << with_commas(shape.value_bytes) << "-byte values, " << counted(shape.keys, "key") << ", " << shape.read_percent
      << "% reads\n"
      << "  throughput  " << with_commas(static_cast<std::uint64_t>(measured.operations_per_second))
      << " operations/s (" << with_commas(measured.counts.operations) << " in " << fixed(measured.seconds, 1) << " s), "
      << counted(measured.counts.errors, "error") << "\n"
      << "  latency     p50 " << quantile(0.5) << "   p90 " << quantile(0.9) << "   p99 " << quantile(0.99)
      << "   p99.9 " << quantile(0.999) << "   max " << duration_text(latency.max()) << "\n";
  if (measured.batch_mean && measured.bundle_mean) {
    out << "  grouping    " << fixed(*measured.batch_mean, 1) << " operations per batch, "
        << fixed(*measured.bundle_mean, 1) << " per signed bundle\n";
  }
  if (measured.cpu_us_per_operation) {
    out << "  CPU         " << fixed(*measured.cpu_us_per_operation, 1)
        << " us per operation, all replicas and clients together\n";
  }
  if (measured.replica_rss_anon_mb) {
    out << "  memory      " << fixed(*measured.replica_rss_anon_mb, 1) << " MB anonymous in the largest replica\n";
  }
  out << "  durability  " << durability << std::endl;
}

int judge(const Measured& measured, const Streams& streams) {
  if (measured.counts.errors > 0) {
    fail(streams, "bench", counted(measured.counts.errors, "error") + "; the first: " + measured.counts.first_error);
  }
  if (measured.interrupted) return fail(streams, "bench", "interrupted", exit_failed);
  if (measured.counts.operations == 0) {
    return fail(streams, "bench", "no operation ended while it was measured", exit_no_quorum);
  }
  return measured.counts.errors == 0 ? exit_ok : exit_failed;
}

void describe_arguments(CLI::App& app, BenchOptions& options) {
  auto& shape = options.shape;
  auto* local = app.add_flag("--local", options.local, "A cluster of its own, removed at the end");
  add_directory_option(app, options.directory);
  app.get_option("--dir")->excludes(local);
  app.add_option("--replicas", options.replicas, "Replicas of --local (default 4)")->needs(local)->type_name("N");
  app.add_option("--durability", options.durability, "Of --local; only 'memory' in this version")->type_name("MODE");
  app.add_option("--clients", shape.clients, "Clients, each with its own key (default 8)")
      ->check(CLI::Range(1, 4'096).description(""))
      ->type_name("C");
  app.add_option("--window", shape.window, "Operations outstanding per client (default 32)")
      ->check(CLI::Range(std::uint64_t{1}, limits::session_window).description(""))
      ->type_name("W");
  app.add_option("--seconds", options.seconds, "How long to measure (default 10)")
      ->check(CLI::Range(0.1, 1e6).description(""))
      ->type_name("S");
  app.add_option("--warmup", options.warmup, "Before it, not measured (default 2)")
      ->check(CLI::Range(0.0, 1e6).description(""))
      ->type_name("S");
  app.add_option("--value-bytes", shape.value_bytes, "Size of the values (default 100)")
      ->check(CLI::Range(std::size_t{0}, value_bytes_max).description(""))
      ->type_name("B");
  app.add_option("--keys", shape.keys, "Different keys (default 100000)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40).description(""))
      ->type_name("N");
  app.add_option("--read-percent", shape.read_percent, "Share of gets (default 0)")
      ->check(CLI::Range(0, 100).description(""))
      ->type_name("R");
  app.add_option("--timeout-ms", options.timeout_ms, "Time limit of one operation (10000)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86'400'000}).description(""))
      ->type_name("T");
  app.add_flag("--json", options.json, "The figures as JSON");
  app.footer(
      "Examples:\n"
      "  tagma bench --local --clients 8 --window 32 --seconds 10\n"
      "  tagma bench --local --clients 1 --window 1\n"
      "  tagma bench --dir /tmp/c7 --read-percent 90 --json\n\n"
      "Exit status: 0 no errors, 1 errors, 2 usage, 3 nothing was answered.");
}

/// What the options and the folder rule out before anything starts.
std::optional<std::string> check(const BenchOptions& options, std::string& durability) {
  if (options.durability) {
    const auto wanted = supported_durability(*options.durability);
    if (!wanted) return wanted.reason();
  }
  durability = options.durability.value_or("memory");
  if (options.local) return std::nullopt;
  const auto file = open_cluster(options.directory);
  if (!file) return file.reason() + "; or bench a cluster of its own with --local";
  durability = tagma::to_string(file->durability);
  if (options.durability && *options.durability != durability) {
    return "--durability " + *options.durability + ": the cluster in " + options.directory + " has " + durability;
  }
  const auto& services = file->services;
  if (std::find(services.begin(), services.end(), "kv") == services.end()) {
    return options.directory + ": this cluster does not host the service kv, which bench needs";
  }
  const std::size_t clients = file->membership.clients.size();
  if (clients >= options.shape.clients) return std::nullopt;
  return options.directory + ": has " + counted(clients, "client") + ", but --clients " +
         std::to_string(options.shape.clients) + " needs one key for each; make a cluster with tagma init --clients " +
         std::to_string(options.shape.clients) + ", or use --local";
}

int run_checked(const BenchOptions& options, const std::string& durability, const Streams& streams) {
  StopSignals stop;
  TemporaryCluster own;
  if (options.local) {
    if (const auto failure = own.start(options, stop)) {
      if (failure->stop_requested) return fail(streams, "bench", "interrupted", exit_failed);
      return fail(streams, "bench", failure->reason, failure->bad_input ? exit_usage : exit_failed);
    }
  }
  auto load = BenchLoad::open(options.local ? own.directory() : options.directory, options.shape,
                              std::chrono::milliseconds(options.timeout_ms));
  if (!load) return fail(streams, "bench", load.reason());
  Measured measured;
  {
    Bench bench(options, **load, options.local ? &own.cluster() : nullptr, stop, streams);
    measured = bench.run();
  }
  if (options.json) {
    print_json(options, durability, measured, streams.out);
  } else {
    print_text(options, durability, measured, streams.out);
  }
  return judge(measured, streams);
}

std::optional<int> read_arguments(const Arguments& arguments, const Streams& streams, BenchOptions& options) {
  CLI::App app("Measures kv put and get in closed loops; every reply is checked.", "tagma bench");
  describe_arguments(app, options);
  return parse_arguments(app, arguments, streams);
}

}  // namespace

std::optional<int> check_bench(const Arguments& arguments, const Streams& streams) {
  BenchOptions options;
  return read_arguments(arguments, streams, options);
}

int run_bench(const Arguments& arguments, const Streams& streams) {
  BenchOptions options;
  if (const auto status = read_arguments(arguments, streams, options)) return *status;
  std::string durability;
  if (const auto reason = check(options, durability)) return fail(streams, "bench", *reason);
  return run_checked(options, durability, streams);
}

}  // namespace tagma::cli
