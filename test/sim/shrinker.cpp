#include "test/sim/shrinker.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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
    {"administration",
     [](SimOptions& options) {
       const bool there = !options.administration.correct.empty();
       options.administration.correct.clear();
       return there;
     }},
    {"groups",
     [](SimOptions& options) {
       const bool there = !options.groups.empty();
       options.groups.clear();
       options.core.groups.clear();
       return there;
     }},
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

/// What a child process tells: plain, at the end of what it writes, behind the kind of its finding.
struct Told {
  bool violated;
  checkers::Oracle oracle;
  std::uint64_t events;
  std::size_t kind_size;
};

[[noreturn]] void run_as_child(const SimOptions& options, const RunSwitches& switches, int to) {
  std::signal(SIGABRT, SIG_DFL);
  ::dup2(to, STDERR_FILENO);  // an assertion says there what it is
  const auto report = Simulation(options, switches).run();
  const auto kind = kind_of(report.violation.what);
  const Told told{report.violated, report.violation.oracle, report.events, kind.size()};
  const bool written = ::write(to, kind.data(), kind.size()) == static_cast<ssize_t>(kind.size()) &&
                       ::write(to, &told, sizeof told) == static_cast<ssize_t>(sizeof told);
  ::_exit(written ? 0 : 1);
}

/// All that comes until the other end is closed.
Bytes read_all(int from) {
  Bytes text;
  char part[4096];
  for (ssize_t size = 0; (size = ::read(from, part, sizeof part)) > 0;)
    text.append(part, static_cast<std::size_t>(size));
  return text;
}

/// A number, a word with one in it, or the digits that a batch is named by.
bool is_number(std::string_view word) {
  constexpr std::size_t digest_digits = 8;
  return word.find_first_of("0123456789") != std::string_view::npos ||
         (word.size() == digest_digits && word.find_first_not_of("abcdef") == std::string_view::npos);
}

}  // namespace

std::string kind_of(std::string_view what) {
  // Behind a semicolon come the clients and replicas of the run one by one, behind a second colon a whole history.
  what = what.substr(0, what.find(';'));
  if (const auto colon = what.find(": "); colon != std::string_view::npos)
    what = what.substr(0, what.find(": ", colon + 2));
  std::string kind;
  while (!what.empty()) {
    const auto end = std::min(what.find_first_of(" ,:()"), what.size());
    kind += is_number(what.substr(0, end)) ? "#" : what.substr(0, end);
    if (end < what.size()) kind += what[end];
    what.remove_prefix(std::min(end + 1, what.size()));
  }
  return kind;
}

bool same_failure(const Ending& left, const Ending& right) {
  return left.aborted == right.aborted && left.violated == right.violated && left.oracle == right.oracle &&
         left.kind == right.kind;
}

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
  const Bytes text = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  Told told{};
  if (status != 0 || text.size() < sizeof told) {
    return {.violated = true, .aborted = true, .oracle = {}, .kind = text, .events = 0};
  }
  std::memcpy(&told, text.data() + text.size() - sizeof told, sizeof told);
  return {.violated = told.violated,
          .aborted = false,
          .oracle = told.oracle,
          .kind = text.substr(text.size() - sizeof told - told.kind_size, told.kind_size),
          .events = told.events};
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
