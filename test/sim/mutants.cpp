// Proof that the oracles can fail: every deliberately broken rule of messages/mutant.h is run over its killing seeds,
// with one oracle listening and the core's own assertions off. A mutant that survives fails the test.
//
//   sim_mutants                    the table below; exit 1 if a mutant survives or the whole code does not pass
//   sim_mutants --hunt [MUTANT]    searches seeds: mutant, profile, oracle that hears it first
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "messages/mutant.h"
#include "test/sim/runner.h"

namespace {

using namespace tagma;
using namespace tagma::sim;
using checkers::Oracle;

struct Named {
  Mutant mutant;
  std::string_view name;
};

constexpr Named all_mutants[] = {
    {Mutant::quorum_one_too_small, "quorum_one_too_small"},
    {Mutant::prepare_quorum_one_too_small, "prepare_quorum_one_too_small"},
    {Mutant::primary_equivocates_undetected, "primary_equivocates_undetected"},
    {Mutant::reply_from_one_replica, "reply_from_one_replica"},
    {Mutant::duplicate_executed, "duplicate_executed"},
    {Mutant::session_gap_executed, "session_gap_executed"},
    {Mutant::overlay_loses_write, "overlay_loses_write"},
    {Mutant::checkpoint_quorum_of_one, "checkpoint_quorum_of_one"},
    {Mutant::executes_out_of_order, "executes_out_of_order"},
    {Mutant::own_vote_counted_early, "own_vote_counted_early"},
    {Mutant::log_never_collected, "log_never_collected"},
    {Mutant::pending_without_limit, "pending_without_limit"},
    {Mutant::clock_read_at_execution, "clock_read_at_execution"},
    {Mutant::wrong_batch_digest_accepted, "wrong_batch_digest_accepted"},
};

/// One line of the proof: with only `oracle` listening, one of these seeds must end in a violation.
struct Kill {
  Mutant mutant;
  Oracle oracle;
  Profile profile;
  std::vector<std::uint64_t> seeds;
};

const std::vector<Kill>& kills() {
  static const std::vector<Kill> table{};
  return table;
}

std::string_view name_of(Mutant which) {
  for (const auto& [mutant, name] : all_mutants) {
    if (mutant == which) return name;
  }
  return "none";
}

RunReport run_mutant(Mutant which, std::uint64_t seed, Profile profile, std::vector<Oracle> heard) {
  active_mutant = which;
  RunSwitches switches;
  switches.oracles = std::move(heard);
  auto report = run_seed(seed, profile, switches);
  active_mutant = Mutant::none;
  return report;
}

/// The seeds prove nothing unless the whole code passes them.
bool passes_unbroken(const Kill& kill) {
  for (const auto seed : kill.seeds) {
    const auto report = run_mutant(Mutant::none, seed, kill.profile, {});
    if (!report.violated) continue;
    std::printf("seed %llu, profile %s: the unbroken code violates oracle %s: %s\n",
                static_cast<unsigned long long>(seed), std::string(sim::name_of(kill.profile)).c_str(),
                std::string(checkers::name_of(report.violation.oracle)).c_str(), report.violation.what.c_str());
    return false;
  }
  return true;
}

int check_table() {
  int failures = 0;
  std::printf("%-32s %-18s %-18s %s\n", "mutant", "oracle", "profile", "seeds needed");
  for (const auto& kill : kills()) {
    std::size_t needed = 0;
    for (std::size_t at = 0; at < kill.seeds.size() && needed == 0; ++at) {
      if (run_mutant(kill.mutant, kill.seeds[at], kill.profile, {kill.oracle}).violated) needed = at + 1;
    }
    const bool sound = passes_unbroken(kill);
    if (needed == 0 || !sound) ++failures;
    std::printf("%-32s %-18s %-18s %s\n", std::string(name_of(kill.mutant)).c_str(),
                std::string(checkers::name_of(kill.oracle)).c_str(), std::string(sim::name_of(kill.profile)).c_str(),
                needed == 0 ? "SURVIVED" : std::to_string(needed).c_str());
    std::fflush(stdout);
  }
  for (const auto& [mutant, name] : all_mutants) {
    bool listed = false;
    for (const auto& kill : kills()) listed = listed || kill.mutant == mutant;
    if (listed) continue;
    std::printf("%-32s is killed by no line of the table\n", std::string(name).c_str());
    ++failures;
  }
  return failures == 0 ? 0 : 1;
}

/// Every oracle that the mutant wakes, with the first seeds that do.
int hunt(std::string_view only) {
  constexpr std::uint64_t seeds_max = 40;
  constexpr Profile profiles[] = {Profile::calm, Profile::lossy, Profile::crash, Profile::liars,
                                  Profile::byzantine_primary};
  for (const auto& [mutant, name] : all_mutants) {
    if (!only.empty() && only != name) continue;
    for (const auto profile : profiles) {
      std::map<Oracle, std::vector<std::uint64_t>> found;
      for (std::uint64_t seed = 1; seed <= seeds_max; ++seed) {
        RunSwitches switches;
        switches.go_on = true;
        active_mutant = mutant;
        for (const auto oracle : run_seed(seed, profile, switches).reported) found[oracle].push_back(seed);
        active_mutant = Mutant::none;
      }
      for (const auto& [oracle, seeds] : found) {
        std::printf("%-32s %-18s %-18s %2zu of %llu seeds, first", std::string(name).c_str(),
                    std::string(checkers::name_of(oracle)).c_str(), std::string(sim::name_of(profile)).c_str(),
                    seeds.size(), static_cast<unsigned long long>(seeds_max));
        for (std::size_t at = 0; at < seeds.size() && at < 4; ++at) {
          std::printf(" %llu", static_cast<unsigned long long>(seeds[at]));
        }
        std::printf("\n");
        std::fflush(stdout);
      }
    }
  }
  return 0;
}

}  // namespace

int main(int count, char** words) {
  if (count >= 2 && std::strcmp(words[1], "--hunt") == 0) return hunt(count >= 3 ? words[2] : "");
  if (count > 1) {
    std::fprintf(stderr, "usage: sim_mutants [--hunt [MUTANT]]\n");
    return 2;
  }
  return check_table();
}
