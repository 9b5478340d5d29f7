// Proof that the oracles can fail: every deliberately broken rule of messages/mutant.h is run over its killing seeds,
// with one oracle listening and the core's own assertions off. A mutant that survives fails the test.
//
//   sim_mutants                    the table below; exit 1 if a mutant survives or the whole code does not pass
//   sim_mutants --hunt [MUTANT]    searches seeds: mutant, profile, oracle that hears it first
//   sim_mutants --rehunt [MUTANT [A..B]]   new lines for those that hold no more, each with the first seed of A..B
//                                  (1..20000) that kills and that the unbroken code passes; exit 1 if one has none
//   sim_mutants --show MUTANT PROFILE SEED   one run of it, and what was found
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "messages/mutant.h"
#include "test/sim/mutant_names.h"
#include "test/sim/runner.h"
#include "test/sim/shrinker.h"

namespace {

using namespace tagma;
using namespace tagma::sim;
using checkers::Oracle;

/// One line of the proof: with only `oracle` listening, one of the seeds first..last must end in a violation.
struct Kill {
  Mutant mutant;
  Oracle oracle;
  Profile profile;
  std::uint64_t first;
  std::uint64_t last;
};

constexpr Kill kills[] = {
    {Mutant::executes_out_of_order, Oracle::agreement, Profile::lossy, 1, 6},
    {Mutant::clock_read_at_execution, Oracle::agreement, Profile::calm, 1, 6},
    {Mutant::wrong_batch_digest_accepted, Oracle::agreement, Profile::byzantine_backups, 1, 30},
    {Mutant::agreed_time_goes_back, Oracle::agreement, Profile::byzantine_primary, 1, 60},
    {Mutant::future_time_accepted, Oracle::agreement, Profile::byzantine_primary, 1, 60},
    {Mutant::overlay_loses_write, Oracle::state_digest, Profile::lossy, 1, 6},
    {Mutant::clock_read_at_execution, Oracle::state_digest, Profile::calm, 1, 6},
    {Mutant::reply_from_one_replica, Oracle::acknowledged, Profile::byzantine_backups, 1, 12},
    {Mutant::duplicate_executed, Oracle::exactly_once, Profile::byzantine_backups, 1, 30},
    {Mutant::session_gap_executed, Oracle::exactly_once, Profile::byzantine_primary, 1, 120},
    {Mutant::quorum_one_too_small, Oracle::durable_votes, Profile::calm, 1, 6},
    {Mutant::prepare_quorum_one_too_small, Oracle::durable_votes, Profile::calm, 1, 6},
    {Mutant::own_vote_counted_early, Oracle::durable_votes, Profile::lossy, 1, 6},
    {Mutant::checkpoint_quorum_of_one, Oracle::durable_votes, Profile::calm, 1, 6},
    {Mutant::primary_equivocates_undetected, Oracle::durable_votes, Profile::byzantine_primary, 1, 40},
    {Mutant::reply_before_own_sync, Oracle::durable_votes, Profile::lossy, 1, 6},
    {Mutant::pre_prepare_counted_as_prepare, Oracle::durable_votes, Profile::calm, 1, 6},
    {Mutant::vote_not_persisted, Oracle::durable_votes, Profile::calm, 1, 6},
    {Mutant::votes_forgotten_at_restart, Oracle::durable_votes, Profile::lossy, 1, 40},
    {Mutant::amnesiac_votes_before_boundary, Oracle::durable_votes, Profile::calm, 1, 20},
    {Mutant::boundary_without_window, Oracle::durable_votes, Profile::calm, 1, 40},
    {Mutant::log_checksum_ignored, Oracle::alarm, Profile::calm, 1, 40},
    {Mutant::log_cut_below_mark, Oracle::durable_votes, Profile::calm, 1, 80},
    {Mutant::checkpoint_voted_early, Oracle::durable_votes, Profile::calm, 1, 20},
    {Mutant::log_collected_early, Oracle::durable_votes, Profile::calm, 1, 20},
    {Mutant::piece_not_verified, Oracle::state_digest, Profile::byzantine_backups, 1, 111},
    {Mutant::view_not_persisted, Oracle::durable_votes, Profile::calm, 1, 6},
    {Mutant::votes_in_left_view, Oracle::durable_votes, Profile::calm, 1, 6},
    {Mutant::prepared_left_out, Oracle::durable_votes, Profile::calm, 1, 6},
    {Mutant::prepared_left_out, Oracle::agreement, Profile::lossy, 1, 10},
    {Mutant::leads_view_found_on_disk, Oracle::durable_votes, Profile::calm, 1, 20},
    {Mutant::view_change_unverified, Oracle::agreement, Profile::byzantine_backups, 101, 101},
    {Mutant::undecided_taken_as_null, Oracle::liveness, Profile::calm, 123, 123},
    {Mutant::request_never_owed, Oracle::liveness, Profile::crash, 23, 31},
    {Mutant::new_view_kept_to_oneself, Oracle::liveness, Profile::calm, 1, 20},
    {Mutant::chosen_batch_not_voted, Oracle::liveness, Profile::calm, 1, 6},
    {Mutant::checkpoint_skipped_unasked, Oracle::liveness, Profile::calm, 1, 20},
    {Mutant::checkpoint_votes_without_limit, Oracle::caps, Profile::byzantine_backups, 1, 60},
    {Mutant::unasked_batches_kept, Oracle::caps, Profile::byzantine_backups, 1, 60},
    {Mutant::routes_without_limit, Oracle::caps, Profile::byzantine_backups, 1, 60},
    {Mutant::routes_under_one_client, Oracle::acknowledged, Profile::calm, 1, 6},
    {Mutant::late_group_vote_counted, Oracle::acknowledged, Profile::byzantine_backups, 1, 60},
    {Mutant::group_time_begun_by_one, Oracle::acknowledged, Profile::byzantine_backups, 1, 60},
    {Mutant::group_vote_counted_twice, Oracle::acknowledged, Profile::byzantine_backups, 1, 60},
    {Mutant::one_administrator_enough, Oracle::acknowledged, Profile::byzantine_backups, 1, 60},
    {Mutant::approval_counted_twice, Oracle::acknowledged, Profile::byzantine_backups, 1, 60},
    {Mutant::permission_not_looked_at, Oracle::acknowledged, Profile::byzantine_backups, 1, 60},
    {Mutant::group_time_by_own_clock, Oracle::state_digest, Profile::byzantine_backups, 1, 60},
    {Mutant::group_median_averaged, Oracle::acknowledged, Profile::byzantine_backups, 1, 60},
    {Mutant::group_threshold_one_off, Oracle::acknowledged, Profile::byzantine_backups, 1, 60},
    {Mutant::log_never_collected, Oracle::caps, Profile::lossy, 1, 12},
    {Mutant::pending_without_limit, Oracle::caps, Profile::byzantine_backups, 1, 40},
    {Mutant::overlay_loses_write, Oracle::liveness, Profile::lossy, 1, 6},
    {Mutant::reply_from_one_replica, Oracle::linearizability, Profile::byzantine_backups, 1, 30},
    {Mutant::overlay_loses_write, Oracle::linearizability, Profile::lossy, 1, 30},
};

RunReport run_mutant(Mutant which, std::uint64_t seed, Profile profile, std::vector<Oracle> heard) {
  active_mutant = which;
  RunSwitches switches;
  switches.oracles = std::move(heard);
  auto report = run_seed(seed, profile, switches);
  active_mutant = Mutant::none;
  return report;
}

/// The table proves nothing unless the unbroken code passes its seeds.
bool unbroken_passes() {
  std::set<std::pair<Profile, std::uint64_t>> runs;
  for (const auto& kill : kills) {
    for (auto seed = kill.first; seed <= kill.last; ++seed) runs.emplace(kill.profile, seed);
  }
  for (const auto& [profile, seed] : runs) {
    const auto report = run_mutant(Mutant::none, seed, profile, {});
    if (!report.violated) continue;
    std::printf("the unbroken code fails:\n");
    print_violation(report, profile);
    return false;
  }
  return true;
}

bool passes_unbroken(const Kill& kill) {
  for (auto seed = kill.first; seed <= kill.last; ++seed) {
    if (run_mutant(Mutant::none, seed, kill.profile, {}).violated) return false;
  }
  return true;
}

/// How many seeds the oracle needs; 0 if the mutant survives all of them.
std::uint64_t seeds_needed(const Kill& kill) {
  for (auto seed = kill.first; seed <= kill.last; ++seed) {
    if (run_mutant(kill.mutant, seed, kill.profile, {kill.oracle}).violated) return seed - kill.first + 1;
  }
  return 0;
}

/// The shrinker's proof: what it makes of a failing run fails with the same oracle, is shorter, and lacks what has no
/// part in it.
int check_shrinker() {
  active_mutant = Mutant::quorum_one_too_small;
  RunSwitches switches;
  switches.oracles = {Oracle::durable_votes};
  const auto drawn = draw_options(1, Profile::lossy);
  const auto shrunk = shrink(drawn, switches, [](std::string_view, const Ending&) {});
  const auto again = run_options(shrunk.options, Profile::lossy, switches);
  active_mutant = Mutant::none;
  const bool holds = shrunk.before.violated && again.violated && again.violation.oracle == Oracle::durable_votes &&
                     again.events == shrunk.after.events && shrunk.after.events < shrunk.before.events &&
                     !shrunk.options.without.empty() && shrunk.options.replica_links.loss_ppm == 0;
  std::printf("shrinker: %llu to %llu events in %llu runs, %s\n", static_cast<unsigned long long>(shrunk.before.events),
              static_cast<unsigned long long>(shrunk.after.events), static_cast<unsigned long long>(shrunk.runs),
              holds ? "holds" : "FAILS");
  return holds ? 0 : 1;
}

int check_table() {
  int failures = unbroken_passes() ? 0 : 1;
  std::printf("%-32s %-18s %-18s %s\n", "mutant", "oracle", "profile", "seeds needed");
  for (const auto& kill : kills) {
    const auto needed = seeds_needed(kill);
    if (needed == 0) ++failures;
    const auto verdict =
        needed == 0 ? "SURVIVED" : std::to_string(needed) + " of " + std::to_string(kill.last - kill.first + 1);
    std::printf("%-32s %-18s %-18s %s\n", std::string(name_of(kill.mutant)).c_str(),
                std::string(checkers::name_of(kill.oracle)).c_str(), std::string(sim::name_of(kill.profile)).c_str(),
                verdict.c_str());
    std::fflush(stdout);
  }
  for (const auto& [mutant, name] : all_mutants) {
    const auto kills_it = [which = mutant](const Kill& kill) { return kill.mutant == which; };
    if (std::any_of(std::begin(kills), std::end(kills), kills_it)) continue;
    std::printf("%-32s is killed by no line of the table\n", std::string(name).c_str());
    ++failures;
  }
  failures += check_shrinker();
  return failures == 0 ? 0 : 1;
}

/// The enumerator's name, as the table writes it, from what reports call it: "8 linearizability", "byzantine-primary".
std::string enumerator(std::string_view reported) {
  if (const auto space = reported.find(' '); space != std::string_view::npos) reported.remove_prefix(space + 1);
  std::string name(reported);
  std::replace(name.begin(), name.end(), '-', '_');
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

void print_line(const Kill& kill) {
  std::printf("    {Mutant::%s, Oracle::%s, Profile::%s, %llu, %llu},\n", std::string(name_of(kill.mutant)).c_str(),
              enumerator(checkers::name_of(kill.oracle)).c_str(), enumerator(sim::name_of(kill.profile)).c_str(),
              static_cast<unsigned long long>(kill.first), static_cast<unsigned long long>(kill.last));
  std::fflush(stdout);
}

/// A seed that comes early gets a range with room, so that the line outlives changes of what seeds draw.
Kill line_with(const Kill& before, std::uint64_t seed) {
  constexpr std::uint64_t early = 40;
  Kill line = before;
  line.first = line.last = seed;
  if (seed > early) return line;
  line.first = 1;
  line.last = std::max<std::uint64_t>(6, 3 * seed);
  return passes_unbroken(line) ? line : Kill{before.mutant, before.oracle, before.profile, seed, seed};
}

/// The first seed of first..last with which the line holds; 0 if none. Only one that kills is run unbroken, too.
std::uint64_t killing_seed(const Kill& kill, std::uint64_t first, std::uint64_t last) {
  for (auto seed = first; seed <= last; ++seed) {
    if (!run_mutant(kill.mutant, seed, kill.profile, {kill.oracle}).violated) continue;
    if (passes_unbroken({kill.mutant, kill.oracle, kill.profile, seed, seed})) return seed;
  }
  return 0;
}

/// New lines of the table for those that hold no more.
int rehunt(std::string_view only, std::uint64_t first, std::uint64_t last) {
  int failures = 0;
  bool any = false;
  for (const auto& kill : kills) {
    if (!only.empty() && only != name_of(kill.mutant)) continue;
    any = true;
    if (seeds_needed(kill) > 0 && passes_unbroken(kill)) continue;
    if (const auto seed = killing_seed(kill, first, last); seed != 0) {
      print_line(line_with(kill, seed));
      continue;
    }
    ++failures;
    std::printf("none of the seeds %llu..%llu: ", static_cast<unsigned long long>(first),
                static_cast<unsigned long long>(last));
    print_line(kill);
  }
  if (!any) std::fprintf(stderr, "sim_mutants: the table has no line of %s\n", std::string(only).c_str());
  return any && failures == 0 ? 0 : 1;
}

/// Every oracle that the mutant wakes, with the first seeds that do.
int hunt(std::string_view only) {
  constexpr std::uint64_t seeds_max = 40;
  constexpr Profile profiles[] = {Profile::calm, Profile::lossy, Profile::crash, Profile::byzantine_backups,
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

namespace {

/// One run with every oracle listening; "none" is the unbroken code.
int show(std::string_view which, std::string_view profile_name, const char* seed) {
  const auto profile = profile_named(profile_name);
  const auto mutant = mutant_named(which);
  if (!profile || !mutant) return 2;
  const auto report = run_mutant(*mutant, std::strtoull(seed, nullptr, 10), *profile, {});
  if (!report.violated) return std::printf("nothing was found\n"), 0;
  print_violation(report, *profile);
  return 1;
}

int rehunt_asked(int count, char** words) {
  std::uint64_t first = 1;
  std::uint64_t last = 20'000;
  const std::string_view range = count >= 4 ? words[3] : "";
  if (const auto dots = range.find(".."); dots != std::string_view::npos) {
    first = std::strtoull(words[3], nullptr, 10);
    last = std::strtoull(words[3] + dots + 2, nullptr, 10);
  }
  return rehunt(count >= 3 ? words[2] : "", first, last);
}

}  // namespace

int main(int count, char** words) {
  if (count == 5 && std::strcmp(words[1], "--show") == 0) return show(words[2], words[3], words[4]);
  if (count >= 2 && std::strcmp(words[1], "--hunt") == 0) return hunt(count >= 3 ? words[2] : "");
  if (count >= 2 && count <= 4 && std::strcmp(words[1], "--rehunt") == 0) return rehunt_asked(count, words);
  if (count > 1) {
    std::fprintf(stderr,
                 "usage: sim_mutants [--hunt [MUTANT] | --rehunt [MUTANT [A..B]] | --show MUTANT PROFILE SEED]\n");
    return 2;
  }
  return check_table();
}
