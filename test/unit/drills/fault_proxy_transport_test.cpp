// What the fault proxy does with the connections themselves: who begins them, ends them, or does not keep up.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <thread>

#include "docker/drills/fault_proxy.h"
#include "support.h"

using namespace tagma;
using namespace tagma::drills;
using namespace tagma::drills_test;

namespace {

constexpr std::uint32_t hour_us = 3'600'000'000;

/// Two sockets of ours, connected through the proxy.
struct RawPair {
  FaultProxy proxy{1};
  RawSocket target = RawSocket::listening();
  std::string door = proxy.open(Pair::one, Pair::other, "127.0.0.1", target.endpoint());
  RawSocket near = RawSocket::connected_to(door);
  RawSocket far = target.accept();

  void shake_hands() const {
    near.send(zmtp_handshake());
    far.send(zmtp_handshake());
    REQUIRE(far.receive(zmtp_handshake().size()) == zmtp_handshake());
    REQUIRE(near.receive(zmtp_handshake().size()) == zmtp_handshake());
  }
  [[nodiscard]] LinkCounts forward() const { return proxy.counts(Pair::one, Pair::other); }
  [[nodiscard]] LinkCounts backward() const { return proxy.counts(Pair::other, Pair::one); }
};

/// Enough turns of the proxy's loop for what was sent before to be dealt with.
void let_it_turn(const FaultProxy& proxy) {
  for (int i = 0; i < 10; ++i) static_cast<void>(proxy.counts(Pair::one, Pair::other));
}

}  // namespace

TEST_SUITE("fault_proxy_transport") {
  TEST_CASE("a target that is not there yet, goes and comes again") {
    Pair pair;
    REQUIRE(pair.greet());
    const std::string endpoint = pair.router.get(zmq::sockopt::last_endpoint);
    for (int i = 0; i < 3; ++i) {
      pair.router.close();
      pair.router = make_socket(pair.context, zmq::socket_type::router);
      REQUIRE(eventually([&] {
        try {
          pair.router.bind(endpoint);
        } catch (const zmq::error_t&) {
          return false;  // not closed yet, by ZeroMQ's thread
        }
        return true;
      }));
      // What was under way is lost with its connection; what is sent again arrives.
      pair.router.set(zmq::sockopt::rcvtimeo, 20);
      CHECK(eventually([&] {
        pair.send({"again"});
        return pair.receive() == Parts{"again"};
      }));
    }
  }

  TEST_CASE("a connection to nobody is ended, and comes about once somebody listens") {
    FaultProxy proxy(1);
    std::string endpoint;
    std::string door;
    {
      const RawSocket gone = RawSocket::listening();
      endpoint = gone.endpoint();
      door = proxy.open(Pair::one, Pair::other, "127.0.0.1", endpoint);
    }
    const RawSocket refused = RawSocket::connected_to(door);
    CHECK(refused.ended());
    zmq::context_t context(1);
    auto dealer = make_socket(context, zmq::socket_type::dealer);
    dealer.connect(door);
    dealer.send(zmq::str_buffer("waits"), zmq::send_flags::none);
    auto router = make_socket(context, zmq::socket_type::router);
    REQUIRE(eventually([&] {
      try {
        router.bind(endpoint);
      } catch (const zmq::error_t&) {
        return false;
      }
      return true;
    }));
    zmq::message_t part;
    REQUIRE(router.recv(part));
    REQUIRE(router.recv(part));
    CHECK(part.to_string() == "waits");
  }

  TEST_CASE("when one side ends, what it said is passed on first, even if it is late") {
    for (const bool late : {false, true}) {
      RawPair pair;
      pair.shake_hands();
      if (late) pair.proxy.set(Pair::other, Pair::one, {.delay_us = 50'000});
      const std::string said = zmtp_message({std::string(1'000'000, 'x')}) + zmtp_message({"last"});
      pair.far.send(said);
      pair.far.close();
      REQUIRE(eventually([&] { return pair.backward().messages == 2; }));
      pair.near.send(zmtp_message({"nobody reads this"}));
      CHECK(pair.near.receive(said.size()) == said);
      CHECK(pair.near.ended());
    }
  }

  TEST_CASE("half a message of a peer that dies is passed on as far as it came") {
    RawPair pair;
    pair.shake_hands();
    const std::string half = zmtp_message({std::string(1'000, 'x'), "y"}).substr(0, 500);
    pair.near.send(half);
    pair.near.close();
    CHECK(pair.far.receive(half.size()) == half);
    CHECK(pair.far.ended());
  }

  TEST_CASE("a message that has begun to pass is finished in spite of a cut; one that is dropped is dropped whole") {
    RawPair pair;
    pair.shake_hands();
    const std::string message = zmtp_message({std::string(1'000, 'x'), "y"});
    pair.near.send(message.substr(0, 500));
    CHECK(pair.far.receive(500) == message.substr(0, 500));
    pair.proxy.set(Pair::one, Pair::other, {.cut = true});
    pair.near.send(message.substr(500) + message.substr(0, 500));
    CHECK(pair.far.receive(message.size() - 500) == message.substr(500));
    CHECK(eventually([&] { return pair.forward().dropped == 1; }));
    pair.proxy.set(Pair::one, Pair::other, {});
    pair.near.send(message.substr(500) + zmtp_message({"next"}));
    CHECK(pair.far.receive(zmtp_message({"next"}).size()) == zmtp_message({"next"}));
    CHECK(pair.forward().messages == 3);
  }

  TEST_CASE("a cut drops the rest of a message whose beginning a delay still holds back") {
    RawPair pair;
    pair.shake_hands();
    const std::string message = zmtp_message({std::string(1'000, 'x'), "y"});
    pair.proxy.set(Pair::one, Pair::other, {.delay_us = hour_us});
    pair.near.send(message + message.substr(0, 500));
    REQUIRE(eventually([&] { return pair.forward().delayed == 2; }));
    pair.proxy.set(Pair::one, Pair::other, {.cut = true});
    CHECK(pair.forward().dropped == 2);
    pair.proxy.set(Pair::one, Pair::other, {});
    pair.near.send(message.substr(500) + zmtp_message({"next"}));
    CHECK(pair.far.receive(zmtp_message({"next"}).size()) == zmtp_message({"next"}));
  }

  TEST_CASE("heartbeats pass a lossy link, and no cut one") {
    RawPair pair;
    pair.shake_hands();
    const std::string ping = zmtp_command(std::string("\x04PING\x00\x64", 7));
    pair.proxy.set(Pair::one, Pair::other, {.loss_ppm = 1'000'000});
    pair.near.send(zmtp_message({"lost"}) + ping);
    CHECK(pair.far.receive(ping.size()) == ping);
    pair.proxy.set(Pair::one, Pair::other, {.cut = true});
    pair.near.send(ping + zmtp_message({"lost"}));
    CHECK(eventually([&] { return pair.forward().dropped == 2; }));
    pair.proxy.set(Pair::one, Pair::other, {});
    pair.near.send(zmtp_message({"next"}));
    CHECK(pair.far.receive(zmtp_message({"next"}).size()) == zmtp_message({"next"}));
  }

  TEST_CASE("a handshake waits for the end of a cut, and nobody is let in before") {
    RawPair pair;
    pair.near.send(zmtp_greeting());
    CHECK(pair.far.receive(64) == zmtp_greeting());
    pair.proxy.set(Pair::one, Pair::other, {.cut = true});
    pair.near.send(zmtp_command("\x05READY"));
    pair.far.send(zmtp_handshake());
    CHECK(pair.near.receive(zmtp_handshake().size()) == zmtp_handshake());
    RawSocket second = RawSocket::connected_to(pair.door);
    {
      const RawSocket impatient = RawSocket::connected_to(pair.door);
      impatient.send(zmtp_greeting());
    }
    second.send(zmtp_greeting());
    let_it_turn(pair.proxy);
    CHECK_FALSE(pair.far.anything_waits(0));
    CHECK_FALSE(pair.target.anything_waits(0));
    pair.proxy.set(Pair::one, Pair::other, {});
    CHECK(pair.far.receive(zmtp_command("\x05READY").size()) == zmtp_command("\x05READY"));
    const RawSocket second_far = pair.target.accept();
    CHECK(second_far.receive(64) == zmtp_greeting());
    second.close();
    CHECK(second_far.ended());
    CHECK_FALSE(pair.target.anything_waits(0));  // for the impatient
  }

  TEST_CASE("nobody is let in while the way back is cut") {
    RawPair pair;
    pair.proxy.set(Pair::other, Pair::one, {.cut = true});
    const RawSocket second = RawSocket::connected_to(pair.door);
    second.send(zmtp_greeting());
    let_it_turn(pair.proxy);
    CHECK_FALSE(pair.target.anything_waits(0));
    pair.proxy.set(Pair::other, Pair::one, {});
    CHECK(pair.target.accept().receive(64) == zmtp_greeting());
  }

  TEST_CASE("who does not speak ZMTP, or announces too much, is cut off on both sides") {
    for (const bool shaken : {false, true}) {
      RawPair pair;
      if (shaken) pair.shake_hands();
      pair.near.send(shaken ? std::string("\x02\x00\x00\x00\x00\x04\x00\x00\x01", 9) : "GET / HTTP/1.1\r\n\r\n");
      CHECK(pair.near.ended());
      CHECK(pair.far.ended());
    }
  }

  TEST_CASE("a delay holds back a bounded amount, then the sender waits") {
    RawPair pair;
    pair.shake_hands();
    pair.proxy.set(Pair::one, Pair::other, {.delay_us = hour_us});
    const std::string message = zmtp_message({std::string(std::size_t{1} << 20, 'x')});
    std::size_t taken_bytes = 0;
    REQUIRE(eventually([&] {
      const std::string rest = message.substr(taken_bytes % message.size());
      const std::size_t taken = pair.near.send_what_is_taken(rest, 300);
      taken_bytes += taken;
      const bool full = taken < rest.size() && pair.forward().delayed >= 31;
      return full || taken_bytes > 200 * message.size();
    }));
    CHECK(taken_bytes < 100 * message.size());  // what is held back, and the kernel's own buffers
    pair.proxy.set(Pair::one, Pair::other, {.cut = true});
    CHECK(pair.forward().dropped >= 31);
    CHECK(pair.forward().bytes == zmtp_handshake().size());
  }

  TEST_CASE("a receiver that does not keep up makes its sender wait, and loses nothing") {
    RawPair pair;
    pair.shake_hands();
    const std::string message = zmtp_message({std::string(std::size_t{1} << 20, 'x')});
    std::string sent;
    for (std::size_t taken = message.size(); taken == message.size();) {
      REQUIRE(sent.size() < message.size() * 100);
      taken = pair.near.send_what_is_taken(message, 300);
      sent += message.substr(0, taken);
    }
    CHECK(sent.size() < std::size_t{32} << 20);  // in the kernel's buffers, not in the proxy's
    CHECK(pair.far.receive(sent.size()) == sent);
    CHECK(pair.forward().bytes == sent.size() + zmtp_handshake().size());
  }

  TEST_CASE("a cut also drops what waits for a receiver that does not keep up") {
    RawPair pair;
    pair.shake_hands();
    const std::string message = zmtp_message({std::string(1'000, 'x'), std::string(1'000, 'y')});
    std::string rest;
    std::uint64_t sent = 0;
    for (; rest.empty(); ++sent) {
      REQUIRE(sent < 100'000);
      rest = message.substr(pair.near.send_what_is_taken(message, 300));
    }
    pair.proxy.set(Pair::one, Pair::other, {.cut = true});
    pair.near.send(rest);
    for (int i = 0; i < 20'000; ++i, ++sent) pair.near.send(message);
    CHECK(eventually([&] { return pair.forward().messages == sent; }));
    pair.proxy.set(Pair::one, Pair::other, {});
    const std::uint64_t passing = sent - pair.forward().dropped;
    CHECK(passing < sent - 20'000);
    pair.near.send(zmtp_message({"next"}));
    bool whole = true;
    for (std::uint64_t i = 0; i < passing; ++i) whole = whole && pair.far.receive(message.size()) == message;
    CHECK(whole);
    CHECK(pair.far.receive(zmtp_message({"next"}).size()) == zmtp_message({"next"}));
  }

  TEST_CASE("a proxy that ends while messages pass ends its connections, and leaves nothing behind") {
    const std::size_t descriptors = open_descriptors();
    {
      FaultProxy proxy(1);
      const RawSocket target = RawSocket::listening();
      const std::string door = proxy.open(Pair::one, Pair::other, "127.0.0.1", target.endpoint());
    }
    CHECK(open_descriptors() == descriptors);
    Pair pair;
    REQUIRE(pair.greet());
    pair.set_backward({.delay_us = 2'000, .jitter_us = 1'000});
    std::atomic<bool> stop = false;
    // The receiving end answers all that comes, as fast as it can.
    std::thread echo([&] {
      pair.router.set(zmq::sockopt::rcvtimeo, 5);
      while (!stop) {
        if (pair.receive().empty()) continue;
        pair.answer({std::string(1'000, 'y')});
      }
    });
    std::size_t answers = 0;
    CHECK(eventually([&] {
      for (int i = 0; i < 100; ++i) pair.send({std::string(10'000, 'x')});
      zmq::message_t part;
      while (pair.dealer.recv(part, zmq::recv_flags::dontwait)) ++answers;
      return answers > 1'000;
    }));
    const RawSocket open_one = RawSocket::connected_to(pair.door);
    pair.proxy.reset();
    stop = true;
    echo.join();
    static_cast<void>(open_one.receive(1'000));  // the router's greeting
    CHECK(open_one.ended());
  }

  TEST_CASE("faults may be set and counts read from several threads while messages pass") {
    Pair pair;
    std::atomic<bool> stop = false;
    std::thread setting([&] {
      for (std::uint32_t i = 0; !stop; ++i) {
        pair.set_forward({.cut = i % 7 == 0, .delay_us = i % 5 * 200, .loss_ppm = i % 3 * 1'000});
      }
    });
    std::thread counting([&] {
      std::uint64_t messages = 0;
      while (!stop) {
        const LinkCounts counts = pair.forward();
        CHECK(counts.messages >= messages);
        CHECK(counts.dropped <= counts.messages);
        messages = counts.messages;
      }
    });
    for (int i = 0; i < 20'000; ++i)
      pair.send({std::to_string(i), std::string(static_cast<std::size_t>(i % 400), 'x')});
    CHECK(eventually([&] { return pair.forward().messages == 20'000; }));
    stop = true;
    setting.join();
    counting.join();
    pair.set_forward({});
    pair.send({"last", ""});
    std::uint64_t arrived = 0;
    int before = -1;
    for (Parts parts = pair.receive(); parts.front() != "last"; parts = pair.receive(), ++arrived) {
      REQUIRE(parts.size() == 2);
      const int number = std::stoi(parts.front());
      CHECK(number > before);
      CHECK(parts[1].size() == static_cast<std::size_t>(number % 400));
      before = number;
    }
    CHECK(arrived + pair.forward().dropped == 20'000);
  }
}
