// Attack B11: who is cut off, for how long, and who never is.
#include "replica/runtime/flood_guard.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace tagma;
using runtime::FloodGuard;

namespace {

Principal replica(ReplicaId id) { return {PrincipalKind::replica, id}; }

/// So many messages of each, within one period.
void serve(FloodGuard& guard, const std::vector<std::uint64_t>& messages, std::uint64_t cost_ns, MonotonicUs now_us) {
  for (ReplicaId id = 0; id < messages.size(); ++id) {
    for (std::uint64_t count = 0; count < messages[id]; ++count) guard.served(replica(id), cost_ns, now_us);
  }
}

constexpr MonotonicUs second_us = 1'000'000;

}  // namespace

TEST_CASE("whoever costs many times what a correct one does, and more than is served, is cut off, then heard again") {
  for (const std::uint64_t cost_ns : {100UL, 100'000UL}) {
    CAPTURE(cost_ns);
    const std::uint64_t floods = cost_ns == 100 ? 60'000 : 12'000;
    FloodGuard guard(1);
    serve(guard, {500, 900, floods}, cost_ns, 5 * second_us);
    CHECK_FALSE(guard.is_cut_off(replica(2), 5 * second_us));
    CHECK(guard.overflowed(replica(2), 5 * second_us));
    CHECK(guard.is_cut_off(replica(2), 5 * second_us));
    CHECK_FALSE(guard.is_cut_off(replica(1), 5 * second_us));
    CHECK(guard.cut_until_us(replica(2)) == 5 * second_us + FloodGuard::cut_min_us);
    CHECK_FALSE(guard.overflowed(replica(2), 5 * second_us + 10));  // it is already
    CHECK_FALSE(guard.is_cut_off(replica(2), guard.cut_until_us(replica(2))));
  }
}

TEST_CASE("a cut-off is twice as long each time, up to a bound, until the sender has been quiet for long") {
  FloodGuard guard(1);
  MonotonicUs now_us = 5 * second_us;
  MonotonicUs expected_us = FloodGuard::cut_min_us;
  for (int time = 0; time < 8; ++time) {
    serve(guard, {500, 900, 60'000}, 100, now_us);
    REQUIRE(guard.overflowed(replica(2), now_us));
    CHECK(guard.cut_until_us(replica(2)) - now_us == expected_us);
    expected_us = std::min(2 * expected_us, FloodGuard::cut_max_us);
    now_us = guard.cut_until_us(replica(2)) + second_us;
  }
  now_us += FloodGuard::forgotten_us;
  serve(guard, {500, 900, 60'000}, 100, now_us);
  REQUIRE(guard.overflowed(replica(2), now_us));
  CHECK(guard.cut_until_us(replica(2)) - now_us == FloodGuard::cut_min_us);
}

TEST_CASE("no correct member is cut off for being busy, nor because this replica is slow") {
  FloodGuard guard(1);
  // A primary, one that is down, and one that votes.
  serve(guard, {9'000, 0, 3'000}, 20'000, second_us);
  CHECK_FALSE(guard.overflowed(replica(0), second_us));
  // After a long pause everybody's messages of that time come at once.
  serve(guard, {60'000, 50'000, 55'000}, 5'000, 40 * second_us);
  for (ReplicaId id = 0; id < 3; ++id) CHECK_FALSE(guard.overflowed(replica(id), 40 * second_us));
  // What was long ago counts no more.
  CHECK_FALSE(guard.overflowed(replica(0), 50 * second_us));
}

TEST_CASE("f floods do not hide one another, and hide behind nobody; without f nobody is cut off") {
  FloodGuard two(2);
  serve(two, {500, 900, 60'000, 70'000, 800, 700}, 100, second_us);
  CHECK(two.overflowed(replica(2), second_us));
  CHECK(two.overflowed(replica(3), second_us));
  CHECK_FALSE(two.overflowed(replica(1), second_us));
  FloodGuard none(0);
  serve(none, {500, 900, 60'000}, 100, second_us);
  CHECK_FALSE(none.overflowed(replica(2), second_us));
}
