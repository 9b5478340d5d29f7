#include "client_lib/cli/bench_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>
#include <random>

#include "client_lib/cli/addresses.h"
#include "client_lib/cli/bench_compare.h"
#include "client_lib/cli/bench_load.h"
#include "client_lib/cli/bench_options.h"
#include "client_lib/cli/bench_result.h"
#include "client_lib/cli/bench_run.h"
#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/local_cluster.h"
#include "client_lib/cli/open_client.h"
#include "client_lib/cli/result_file.h"
#include "client_lib/cli/text_format.h"
#include "tagma/limits.h"

namespace tagma::cli {
namespace {

/// How long a look whether anybody answers at all may take.
constexpr std::chrono::milliseconds glance{330};
constexpr std::size_t value_bytes_max = 100'000;  // the operation's key and framing fit beside it

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

  std::optional<StartFailure> start(const BenchOptions& options, const ServiceCatalogue& services, StopSignals& stop) {
    std::string pattern = (std::filesystem::temp_directory_path() / "tagma-bench-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) return StartFailure{pattern + ": cannot be made", true, false};
    directory_ = pattern;
    InitOptions init;
    init.replicas = options.replicas;
    init.clients = options.shape.clients;
    init.admins = 0;
    init.services = {"kv"};
    init.durability = options.durability;
    auto plan = plan_cluster(init, services);
    if (!plan) return StartFailure{plan.reason(), true, false};
    // Not the usual ports: another cluster of this machine may have its folder ready for those.
    std::random_device random;
    constexpr std::uint16_t first_port = 10'000;
    constexpr std::uint16_t port_span = 20'000;
    const auto wanted = static_cast<std::uint16_t>(first_port + random() % port_span);
    const auto ports = PortClaim::first_free(std::string(local_host), wanted, 2 * plan->replicas);
    if (!ports) return StartFailure{"no free ports from " + std::to_string(wanted) + " on", false, false};
    plan->base_port = ports->base();
    auto created = create_cluster(directory_, *plan, {});
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

int judge(const BenchResult& result, const Streams& streams) {
  if (result.errors() > 0) {
    fail(streams, "bench", counted(result.errors(), "error") + "; the first: " + result.first_error);
  }
  if (result.interrupted) return fail(streams, "bench", "interrupted", exit_failed);
  if (result.operations() == 0) {
    return fail(streams, "bench", "no operation ended while it was measured", exit_no_quorum);
  }
  return result.errors() == 0 ? exit_ok : exit_failed;
}

void describe_arguments(CLI::App& app, BenchOptions& options) {
  app.name("tagma bench");
  app.description("Measures kv put and get in closed loops; every reply is checked.");
  auto& shape = options.shape;
  auto* local = app.add_flag("--local", options.local, "A cluster of its own, removed at the end");
  add_directory_option(app, options.directory);
  app.get_option("--dir")->excludes(local);
  app.add_option("--replicas", options.replicas, "Replicas of --local (default 4)")->needs(local)->type_name("N");
  app.add_option("--durability", options.durability, "Of the cluster of --local (sync)")->type_name(durability_words);
  app.add_option("--clients", shape.clients, "Clients, each with its own key (default 8)")
      ->check(CLI::Range(1, 4'096).description(""))
      ->type_name("C");
  app.add_option("--window", shape.window, "Operations outstanding per client (default 32)")
      ->check(CLI::Range(std::uint64_t{1}, limits::session_window).description(""))
      ->type_name("W");
  app.add_option("--seconds", options.seconds, "How long to measure, each time (default 10)")
      ->check(CLI::Range(0.1, 1e6).description(""))
      ->type_name("S");
  app.add_option("--warmup", options.warmup, "Before it, not measured (default 2)")
      ->check(CLI::Range(0.0, 1e6).description(""))
      ->type_name("S");
  app.add_flag("--fill", options.fill, "Write every key once before the warm-up");
  app.add_option("--repeat", options.repeats, "How often to measure after it (default 1)")
      ->check(CLI::Range(1, 1'000).description(""))
      ->type_name("N");
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
  app.add_flag("--json", options.json, "The figures as JSON instead of text");
  app.add_option("--output", options.output, "Writes the JSON there too; replaces a file")
      ->type_name("FILE")
      ->check([](const std::string& text) { return text.empty() ? "the file's name is empty" : std::string(); });
  app.footer(
      "  tagma bench compare OLD.json NEW.json    compares two files of --output\n\n"
      "With --repeat the figures are medians, and the text shows how far the repeats\n"
      "lie apart. CPU time, wake-ups and memory are measured with --local only.\n"
      "The loops are closed: while the cluster stalls nothing new is sent, so a stall\n"
      "counts for at most C*W operations. The latencies are those of this load, not\n"
      "those that requests at a fixed rate would see.\n\n"
      "Examples:\n"
      "  tagma bench --local --clients 8 --window 32 --seconds 10\n"
      "  tagma bench --local --clients 1 --window 1\n"
      "  tagma bench --local --fill --warmup 5 --repeat 5 --output new.json\n"
      "  tagma bench --dir /tmp/c7 --read-percent 90 --json\n\n"
      "Exit status: 0 no errors, 1 errors, 2 usage, 3 nothing was answered.");
}

/// What the options and the folder rule out before anything starts. Sets what only the folder knows.
std::optional<std::string> check(BenchOptions& options, std::string& durability, const ProgramName& program) {
  if (!options.output.empty()) {
    if (auto reason = check_result_path(options.output)) return reason;
  }
  if (options.durability) {
    const auto wanted = durability_of_option(*options.durability);
    if (!wanted) return wanted.reason();
  }
  durability = options.durability.value_or("sync");
  if (options.local) return std::nullopt;
  const auto file = open_cluster(options.directory, program);
  if (!file) return file.reason() + "; or bench a cluster of its own with --local";
  options.replicas = file->membership.n();
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
         std::to_string(options.shape.clients) + " needs one key for each; make a cluster with " + program.word +
         " init --clients " + std::to_string(options.shape.clients) + ", or use --local";
}

/// Writes every key once; the exit status where the bench is over already.
std::optional<int> fill_keys(const BenchOptions& options, const std::string& directory, BenchRun& run,
                             StopSignals& stop, const Streams& streams) {
  auto fill = KeyFill::open(directory, options.shape, std::chrono::milliseconds(options.timeout_ms), streams.program);
  if (!fill) return fail(streams, "bench", fill.reason());
  (*fill)->start();
  run.attend(**fill);
  if (stop.requested()) return fail(streams, "bench", "interrupted", exit_failed);
  const std::string error = (*fill)->error();
  if (error.empty()) return std::nullopt;
  return fail(streams, "bench", "after " + counted((*fill)->written(), "key") + " of --fill: " + error, exit_no_quorum);
}

int report(const BenchOptions& options, const BenchResult& result, const Streams& streams) {
  const std::string text = to_json(options, result).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  if (options.json) {
    streams.out << text << std::endl;
  } else {
    print_text(options, result, streams.out);
  }
  std::optional<std::string> unwritten;
  if (!options.output.empty()) unwritten = write_result(options.output, text + "\n");
  const int status = judge(result, streams);
  if (unwritten) return fail(streams, "bench", *unwritten, exit_failed);
  return status;
}

int run_checked(const BenchOptions& options, const std::string& durability, const Streams& streams,
                const Program& program) {
  StopSignals stop;
  TemporaryCluster own;
  if (options.local) {
    if (const auto failure = own.start(options, program.services, stop)) {
      if (failure->stop_requested) return fail(streams, "bench", "interrupted", exit_failed);
      return fail(streams, "bench", failure->reason, failure->bad_input ? exit_usage : exit_failed);
    }
  }
  const std::string& directory = options.local ? own.directory() : options.directory;
  auto load = BenchLoad::open(directory, options.shape, std::chrono::milliseconds(options.timeout_ms), streams.program);
  if (!load) return fail(streams, "bench", load.reason());
  if (!options.local && !any_answered((*load)->reports(glance))) {
    fail(streams, "bench", no_replica_hint(streams.program, directory));
  }
  BenchResult result;
  result.durability = durability;
  result.date = date_text();
  result.machine = machine_facts();
  result.build = build_facts();
  {
    BenchRun run(options, **load, options.local ? &own.cluster() : nullptr, stop, streams);
    if (options.fill) {
      if (const auto status = fill_keys(options, directory, run, stop, streams)) return *status;
    }
    run.measure(result);
  }
  if (result.interrupted && result.operations() == 0) {
    return fail(streams, "bench", "interrupted before anything was measured", exit_failed);
  }
  return report(options, result, streams);
}

std::string command_line_of(const Arguments& arguments) {
  std::string line = "tagma bench";
  for (const auto& argument : arguments) line += " " + shell_word(argument);
  return line;
}

}  // namespace

std::shared_ptr<CLI::App> describe_bench() {
  auto app = described<BenchOptions>(describe_arguments);
  app->add_subcommand(describe_bench_compare());
  return app;
}

int run_bench(const Arguments& arguments, const Streams& streams, const Program& program) {
  if (!arguments.empty() && arguments.front() == "compare") {
    return run_bench_compare(Arguments(arguments.begin() + 1, arguments.end()), streams);
  }
  CLI::App app;
  BenchOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  options.command_line = command_line_of(arguments);
  std::string durability;
  if (const auto reason = check(options, durability, streams.program)) return fail(streams, "bench", *reason);
  return run_checked(options, durability, streams, program);
}

}  // namespace tagma::cli
