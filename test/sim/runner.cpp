#include "test/sim/runner.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace tagma::sim {
namespace {

/// The run that an abort interrupts.
struct Running {
  const Simulation* simulation = nullptr;
  std::uint64_t seed = 0;
  Profile asked = Profile::all;
};
thread_local Running running;  // NOLINT: a signal handler has no other way to know

void print_events(const std::vector<std::string>& events) {
  std::printf("the last events:\n");
  for (const auto& line : events) std::printf("  %s\n", line.c_str());
}

/// An assertion of the code under test failed: that is a violation like any other. The abort is synchronous, so the
/// state is as good as it was when the assertion looked at it.
void on_abort(int) {
  if (running.simulation != nullptr) {
    std::printf("VIOLATION: seed %llu: the code under test aborted (its message is on standard error)\n",
                static_cast<unsigned long long>(running.seed));
    print_events(running.simulation->last_events());
    std::printf("%s\nreplay: %s\n", summary(running.simulation->options()).c_str(),
                replay_command(running.simulation->options(), running.asked).c_str());
    std::fflush(stdout);
  }
  ::_exit(1);
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

AbortReporter::AbortReporter() { std::signal(SIGABRT, on_abort); }
AbortReporter::~AbortReporter() { std::signal(SIGABRT, SIG_DFL); }

RunReport run_seed(std::uint64_t seed, Profile profile, const RunSwitches& switches) {
  return run_options(draw_options(seed, profile), profile, switches);
}

RunReport run_options(const SimOptions& options, Profile asked, const RunSwitches& switches) {
  Simulation simulation(options, switches);
  running = {&simulation, options.seed, asked};
  auto report = simulation.run();
  running = {};
  return report;
}

std::string replay_command(const SimOptions& options, Profile asked) {
  std::string command =
      "./tagma sim --seed " + std::to_string(options.seed) + " --profile " + std::string(name_of(asked));
  for (std::size_t at = 0; at < options.without.size(); ++at) {
    command += (at == 0 ? " --without " : ",") + options.without[at];
  }
  return command;
}

std::int64_t Campaign::cpu_median_us() const {
  if (cpu_us.empty()) return 0;
  auto sorted = cpu_us;
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

namespace {

void add(Campaign& campaign, RunReport& report) {
  ++campaign.runs;
  campaign.operations += report.operations;
  campaign.messages += report.messages;
  campaign.events += report.events;
  campaign.simulated_us += static_cast<std::uint64_t>(report.simulated_us);
  const bool only = campaign.runs == 1;
  campaign.operations_fewest = only ? report.operations : std::min(campaign.operations_fewest, report.operations);
  campaign.checkpoints_fewest = only ? report.checkpoints : std::min(campaign.checkpoints_fewest, report.checkpoints);
  campaign.cpu_us.push_back(report.cpu_us);
  campaign.coverage.add(report.coverage);
  if (!report.violated) return;
  if (!campaign.violated || report.options.seed < campaign.failed.options.seed) campaign.failed = report;
  campaign.violated = true;
}

}  // namespace

Campaign run_seeds(std::uint64_t first, std::uint64_t last, Profile profile, unsigned jobs,
                   const std::function<bool(const Campaign&, const RunReport&)>& progress) {
  Campaign campaign;
  campaign.profile = profile;
  campaign.first = first;
  campaign.last = last;
  std::mutex mutex;
  std::uint64_t taken = 0;
  bool stop = false;
  const auto take = [&]() -> std::optional<std::uint64_t> {
    const std::lock_guard lock(mutex);
    if (stop || campaign.violated || taken > last - first) return std::nullopt;
    return first + taken++;
  };
  const auto work = [&] {
    while (const auto seed = take()) {
      auto report = run_seed(*seed, profile);
      const std::lock_guard lock(mutex);
      add(campaign, report);
      if (!progress(campaign, report)) stop = true;
    }
  };
  std::vector<std::thread> others;
  for (unsigned job = 1; job < jobs; ++job) others.emplace_back(work);
  work();
  for (auto& other : others) other.join();
  campaign.interrupted = !campaign.violated && campaign.runs <= last - first;
  return campaign;
}

void print_violation(const RunReport& report, Profile asked) {
  std::printf("VIOLATION of oracle %s: %s\n", std::string(checkers::name_of(report.violation.oracle)).c_str(),
              report.violation.what.c_str());
  print_events(report.last_events);
  std::printf("%s\nreplay: %s\n", summary(report.options).c_str(), replay_command(report.options, asked).c_str());
}

void print_campaign(const Campaign& campaign) {
  std::printf("\n%-64s %8s %12s\n", "branch or fault", "seeds", "times");
  for (const auto& row : campaign.coverage.rows()) {
    std::printf("%-64s %7.1f%% %12llu\n", row.name.c_str(), share(row.seeds, campaign.runs),
                static_cast<unsigned long long>(row.total));
  }
  std::printf("\n%-24s %8s %18s %12s\n", "attack row", "seeds", "slot committed", "times");
  for (const auto& row : campaign.coverage.attacks()) {
    std::printf("%-24s %8llu %18llu %12llu\n", row.name.c_str(), static_cast<unsigned long long>(row.seeds),
                static_cast<unsigned long long>(row.committed), static_cast<unsigned long long>(row.total));
  }
  for (const auto& name : campaign.coverage.unreached(name_of(campaign.profile))) {
    std::printf("coverage: no seed reached \"%s\"%s\n", name.c_str(),
                campaign.runs < 300 ? " (normal for few seeds)" : "");
  }
  std::printf(
      "\n%s %llu seeds passed: %.1f s of simulated time, %llu operations (fewest %llu), %llu messages, %llu events, "
      "fewest stable checkpoints %llu, median CPU %.1f ms per seed\n",
      campaign.interrupted ? "interrupted:" : "all", static_cast<unsigned long long>(campaign.runs),
      static_cast<double>(campaign.simulated_us) / 1e6, static_cast<unsigned long long>(campaign.operations),
      static_cast<unsigned long long>(campaign.operations_fewest), static_cast<unsigned long long>(campaign.messages),
      static_cast<unsigned long long>(campaign.events), static_cast<unsigned long long>(campaign.checkpoints_fewest),
      static_cast<double>(campaign.cpu_median_us()) / 1e3);
}

}  // namespace tagma::sim
