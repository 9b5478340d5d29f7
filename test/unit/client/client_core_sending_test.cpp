// How the client sends: bundles, window, retransmission, refusals: attacks, section F, rules 4, 5, 8 and 10.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "messages/validate.h"
#include "messages/wire/codec.h"
#include "test/unit/client/core_harness.h"

namespace tagma {
namespace {

using test::Harness;
using test::make_config;
using test::Sent;

/// The times at which something was sent to all replicas; every sending is of that kind.
std::vector<std::int64_t> broadcast_times(const std::vector<Sent>& sent, std::uint32_t n) {
  std::map<std::int64_t, std::set<ReplicaId>> receivers;
  for (const auto& send : sent) receivers[send.at_us].insert(send.to);
  std::vector<std::int64_t> times;
  for (const auto& [at_us, to] : receivers) {
    CHECK(to.size() == n);
    times.push_back(at_us);
  }
  return times;
}

TEST_CASE("a bundle carries its session, its numbers and a signature over its exact bytes, and goes to the primary") {
  Harness client;
  client.submit("a");
  client.submit("b");
  CHECK(client.take_sent().empty());
  client.flush();
  const auto sent = client.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].to == 0);
  const auto& bundle = *sent[0].bundle;
  CHECK(bundle.content.cluster == client.config().membership.cluster);
  CHECK(bundle.content.epoch == 3);
  CHECK(bundle.content.client == 5);
  CHECK(bundle.content.session == 77);
  CHECK(bundle.content.first == 1);
  CHECK(bundle.content.acknowledged == 0);
  CHECK(bundle.content.operations == std::vector<Bytes>{"a", "b"});
  CHECK(client.authenticator().verify({}, wire::bundle_statement(bundle.body), bundle.signature));
  CHECK_FALSE(validate(bundle).has_value());
  const auto decoded = wire::decode_signed_bundle(bundle.body, bundle.signature);
  REQUIRE_MESSAGE(decoded.ok(), (decoded.ok() ? "" : decoded.reason()));
  CHECK(decoded->content == bundle.content);
}

TEST_CASE("flushing with nothing to send does nothing") {
  Harness client;
  client.flush();
  client.submit_and_flush("a");
  CHECK(client.take_sent().size() == 1);
  client.flush();
  CHECK(client.take_sent().empty());
}

TEST_CASE("bundles are cut by count") {
  auto config = make_config();
  config.bundle_operations_max = 3;
  Harness client(config);
  for (int i = 0; i < 8; ++i) client.submit("x");
  client.flush();
  std::vector<std::size_t> sizes;
  RequestNumber next = 1;
  for (const auto& send : client.take_sent()) {
    CHECK(send.bundle->content.first == next);
    next = send.bundle->content.end();
    sizes.push_back(send.bundle->content.operations.size());
  }
  CHECK(sizes == std::vector<std::size_t>{3, 3, 2});
}

TEST_CASE("bundles never exceed the wire's count whatever the configuration says") {
  auto config = make_config();
  config.bundle_operations_max = 100'000;
  config.window = 1024;
  Harness client(config);
  for (std::size_t i = 0; i < limits::bundle_operations_max + 1; ++i) client.submit("x");
  client.flush();
  const auto sent = client.take_sent();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].bundle->content.operations.size() == limits::bundle_operations_max);
  CHECK(sent[1].bundle->content.operations.size() == 1);
}

TEST_CASE("bundles are cut by encoded bytes") {
  for (const std::size_t size :
       {std::size_t{100}, std::size_t{1001}, std::size_t{20'000}, std::size_t{65'536}, limits::operation_bytes_max}) {
    CAPTURE(size);
    Harness client;
    for (int i = 0; i < 50; ++i) client.submit(Bytes(size, 'x'));
    client.flush();
    std::size_t operations = 0;
    const auto sent = client.take_sent();
    for (const auto& send : sent) {
      CHECK_FALSE(validate(*send.bundle).has_value());
      CHECK(send.bundle->body.size() + send.bundle->signature.size() <= limits::bundle_bytes_max);
      // All but the last are full: two more operations would not have fitted.
      if (&send != &sent.back()) CHECK(send.bundle->body.size() + 2 * size + 1200 > limits::bundle_bytes_max);
      operations += send.bundle->content.operations.size();
    }
    CHECK(operations == 50);
  }
}

TEST_CASE("no more than the window is outstanding; the rest follows as room is made") {
  auto config = make_config();
  config.window = 4;
  Harness client(config);
  for (int i = 0; i < 6; ++i) client.submit("x");
  client.flush();
  auto sent = client.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bundle->content.operations.size() == 4);
  client.flush();
  CHECK(client.take_sent().empty());
  // Number 2 completes before number 1: the window is a span of numbers and does not move yet.
  client.accept(2);
  client.flush();
  CHECK(client.take_sent().empty());
  client.accept(1);
  CHECK(client.wake_at_us() == client.now_us());  // it asks for a turn, for callers that do not flush by themselves
  client.flush();
  sent = client.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bundle->content.first == 5);
  CHECK(sent[0].bundle->content.operations.size() == 2);
  CHECK(client.core().outstanding() == 4);
}

TEST_CASE("a window above the session's is cut to it") {
  auto config = make_config();
  config.window = 5'000;
  Harness client(config);
  for (std::size_t i = 0; i < 2 * limits::session_window; ++i) client.submit("x");
  client.flush();
  RequestNumber highest = 0;
  for (const auto& send : client.take_sent()) {
    highest = std::max(highest, send.bundle->content.end() - 1);
    CHECK(send.bundle->content.end() - 1 <= send.bundle->content.acknowledged + limits::session_window);
  }
  CHECK(highest == limits::session_window);
}

TEST_CASE("a bundle acknowledges all numbers up to which everything is completed") {
  Harness client;
  for (int i = 0; i < 4; ++i) client.submit_and_flush("x");
  std::ignore = client.take_sent();
  client.accept(1);
  client.accept(3);
  client.submit_and_flush("y");
  CHECK(client.take_sent().at(0).bundle->content.acknowledged == 1);
  client.accept(2);
  client.submit_and_flush("z");
  CHECK(client.take_sent().at(0).bundle->content.acknowledged == 3);
}

TEST_CASE(
    "retransmission goes to all replicas, backs off, is capped, keeps its jitter in bounds and its bytes the same") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    auto config = make_config();
    config.seed = seed;
    config.retransmission_max_us = 1'000'000;
    Harness client(config);
    client.submit_and_flush("x");
    const auto first = client.take_sent();
    REQUIRE(first.size() == 1);
    client.run_until(client.now_us() + 20'000'000);
    const auto again = client.take_sent();
    for (const auto& send : again) CHECK(send.bundle == first[0].bundle);
    const auto times = broadcast_times(again, 4);
    REQUIRE(times.size() >= 12);
    std::int64_t previous = first[0].at_us;
    std::int64_t wait_us = 150'000;
    for (const auto at_us : times) {
      CHECK(at_us - previous >= wait_us);
      CHECK(at_us - previous <= wait_us + wait_us / 2);
      previous = at_us;
      wait_us = std::min<std::int64_t>(wait_us * 2, 1'000'000);
    }
  }
}

TEST_CASE("clients that start at the same moment drift apart, and the same seed gives the same run") {
  const auto first_retransmission = [](std::uint64_t seed) {
    auto config = make_config();
    config.seed = seed;
    Harness client(config);
    client.submit_and_flush("x");
    return *client.wake_at_us();
  };
  std::set<std::int64_t> times;
  for (std::uint64_t seed = 1; seed <= 1'000; ++seed) times.insert(first_retransmission(seed));
  CHECK(times.size() > 900);
  CHECK(*times.rbegin() - *times.begin() > 60'000);
  CHECK(first_retransmission(17) == first_retransmission(17));
}

TEST_CASE("retransmission ends with completion and is never cut anew") {
  Harness client;
  client.submit("a");
  client.submit("b");
  client.flush();
  const auto first = client.take_sent();
  client.accept(1);
  client.run_until(client.now_us() + 300'000);
  const auto again = client.take_sent();
  REQUIRE(again.size() == 4);
  for (const auto& send : again) CHECK(send.bundle == first[0].bundle);  // the completed one travels along
  client.accept(2);
  client.run_until(client.now_us() + 60'000'000);
  CHECK(client.take_sent().empty());
  CHECK_FALSE(client.wake_at_us().has_value());
}

TEST_CASE("each bundle has its own clock") {
  Harness client;
  client.submit_and_flush("a");
  const auto start_us = client.now_us();
  client.run_until(start_us + 100'000);
  client.submit_and_flush("b");
  std::ignore = client.take_sent();
  client.run_until(start_us + 225'000);  // at most 150 ms and half of it
  for (const auto& send : client.take_sent()) CHECK(send.bundle->content.first == 1);
  client.accept(1);
  client.run_until(start_us + 325'000);
  const auto sent = client.take_sent();
  CHECK(std::any_of(sent.begin(), sent.end(), [](const Sent& send) { return send.bundle->content.first == 2; }));
}

TEST_CASE("waking early, late or without need is harmless") {
  Harness client;
  client.take(client.core().wake(client.now_us()));
  CHECK(client.take_sent().empty());
  client.submit_and_flush("a");
  std::ignore = client.take_sent();
  client.take(client.core().wake(client.now_us() + 1));
  CHECK(client.take_sent().empty());
  REQUIRE(client.wake_at_us().has_value());
  client.take(client.core().wake(client.now_us() + 3'600'000'000));
  CHECK(client.take_sent().size() == 4);
}

TEST_CASE("busy means once more to the primary, after a backoff that doubles, with jitter") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto config = make_config();
    config.seed = seed;
    config.first_retransmission_us = 3'600'000'000;  // out of the way
    config.retransmission_max_us = 3'600'000'000;
    Harness client(config);
    const auto number = client.submit_and_flush("a");
    const auto first = client.take_sent();
    std::int64_t wait_us = 20'000;
    for (int round = 0; round < 6; ++round) {
      const auto refused_us = client.now_us();
      client.refuse(0, number, RefusalReason::busy);
      client.refuse(0, number, RefusalReason::busy);  // a second one meanwhile changes nothing
      REQUIRE(client.take_sent().empty());
      client.run_until(refused_us + wait_us - 1);
      REQUIRE(client.take_sent().empty());
      client.run_until(refused_us + wait_us + wait_us / 2);
      const auto again = client.take_sent();
      REQUIRE(again.size() == 1);
      CHECK(again[0].to == 0);
      CHECK(again[0].bundle == first[0].bundle);
      wait_us *= 2;
    }
    CHECK(client.core().last_refusal() == RefusalReason::busy);
  }
}

TEST_CASE("a primary that always says busy can neither stop nor delay the retransmission to all") {
  Harness client;
  const auto number = client.submit_and_flush("a");
  const auto start_us = client.now_us();
  std::ignore = client.take_sent();
  std::optional<std::int64_t> to_others_us;
  std::size_t to_primary = 0;
  while (!to_others_us && client.now_us() < start_us + 10'000'000) {
    client.refuse(0, number, RefusalReason::busy);
    client.run_until(client.now_us() + 1'000);
    for (const auto& send : client.take_sent()) {
      if (send.to == 0) ++to_primary;
      if (send.to != 0) to_others_us = send.at_us;
    }
  }
  REQUIRE(to_others_us.has_value());
  CHECK(*to_others_us - start_us <= 225'000);
  CHECK(to_primary <= 5);  // 20, 40, 80 ms ..., not one per refusal
}

TEST_CASE("refusals are hints: remembered, and nothing more") {
  Harness client;
  const auto number = client.submit_and_flush("a");
  const auto wake_at_us = client.wake_at_us();
  std::ignore = client.take_sent();
  CHECK_FALSE(client.core().last_refusal().has_value());
  for (ReplicaId from = 0; from < 4; ++from) client.refuse(from, number, RefusalReason::unknown_client);
  CHECK(client.core().last_refusal() == RefusalReason::unknown_client);
  client.refuse(1, number, RefusalReason::busy);  // busy, but not from the primary
  CHECK(client.core().last_refusal() == RefusalReason::busy);
  CHECK(client.take_completed().empty());
  CHECK(client.take_sent().empty());
  CHECK(client.wake_at_us() == wake_at_us);
  client.accept(number);
  CHECK(client.take_completed().size() == 1);
}

TEST_CASE("refusals of another session, of no bundle's first number, or of a finished bundle are ignored") {
  Harness client;
  client.submit("a");
  client.submit("b");
  client.flush();
  client.receive(0, Refusal{76, 1, RefusalReason::busy});
  client.refuse(0, 2, RefusalReason::busy);
  client.refuse(0, 3, RefusalReason::busy);
  CHECK_FALSE(client.core().last_refusal().has_value());
  client.submit_and_flush("c");
  client.submit_and_flush("d");
  client.accept(3);  // stays in the middle
  client.refuse(0, 3, RefusalReason::busy);
  CHECK_FALSE(client.core().last_refusal().has_value());
  client.accept(1);
  client.accept(2);
  client.refuse(0, 1, RefusalReason::busy);
  CHECK_FALSE(client.core().last_refusal().has_value());
}

TEST_CASE("a replica's first channel gets all that is in flight: what it replied before had no way to go") {
  Harness client;
  client.take(client.core().connected(0));
  CHECK(client.take_sent().empty());
  client.submit_and_flush("a");
  client.submit_and_flush("b");
  const auto first = client.take_sent();
  client.accept(1);
  client.take(client.core().connected(3));
  const auto sent = client.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].to == 3);
  CHECK(sent[0].bundle == first[1].bundle);
  client.take(client.core().connected(4));  // no member
  CHECK(client.take_sent().empty());
}

TEST_CASE("a renewed channel gets what is in flight if it is the primary's, or what was sent to all") {
  Harness client;
  for (ReplicaId replica = 0; replica < 4; ++replica) client.take(client.core().connected(replica));
  client.submit_and_flush("a");
  const auto first = client.take_sent();
  client.take(client.core().connected(2));
  CHECK(client.take_sent().empty());
  client.take(client.core().connected(0));
  auto sent = client.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].to == 0);
  CHECK(sent[0].bundle == first[0].bundle);
  client.run_until(client.now_us() + 225'000);
  std::ignore = client.take_sent();
  client.submit_and_flush("b");
  std::ignore = client.take_sent();
  client.take(client.core().connected(2));
  sent = client.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bundle == first[0].bundle);
  client.accept(1);
  client.accept(2);
  client.take(client.core().connected(0));
  CHECK(client.take_sent().empty());
}

TEST_CASE("messages that are none of a client's business are ignored") {
  Harness client;
  client.submit_and_flush("a");
  client.receive(0, Prepare{0, 1, {}});
  client.receive(0, Report{});
  CHECK(client.take_completed().empty());
}

}  // namespace
}  // namespace tagma
