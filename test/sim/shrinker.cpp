#include "test/sim/shrinker.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace tagma::sim {
namespace {

/// Sets a number to what means "not there". Returns whether it was there.
template <typename Number>
bool drop(Number& number, Number nothing = 0) {
  return std::exchange(number, nothing) != nothing;
}

template <typename Number>
bool halve(Number& number, Number least) {
  if (number <= least) return false;
  number = std::max(least, number / 2);
  return true;
}

/// For both kinds of links.
bool drop_of_links(SimOptions& options, std::uint32_t LinkOptions::*what) {
  const bool replicas = drop(options.replica_links.*what);
  const bool clients = drop(options.client_links.*what);
  return replicas || clients;
}

bool fewer_replicas(SimOptions& options) {
  constexpr std::uint32_t fewest = 4;
  const bool liars_fit = options.liars.size() <= 1 && (options.liars.empty() || options.liars.front() < fewest);
  if (options.n <= fewest || !liars_fit || options.crashes + options.liars.size() > 1) return false;
  options.n = fewest;
  options.f = 1;
  options.clocks.resize(fewest);
  options.starts_us.resize(fewest);
  return true;
}

bool same_clocks(SimOptions& options) {
  const bool differ = std::any_of(options.clocks.begin(), options.clocks.end(),
                                  [](const auto& clock) { return clock.rate_ppm != 0 || clock.wall_skew_us != 0; });
  for (auto& clock : options.clocks) clock.rate_ppm = clock.wall_skew_us = 0;
  return differ;
}

bool sound_disks(SimOptions& options) {
  const bool failing = drop(options.disk.failing_ppm);
  const bool full = drop(options.disk.full_ppm);
  return failing || full;
}

struct Simplification {
  std::string_view name;
  bool (*apply)(SimOptions&);
};

/// The coarsest first: each one that holds makes the later runs shorter.
constexpr auto simplifications = std::to_array<Simplification>({
    {"operations", [](SimOptions& options) { return halve<std::uint64_t>(options.operations_min, 5); }},
    {"checkpoints", [](SimOptions& options) { return drop(options.checkpoints_min); }},
    {"replicas", fewer_replicas},
    {"faulty-clients", [](SimOptions& options) { return drop(options.faulty_clients); }},
    {"restarts", [](SimOptions& options) { return halve<std::uint32_t>(options.restarts, 0); }},
    {"losses", [](SimOptions& options) { return halve<std::uint32_t>(options.losses, 0); }},
    {"crashes", [](SimOptions& options) { return halve<std::uint32_t>(options.crashes, 0); }},
    {"cuts", [](SimOptions& options) { return halve<std::uint32_t>(options.cuts, 0); }},
    {"bridges", [](SimOptions& options) { return drop(options.bridges); }},
    {"clock-jumps", [](SimOptions& options) { return drop(options.clock_jumps); }},
    {"clock-skew", same_clocks},
    {"disk-faults", sound_disks},
    {"loss", [](SimOptions& options) { return drop_of_links(options, &LinkOptions::loss_ppm); }},
    {"duplicates", [](SimOptions& options) { return drop_of_links(options, &LinkOptions::duplicate_ppm); }},
    {"slow-messages", [](SimOptions& options) { return drop_of_links(options, &LinkOptions::slow_ppm); }},
    {"clients", [](SimOptions& options) { return halve<std::uint32_t>(options.client.clients, 1); }},
    {"sessions", [](SimOptions& options) { return halve<std::uint32_t>(options.client.sessions_at_once, 1); }},
    {"window", [](SimOptions& options) { return halve<std::uint32_t>(options.client.window, 1); }},
    {"bursts", [](SimOptions& options) { return halve<std::uint32_t>(options.client.burst, 1); }},
    {"abandoned-sessions", [](SimOptions& options) { return drop(options.client.abandon_ppm); }},
    {"hostile-operations", [](SimOptions& options) { return drop(options.workload.hostile_weight); }},
    {"keys", [](SimOptions& options) { return halve<std::uint32_t>(options.workload.keys, 1); }},
    {"pipeline", [](SimOptions& options) { return halve<std::uint32_t>(options.core.pipeline_depth, 1); }},
});

/// What a child process tells: plain, for a pipe.
struct Told {
  bool violated;
  checkers::Oracle oracle;
  std::uint64_t events;
};

[[noreturn]] void run_as_child(const SimOptions& options, const RunSwitches& switches, int to) {
  std::signal(SIGABRT, SIG_DFL);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ::dup2(nowhere, STDERR_FILENO);
  const auto report = Simulation(options, switches).run();
  const Told told{report.violated, report.violation.oracle, report.events};
  const bool written = ::write(to, &told, sizeof told) == static_cast<ssize_t>(sizeof told);
  ::_exit(written ? 0 : 1);
}

bool same_failure(const Ending& left, const Ending& right) {
  return left.aborted == right.aborted && left.violated == right.violated && left.oracle == right.oracle;
}

}  // namespace

std::vector<std::string_view> simplification_names() {
  std::vector<std::string_view> names;
  for (const auto& simplification : simplifications) names.push_back(simplification.name);
  return names;
}

bool simplify(SimOptions& options, std::string_view name) {
  const auto found = std::find_if(simplifications.begin(), simplifications.end(),
                                  [name](const auto& simplification) { return simplification.name == name; });
  if (found == simplifications.end() || !found->apply(options)) return false;
  options.without.emplace_back(name);
  return true;
}

Ending ending_of(const SimOptions& options, const RunSwitches& switches) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) std::abort();
  if (child == 0) run_as_child(options, switches, ends[1]);
  ::close(ends[1]);
  Told told{};
  const bool heard = ::read(ends[0], &told, sizeof told) == static_cast<ssize_t>(sizeof told);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!heard) return {.violated = true, .aborted = true, .oracle = {}, .events = 0};
  return {.violated = told.violated, .aborted = false, .oracle = told.oracle, .events = told.events};
}

Shrunk shrink(const SimOptions& options, const RunSwitches& switches,
              const std::function<void(std::string_view name, const Ending&)>& progress) {
  Shrunk result;
  result.options = options;
  result.before = result.after = ending_of(options, switches);
  result.runs = 1;
  if (!result.before.violated) return result;
  for (bool found = true; found;) {
    found = false;
    for (const auto name : simplification_names()) {
      SimOptions simpler = result.options;
      if (!simplify(simpler, name)) continue;
      const Ending ending = ending_of(simpler, switches);
      ++result.runs;
      if (!same_failure(ending, result.before)) continue;
      result.options = std::move(simpler);
      result.after = ending;
      progress(name, ending);
      found = true;
    }
  }
  return result;
}

}  // namespace tagma::sim
