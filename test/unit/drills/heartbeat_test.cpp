// A loop that stands still is noticed, and whether it computed meanwhile.
#include "docker/drills/heartbeat.h"

#include <doctest/doctest.h>

#include <thread>

using namespace tagma::drills;

namespace {

constexpr std::chrono::milliseconds still{300};

void turn_until_a_beat(EventLoop& loop, Heartbeat& heartbeat, ProxyStall& longest) {
  while (longest.length.count() == 0) {
    loop.turn();
    longest = heartbeat.take_longest();
  }
}

}  // namespace

TEST_SUITE("heartbeat") {
  TEST_CASE("a loop that sleeps has stood still without computing") {
    EventLoop loop;
    Heartbeat heartbeat(loop);
    const auto began = std::chrono::steady_clock::now();
    heartbeat.start();
    std::this_thread::sleep_for(Heartbeat::every + still);
    ProxyStall longest;
    turn_until_a_beat(loop, heartbeat, longest);
    CHECK(longest.length >= still);
    CHECK(longest.cpu < still / 2);
    CHECK(longest.began >= began + Heartbeat::every);
    CHECK(longest.began + longest.length <= std::chrono::steady_clock::now());
    CHECK(heartbeat.take_longest().length.count() == 0);
  }

  TEST_CASE("a loop that is busy has stood still and computed") {
    EventLoop loop;
    Heartbeat heartbeat(loop);
    heartbeat.start();
    const auto cpu_from = std::clock();
    while (std::clock() - cpu_from < CLOCKS_PER_SEC * 35 / 100) {
    }
    ProxyStall longest;
    turn_until_a_beat(loop, heartbeat, longest);
    CHECK(longest.cpu >= still / 2);
  }
}
