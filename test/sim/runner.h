// Runs of one or many seeds, and what is said about them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "test/sim/simulation.h"

namespace tagma::sim {

[[nodiscard]] RunReport run_seed(std::uint64_t seed, Profile profile, const RunSwitches& switches = {});
/// What the seed drew may have been simplified since; `asked` is the profile that it was drawn for.
[[nodiscard]] RunReport run_options(const SimOptions& options, Profile asked, const RunSwitches& switches = {});

/// The command that repeats a run.
[[nodiscard]] std::string replay_command(const SimOptions& options, Profile asked);

/// What many seeds came to.
struct Campaign {
  Profile profile = Profile::all;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t runs = 0;
  std::uint64_t operations = 0;
  std::uint64_t messages = 0;
  std::uint64_t events = 0;
  std::uint64_t simulated_us = 0;
  std::uint64_t operations_fewest = 0;
  std::uint64_t checkpoints_fewest = 0;
  std::vector<std::int64_t> cpu_us;  ///< by run, rising once the campaign is over
  CoverageTable coverage;
  bool violated = false;
  bool interrupted = false;  ///< before the last seed, with no violation found
  RunReport failed;          ///< where violated

  [[nodiscard]] std::int64_t cpu_median_us() const;
};

/// Runs first..last on so many threads (at least 1), or up to the first violation: with several threads the one of the
/// lowest seed that was found until all had noticed. `progress` is called after every run, by one thread at a time;
/// where it returns false no further run is begun.
[[nodiscard]] Campaign run_seeds(std::uint64_t first, std::uint64_t last, Profile profile, unsigned jobs,
                                 const std::function<bool(const Campaign&, const RunReport&)>& progress);

/// While an object of this lives, an abort on this thread is reported as a violation of the running seed before the
/// process ends with status 1.
class AbortReporter {
 public:
  AbortReporter();
  ~AbortReporter();
  AbortReporter(const AbortReporter&) = delete;
  AbortReporter& operator=(const AbortReporter&) = delete;
};

void print_violation(const RunReport& report, Profile asked);
void print_campaign(const Campaign& campaign);

}  // namespace tagma::sim
