#include <doctest/doctest.h>

#include <limits>

#include "replica/runtime/hello_queue.h"
#include "replica/runtime/hello_timer.h"
#include "replica/runtime/token_bucket.h"

using namespace tagma;
using runtime::HelloQueue;
using runtime::HelloTimer;
using runtime::TokenBucket;

TEST_CASE("a token bucket gives its burst at once and its rate in the long run") {
  TokenBucket bucket(10, 3);
  MonotonicUs now_us = 5'000'000;
  CHECK(bucket.take(now_us));
  CHECK(bucket.take(now_us));
  CHECK(bucket.take(now_us));
  CHECK_FALSE(bucket.take(now_us));
  CHECK(bucket.next_us(now_us) == now_us + 100'000);
  CHECK_FALSE(bucket.take(now_us + 99'999));
  CHECK(bucket.take(now_us + 100'000));
  int taken = 0;
  for (MonotonicUs t = 0; t < 10'000'000; t += 1'000) taken += bucket.take(now_us + 100'000 + t) ? 1 : 0;
  CHECK(taken == 99);
}

TEST_CASE("a token bucket never holds more than its burst, and survives any pause") {
  TokenBucket bucket(1'000'000, 2);
  CHECK(bucket.take(0));
  const MonotonicUs late_us = std::numeric_limits<MonotonicUs>::max() - 10'000'000;
  CHECK(bucket.take(late_us));
  CHECK(bucket.take(late_us));
  CHECK_FALSE(bucket.take(late_us));
  CHECK(bucket.next_us(late_us) == late_us + 1);
}

TEST_CASE("hello backs off to a second and starts over when accepted") {
  HelloTimer timer;
  MonotonicUs now_us = 1'000;
  std::vector<MonotonicUs> waits;
  for (int i = 0; i < 7; ++i) {
    REQUIRE(timer.due(now_us));
    timer.sent(now_us);
    CHECK(timer.waiting());
    waits.push_back(*timer.due_us() - now_us);
    CHECK_FALSE(timer.due(*timer.due_us() - 1));
    now_us = *timer.due_us();
  }
  CHECK(waits == std::vector<MonotonicUs>{50'000, 100'000, 200'000, 400'000, 800'000, 1'000'000, 1'000'000});
  timer.accepted();
  CHECK_FALSE(timer.due_us());
  CHECK_FALSE(timer.waiting());
}

TEST_CASE("forged resets start at most one handshake per 200 ms") {
  HelloTimer timer;
  int hellos = 0;
  for (MonotonicUs now_us = 0; now_us < 2'000'000; now_us += 1'000) {
    timer.reset(now_us);  // an attacker repeats it without pause
    if (!timer.due(now_us)) continue;
    timer.sent(now_us);
    timer.accepted();
    ++hellos;
  }
  CHECK(hellos == 10);
}

TEST_CASE("a reset during a handshake does not bring the next hello forward") {
  HelloTimer timer;
  timer.sent(0);
  timer.sent(50'000);
  const auto due_us = timer.due_us().value_or(-1);
  CHECK_FALSE(timer.reset(60'000));
  CHECK(timer.due_us().value_or(-1) == due_us);
}

TEST_CASE("garbage without pause does not keep another connection's hello from its turn") {
  HelloQueue queue(100, 1);
  MonotonicUs now_us = 0;
  for (int i = 0; i < 1'000; ++i) CHECK(queue.push("noisy", "garbage"));
  CHECK(queue.push("honest", "hello"));
  int served = 0;
  bool honest_served = false;
  while (served < 3) {
    CHECK(queue.push("noisy", "garbage"));
    const auto wake_at_us = queue.wake_at_us(now_us);
    REQUIRE(wake_at_us);
    now_us = *wake_at_us;
    const auto hello = queue.next(now_us);
    REQUIRE(hello);
    ++served;
    if (hello->routing_id == "honest") {
      honest_served = true;
      CHECK(hello->record == "hello");
    }
  }
  CHECK(honest_served);
}

TEST_CASE("hellos are bounded in number, in size and in rate") {
  HelloQueue queue(10, 4);
  CHECK_FALSE(queue.push("a", Bytes(HelloQueue::hello_bytes_max + 1, 'x')));
  for (std::size_t i = 0; i < HelloQueue::waiting_max; ++i) CHECK(queue.push(std::to_string(i), "x"));
  CHECK_FALSE(queue.push("one too many", "x"));
  CHECK_MESSAGE(queue.push("0", "newer"), "a connection that has its place may replace what waits there");
  int served = 0;
  while (auto hello = queue.next(0)) {
    if (served++ == 0) CHECK(hello->record == "newer");
  }
  CHECK(served == 4);
}
