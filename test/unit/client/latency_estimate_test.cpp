// What a client is used to, and how often it acts on it.
#include "client_lib/client_core/latency_estimate.h"

#include <doctest/doctest.h>

#include "test/unit/client/core_harness.h"

using namespace tagma;
using namespace tagma::test;

namespace {

constexpr std::int64_t max_us = 50'000;

/// Bundles one after the other, each of this latency, for this time; how many of them were worth sending to all, and
/// were paid for.
int early_among(LatencyEstimate& estimate, std::int64_t& now_us, std::int64_t latency_us, std::int64_t for_us) {
  int early = 0;
  for (const std::int64_t end_us = now_us + for_us; now_us < end_us;) {
    if (estimate.knows() && latency_us > estimate.patience_us() && estimate.take_allowance(now_us)) ++early;
    now_us += latency_us;
    estimate.add(now_us, latency_us);
  }
  return early;
}

}  // namespace

TEST_CASE("what is usual falls at once and rises slowly") {
  LatencyEstimate estimate(max_us);
  CHECK_FALSE(estimate.knows());
  std::int64_t now_us = 0;
  std::ignore = early_among(estimate, now_us, 2'000, 1'000'000);
  CHECK(estimate.usual_us() == 2'000);
  CHECK(estimate.patience_us() == 8'000);
  std::ignore = early_among(estimate, now_us, 200'000, 3'000'000);
  CHECK(estimate.usual_us() < 2'300);  // three seconds change little
  std::ignore = early_among(estimate, now_us, 20'000, 300'000'000);
  CHECK(estimate.usual_us() >= 20'000);  // minutes do
  std::ignore = early_among(estimate, now_us, 1'000, 200'000);
  CHECK(estimate.usual_us() < 1'100);
}

TEST_CASE("what is waited is bounded on both sides") {
  LatencyEstimate quick(max_us);
  quick.add(1'000, 10);
  CHECK(quick.patience_us() == 5'000);
  LatencyEstimate slow(max_us);
  slow.add(1'000'000, 900'000);
  CHECK(slow.patience_us() == max_us);
  LatencyEstimate tiny(3'000);
  tiny.add(1'000, 10);
  CHECK(tiny.patience_us() == 3'000);  // the upper bound is the caller's, and counts
}

TEST_CASE("at most a twentieth of what it usually sends goes to all early, however slow the cluster becomes") {
  LatencyEstimate estimate(max_us);
  std::int64_t now_us = 0;
  std::ignore = early_among(estimate, now_us, 2'000, 1'000'000);
  // In ten seconds 5,000 bundles are usual.
  int early = 0;
  const std::int64_t start_us = now_us;
  for (; now_us < start_us + 10'000'000; now_us += 100) early += estimate.take_allowance(now_us) ? 1 : 0;
  CHECK(early >= 245);
  CHECK(early <= 255);
}

TEST_CASE(
    "P3: bundles that one primary holds back are nearly all sent to all; those of a cluster that was ever slow are "
    "not") {
  LatencyEstimate estimate(max_us);
  std::int64_t now_us = 0;
  std::ignore = early_among(estimate, now_us, 2'000, 1'000'000);
  CHECK(early_among(estimate, now_us, 200'000, 4'000'000) >= 18);
  LatencyEstimate slow(max_us);
  now_us = 0;
  CHECK(early_among(slow, now_us, 200'000, 40'000'000) <= 12);  // one in twenty, and one that was saved
}

TEST_CASE("a bundle that takes longer than usual goes to the others once, and later ones as ever") {
  auto config = make_config();
  config.sends_early = true;
  Harness client(config);
  for (int i = 1; i <= 20; ++i) {
    client.submit_and_flush("x");
    client.run_until(client.now_us() + 2'000);
    client.accept(static_cast<RequestNumber>(i));
  }
  std::ignore = client.take_sent();
  client.submit_and_flush("slow");
  const auto start_us = client.now_us();
  CHECK(client.take_sent().size() == 1);
  client.run_until(start_us + 7'900);
  CHECK(client.take_sent().empty());
  client.run_until(start_us + 12'100);  // four times 2 ms, and half of it
  const auto early = client.take_sent();
  REQUIRE(early.size() == 3);
  for (const auto& send : early) CHECK(send.to != client.core().believed_primary());
  client.run_until(start_us + 149'000);
  CHECK(client.take_sent().empty());
  client.run_until(start_us + 225'000);
  CHECK(client.take_sent().size() == 4);
}

TEST_CASE("a client that does not send early, or knows no latency yet, waits for its retransmission") {
  for (const bool sends_early : {false, true}) {
    auto config = make_config();
    config.sends_early = sends_early;
    Harness client(config);
    if (!sends_early) {
      client.submit_and_flush("x");
      client.accept(1);
    }
    client.submit_and_flush("slow");
    std::ignore = client.take_sent();
    client.run_until(client.now_us() + 149'000);
    CHECK(client.take_sent().empty());
  }
}
