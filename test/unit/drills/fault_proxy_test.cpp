// The fault proxy between sockets of ZeroMQ as the product uses them.
#include "docker/drills/fault_proxy.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>

#include "support.h"

using namespace tagma;
using namespace tagma::drills;
using namespace tagma::drills_test;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t hour_us = 3'600'000'000;

/// Numbers from 0 to so many, with a few bytes more.
void send_numbers(Pair& pair, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) pair.send({std::to_string(i), "of a small message"});
}

/// The numbers that arrive until one of them is the last.
std::vector<std::string> numbers_until(Pair& pair, const std::string& last) {
  std::vector<std::string> numbers;
  while (numbers.empty() || numbers.back() != last) {
    const Parts parts = pair.receive();
    if (parts.empty()) break;
    numbers.push_back(parts.front());
  }
  return numbers;
}

}  // namespace

TEST_SUITE("fault_proxy") {
  TEST_CASE("without a fault every message passes whole, in both directions, and is counted") {
    Pair pair;
    const std::string large(std::size_t{8} << 20, 'x');
    const std::vector<Parts> messages{
        {"a"}, {"", "", "b"}, {large}, {std::string(255, 'c'), std::string(256, 'd')}, {"head", large, "", large}};
    for (const Parts& parts : messages) pair.send(parts);
    for (const Parts& parts : messages) CHECK(pair.receive() == parts);
    for (const Parts& parts : messages) pair.answer(parts);
    for (const Parts& parts : messages) CHECK(pair.receive_answer() == parts);
    for (const LinkCounts& counts : {pair.forward(), pair.backward()}) {
      CHECK(counts.messages == messages.size());
      CHECK(counts.dropped == 0);
      CHECK(counts.delayed == 0);
      CHECK(counts.bytes > 3 * large.size());
    }
  }

  TEST_CASE("its heart beats: how late its thread was is told, and counts anew from there") {
    Pair pair;
    const auto asked = Clock::now();
    static_cast<void>(pair.proxy->take_longest_stall());
    ProxyStall longest;
    CHECK(eventually([&] { return (longest = pair.proxy->take_longest_stall()).length.count() > 0; }));
    CHECK(longest.began + longest.length >= asked);
  }

  TEST_CASE("100,000 small messages pass in order") {
    constexpr std::size_t count = 100'000;
    Pair pair;
    send_numbers(pair, count);
    bool ordered = true;
    for (std::size_t i = 0; i < count; ++i) ordered = ordered && pair.receive().front() == std::to_string(i);
    CHECK(ordered);
    CHECK(pair.forward().messages == count);
  }

  TEST_CASE("a cut drops one direction, the other lives on, and healing needs no new connection") {
    Pair pair;
    REQUIRE(pair.greet());
    pair.set_forward({.cut = true});
    for (int i = 0; i < 10; ++i) pair.send({"lost", std::string(100'000, 'x')});
    CHECK(eventually([&] { return pair.forward().dropped == 10; }));
    pair.answer({"passes"});
    CHECK(pair.receive_answer() == Parts{"passes"});
    pair.set_forward({});
    pair.send({"healed"});
    CHECK(pair.receive() == Parts{"healed"});
    pair.answer({"by the same connection"});
    CHECK(pair.receive_answer() == Parts{"by the same connection"});
    CHECK(pair.forward().messages == 12);
    CHECK(pair.backward().dropped == 0);
  }

  TEST_CASE("a cut of both directions drops both") {
    Pair pair;
    REQUIRE(pair.greet());
    pair.set_forward({.cut = true});
    pair.set_backward({.cut = true});
    pair.send({"lost"});
    pair.answer({"lost too"});
    CHECK(eventually([&] { return pair.forward().dropped == 1 && pair.backward().dropped == 1; }));
    const std::uint64_t bytes = pair.forward().bytes + pair.backward().bytes;
    pair.set_forward({});
    pair.set_backward({});
    CHECK(pair.forward().bytes + pair.backward().bytes == bytes);
    pair.send({"healed"});
    CHECK(pair.receive() == Parts{"healed"});
    pair.answer({"healed too"});
    CHECK(pair.receive_answer() == Parts{"healed too"});
  }

  TEST_CASE("a direction is what one says to the other, whoever made the connection") {
    Pair pair;
    REQUIRE(pair.greet());
    // A second connection, made by the other party.
    auto router = make_socket(pair.context, zmq::socket_type::router);
    auto dealer = make_socket(pair.context, zmq::socket_type::dealer);
    dealer.connect(pair.proxy->open(Pair::other, Pair::one, "127.0.0.1", bind_somewhere(router)));
    pair.set_backward({.cut = true});
    pair.answer({"lost"});
    CHECK(eventually([&] { return pair.backward().dropped == 1; }));
    pair.set_backward({});
    dealer.send(zmq::str_buffer("passes"), zmq::send_flags::none);
    zmq::message_t part;
    REQUIRE(router.recv(part));
    REQUIRE(router.recv(part));
    CHECK(part.to_string() == "passes");
    pair.set_backward({.cut = true});
    dealer.send(zmq::str_buffer("lost as well"), zmq::send_flags::none);
    CHECK(eventually([&] { return pair.backward().dropped == 2; }));
    CHECK(pair.forward().dropped == 0);
  }

  TEST_CASE("a delay lets no message arrive early, and keeps their order") {
    Pair pair;
    REQUIRE(pair.greet());
    pair.set_forward({.delay_us = 30'000, .jitter_us = 20'000});
    const auto before = Clock::now();
    send_numbers(pair, 500);
    const auto numbers = numbers_until(pair, "499");
    CHECK(Clock::now() - before >= std::chrono::milliseconds(30));
    REQUIRE(numbers.size() == 500);
    for (std::size_t i = 0; i < numbers.size(); ++i) CHECK(numbers[i] == std::to_string(i));
    CHECK(pair.forward().delayed == 500);
    CHECK(pair.backward().delayed == 0);
  }

  TEST_CASE("large messages are delayed whole") {
    Pair pair;
    pair.set_forward({.delay_us = 50'000});
    const Parts parts{std::string(std::size_t{8} << 20, 'x'), "end"};
    const auto before = Clock::now();
    for (int i = 0; i < 6; ++i) pair.send(parts);  // more than is held back at once
    for (int i = 0; i < 6; ++i) CHECK(pair.receive() == parts);
    CHECK(Clock::now() - before >= std::chrono::milliseconds(50));
  }

  TEST_CASE("what a delay holds back is not overtaken when it is taken back") {
    Pair pair;
    REQUIRE(pair.greet());
    pair.set_forward({.delay_us = 100'000});
    const auto before = Clock::now();
    pair.send({"first"});
    REQUIRE(eventually([&] { return pair.forward().delayed == 1; }));
    pair.set_forward({});
    pair.send({"second"});
    CHECK(pair.receive() == Parts{"first"});
    CHECK(Clock::now() - before >= std::chrono::milliseconds(100));
    CHECK(pair.receive() == Parts{"second"});
    CHECK(pair.forward().delayed == 1);
  }

  TEST_CASE("a cut drops what a delay holds back") {
    Pair pair;
    REQUIRE(pair.greet());
    pair.set_forward({.delay_us = hour_us});
    for (int i = 0; i < 10; ++i) pair.send({"lost", std::string(100'000, 'x')});
    REQUIRE(eventually([&] { return pair.forward().delayed == 10; }));
    pair.set_forward({.cut = true});
    CHECK(pair.forward().dropped == 10);
    pair.set_forward({});
    pair.send({"healed"});
    CHECK(pair.receive() == Parts{"healed"});
  }

  TEST_CASE("loss takes about as many as asked, and the same with the same seed") {
    constexpr std::size_t count = 20'000;
    std::vector<std::vector<std::string>> arrived;
    for (const std::uint64_t seed : {1U, 1U, 2U}) {
      Pair pair(seed);
      pair.set_forward({.loss_ppm = 250'000});
      send_numbers(pair, count);
      REQUIRE(eventually([&] { return pair.forward().messages == count; }));
      pair.set_forward({});
      pair.send({"last"});
      arrived.push_back(numbers_until(pair, "last"));
      const LinkCounts counts = pair.forward();
      CHECK(counts.messages == arrived.back().size() + counts.dropped);
      CHECK(counts.dropped > count / 4 - 500);  // eight standard deviations
      CHECK(counts.dropped < count / 4 + 500);
    }
    CHECK(arrived[0] == arrived[1]);
    CHECK(arrived[0] != arrived[2]);
  }

  TEST_CASE("a limited rate lets no more through") {
    Pair pair;
    REQUIRE(pair.greet());
    pair.set_forward({.bytes_per_second_max = 1'000'000});
    const Parts large{std::string(200'000, 'x')};
    const auto before = Clock::now();
    pair.send(large);
    for (int i = 0; i < 100; ++i) pair.send({std::string(1'000, 'y')});
    CHECK(pair.receive() == large);
    CHECK(Clock::now() - before >= std::chrono::milliseconds(200));
    for (int i = 0; i < 100; ++i) CHECK(pair.receive() == Parts{std::string(1'000, 'y')});
    CHECK(Clock::now() - before >= std::chrono::milliseconds(300));
    CHECK(pair.forward().delayed == 101);
    pair.set_forward({});
    pair.send({"free again"});
    CHECK(pair.receive() == Parts{"free again"});
  }

  TEST_CASE("a connection that is made during a cut is there when it ends") {
    for (const bool forward : {true, false}) {
      Pair pair;
      pair.proxy->set(forward ? Pair::one : Pair::other, forward ? Pair::other : Pair::one, {.cut = true});
      auto late = make_socket(pair.context, zmq::socket_type::dealer);
      late.connect(pair.door);
      late.send(zmq::str_buffer("waits"), zmq::send_flags::none);
      pair.proxy->set(forward ? Pair::one : Pair::other, forward ? Pair::other : Pair::one, {});
      CHECK(pair.receive() == Parts{"waits"});
      pair.answer({"arrives"});
      zmq::message_t part;
      REQUIRE(late.recv(part));
      CHECK(part.to_string() == "arrives");
    }
  }

  TEST_CASE("what cannot be opened is refused") {
    FaultProxy proxy(1);
    CHECK_THROWS_AS(static_cast<void>(proxy.open(Pair::one, Pair::other, "192.0.2.1", "tcp://127.0.0.1:9")),
                    std::system_error);
    CHECK_THROWS_AS(static_cast<void>(proxy.open(Pair::one, Pair::other, "localhost", "tcp://127.0.0.1:9")),
                    std::system_error);
    for (const std::string target : {"127.0.0.1:9", "tcp://127.0.0.1", "tcp://name:9", "tcp://127.0.0.1:70000"}) {
      CHECK_THROWS_AS(static_cast<void>(proxy.open(Pair::one, Pair::other, "127.0.0.1", target)), std::system_error);
    }
  }
}
