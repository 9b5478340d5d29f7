#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "test/sim/coverage.h"
#include "test/sim/fake_authenticator.h"
#include "test/sim/options.h"
#include "test/sim/random.h"
#include "test/sim/scheduler.h"

using namespace tagma;
using namespace tagma::sim;

TEST_CASE("the generator is splitmix64 and xoshiro256**, whatever the library") {
  // First outputs of splitmix64 for the seed 1234567, as its author's reference code gives them.
  std::uint64_t state = 1234567;
  CHECK(splitmix64(state) == 6457827717110365317ULL);
  CHECK(splitmix64(state) == 3203168211198807973ULL);
  Random random(1);
  Random again(1);
  CHECK(random.next() == again.next());
  CHECK(Random(1, "network").next() != Random(1, "disk").next());
}

TEST_CASE("draws stay in their ranges and reach the ends") {
  Random random(7);
  std::set<std::int64_t> drawn;
  for (int at = 0; at < 1'000; ++at) drawn.insert(random.between(-2, 2));
  CHECK(drawn == std::set<std::int64_t>{-2, -1, 0, 1, 2});
  CHECK_FALSE(random.chance(0));
  CHECK(random.chance(1'000'000));
}

TEST_CASE("actions run by time, equal times in the order of their coming") {
  Scheduler scheduler;
  std::vector<int> order;
  scheduler.at(20, [&] { order.push_back(3); });
  scheduler.at(10, [&] {
    order.push_back(1);
    scheduler.at(5, [&] { order.push_back(2); });  // the past is now
  });
  scheduler.at(20, [&] { order.push_back(4); });
  while (scheduler.run_next()) {
  }
  CHECK(order == std::vector<int>{1, 2, 3, 4});
  CHECK(scheduler.now_us() == 20);
}

TEST_CASE("a clock's waking time is the first one at which it shows what was asked for") {
  for (const std::int64_t rate : {-2'000, -1, 0, 1, 2'000}) {
    MachineClock clock;
    clock.monotonic_offset_us = 123'456'789;
    clock.rate_ppm = rate;
    for (const VirtualUs at : {0, 1, 999, 1'000'000, 123'456'789}) {
      const auto shown = clock.monotonic_us(at);
      const auto when = clock.when(shown);
      CHECK(clock.monotonic_us(when) >= shown);
      CHECK(clock.monotonic_us(when - 1) < shown);
    }
  }
}

TEST_CASE("fake signatures hold for one key and one statement only") {
  FakeAuthenticator alice(9, {PrincipalKind::client, 1});
  FakeAuthenticator bob(9, {PrincipalKind::client, 2});
  FakeAuthenticator elsewhere(10, {PrincipalKind::client, 1});
  const auto signature = alice.sign("statement");
  CHECK(bob.verify(alice.public_key(), "statement", signature));
  CHECK_FALSE(bob.verify(bob.public_key(), "statement", signature));
  CHECK_FALSE(bob.verify(alice.public_key(), "statemenT", signature));
  CHECK_FALSE(bob.verify(alice.public_key(), "statement", signature.substr(1)));
  CHECK_FALSE(elsewhere.verify(alice.public_key(), "statement", signature));
  CHECK(alice.digest("a") == bob.digest("a"));
  std::set<Digest> digests;
  for (std::size_t length = 0; length < 200; ++length) digests.insert(alice.digest(Bytes(length, 'x')));
  CHECK(digests.size() == 200);
}

TEST_CASE("no seed draws more faults than f, or a window too small, and a faulty primary where it is asked for") {
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    const auto options = draw_options(seed, Profile::all);
    CAPTURE(seed);
    CHECK(options.n >= 4);
    CHECK(options.n <= 10);
    CHECK(options.f == faults_tolerated(options.n));
    CHECK(options.liars.size() + options.crashes <= options.f);
    CHECK(options.profile != Profile::all);
    CHECK(draw_options(seed, Profile::common).profile != Profile::common);
    CHECK(options.core.window >= 2 * options.core.checkpoint_interval);
    CHECK(options.operations_min >= 200);
    const auto led_by_liar = draw_options(seed, Profile::byzantine_primary);
    CHECK(led_by_liar.is_liar(0));
    CHECK(led_by_liar.liars.size() <= led_by_liar.f);
  }
}

TEST_CASE("profiles have names, and names profiles") {
  for (const auto name : profile_names()) CHECK(name_of(profile_named(name).value()) == name);
  CHECK_FALSE(profile_named("nonsense").has_value());
}

TEST_CASE("coverage counts runs and times, and knows what is missing") {
  Coverage run;
  run.count("sent SUBMIT");
  run.count("sent SUBMIT", 2);
  CoverageTable table;
  table.add(run);
  table.add(Coverage{});
  REQUIRE(table.rows().size() == 1);
  CHECK(table.rows()[0].seeds == 1);
  CHECK(table.rows()[0].total == 3);
  const auto unreached = table.unreached("calm");
  const auto missing = [&](const std::string& name) {
    return std::find(unreached.begin(), unreached.end(), name) != unreached.end();
  };
  CHECK(missing("sent STATUS"));
  CHECK_FALSE(missing("sent SUBMIT"));
  CHECK_FALSE(missing("fault: backup crashed"));  // not a fault of the calm profile
}
