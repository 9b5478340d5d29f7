#include <doctest/doctest.h>

#include <future>
#include <set>

#include "test/sim/runner.h"
#include "test/sim/shrinker.h"

using namespace tagma::sim;

TEST_CASE("the same seed gives the same run, event for event") {
  for (const auto profile : {Profile::calm, Profile::lossy, Profile::crash, Profile::byzantine_backups,
                             Profile::real_crypto, Profile::byzantine_primary, Profile::liveness, Profile::twins}) {
    const auto first = run_seed(5, profile);
    const auto second = run_seed(5, profile);
    CAPTURE(name_of(profile));
    CHECK(first.trace_hash == second.trace_hash);
    CHECK(first.events == second.events);
    CHECK(first.coverage.counts() == second.coverage.counts());
  }
}

TEST_CASE("two runs at the same time do not see one another") {
  auto other = std::async(std::launch::async, [] { return run_seed(11, Profile::lossy).trace_hash; });
  const auto here = run_seed(11, Profile::lossy).trace_hash;
  CHECK(other.get() == here);
}

TEST_CASE("different seeds give different runs") {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) hashes.insert(run_seed(seed, Profile::calm).trace_hash);
  CHECK(hashes.size() == 5);
}

TEST_CASE("a run is worth its name") {
  const auto report = run_seed(3, Profile::lossy);
  CHECK_FALSE(report.violated);
  CHECK(report.operations >= 200);
  CHECK(report.checkpoints >= 3);
  CHECK(report.coverage.of("sent PRE-PREPARE") > 0);
}

TEST_CASE("a violation is reported with what is needed to replay it") {
  auto options = draw_options(7, Profile::byzantine_backups);
  CHECK(replay_command(options, Profile::byzantine_backups) == "./tagma sim --seed 7 --profile byzantine-backups");
  CHECK(simplify(options, "operations"));
  CHECK(simplify(options, "operations"));
  CHECK_FALSE(simplify(options, "no such thing"));
  CHECK(replay_command(options, Profile::byzantine_backups) ==
        "./tagma sim --seed 7 --profile byzantine-backups --without operations,operations");
}
