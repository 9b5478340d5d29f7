#include <doctest/doctest.h>

#include <future>
#include <set>

#include "test/sim/runner.h"
#include "test/sim/shrinker.h"

using namespace tagma;
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

TEST_CASE("a campaign ends where its caller wants no more of it, and says so") {
  const auto wanted = [](std::uint64_t runs) {
    return run_seeds(1, 5, Profile::calm, 2,
                     [runs](const Campaign& so_far, const RunReport&) { return so_far.runs < runs; });
  };
  const auto part = wanted(2);
  CHECK(part.interrupted);
  CHECK(part.runs >= 2);
  CHECK(part.runs <= 3);  // the other thread may be at one
  CHECK_FALSE(part.violated);
  const auto all = wanted(6);
  CHECK_FALSE(all.interrupted);
  CHECK(all.runs == 5);
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

TEST_CASE("what an oracle said is of the same kind whatever the numbers, and of another one with other words") {
  CHECK(kind_of("a COMMIT contradicts an earlier one: replica 2 view 0 slot 31 batch 00ab12cd after fedcbaab") ==
        kind_of("a COMMIT contradicts an earlier one: replica 1 view 7 slot 5 batch eeeeffff after 10000000"));
  CHECK(kind_of("a COMMIT left before its record: replica 2 view 0") !=
        kind_of("a PREPARE left before its record: replica 2 view 0"));
  CHECK(kind_of("replica 1 raised the alarm: slot 7 was decided with two different batches") !=
        kind_of("replica 1 raised the alarm: the state on disk differs"));
  CHECK(kind_of("not settled within 4711 ms after the network healed; client 1 waits; replica 0 view 3") ==
        kind_of("not settled within 90 ms after the network healed; replica 0 view 1; replica 1 view 2"));
  CHECK(kind_of("key key3: no order places: get 7") == kind_of("key key11: no order places: put of 9: again"));
}

TEST_CASE("two runs fail alike where the same oracle found the same kind of thing") {
  const Ending hangs{.violated = true, .oracle = checkers::Oracle::liveness, .kind = "not settled", .events = 9};
  auto other = hangs;
  other.events = 8;
  CHECK(same_failure(hangs, other));
  other.kind = "the clients' work never ended";
  CHECK_FALSE(same_failure(hangs, other));
}

TEST_CASE("a run in a process of its own tells what was found") {
  auto options = draw_options(1, Profile::byzantine_primary);
  options.demand_first_view = true;  // which a faulty primary does not keep
  const auto ending = ending_of(options, {});
  CHECK(ending.violated);
  CHECK_FALSE(ending.aborted);
  CHECK(ending.oracle == checkers::Oracle::liveness);
  CHECK(ending.kind == "replica # suspects a correct primary");
  options.core.window = options.core.checkpoint_interval;  // which no core takes
  const auto abort = ending_of(options, {});
  CHECK(abort.aborted);
  CHECK(abort.kind.find("broken promise") != std::string::npos);
}
