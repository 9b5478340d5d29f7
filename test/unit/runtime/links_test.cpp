// Listener and PeerLink against each other and against strangers, over real sockets, in one thread.
#include <doctest/doctest.h>

#include "crypto/digest.h"
#include "replica/runtime/listener.h"
#include "replica/runtime/peer_link.h"
#include "support.h"

using namespace tagma;
using namespace tagma::runtime;
using namespace tagma::runtime_test;

namespace {

/// Replica 0's listener for replicas, and replica 1's link to it.
struct Pair {
  Folder folder;
  TestCluster cluster = make_cluster(folder, 4, 1);
  zmq::context_t context{1};
  Counters counters;
  Log log{"test", "off"};
  std::unique_ptr<Listener> listener = make_listener({});
  std::unique_ptr<PeerLink> link = make_link(1);
  std::vector<std::string> seen;

  std::unique_ptr<Listener> make_listener(const ListenerBounds& bounds) {
    auto socket = make_router(context, {});
    REQUIRE_FALSE(bind_socket(socket, cluster.file.membership.replicas[0].replica_address));
    const auto known = [this](const Principal& principal) {
      const auto* member = cluster.file.membership.find_replica(principal.id);
      if (principal.kind != PrincipalKind::replica || member == nullptr) return crypto::ChannelAcceptor::Known{};
      return crypto::ChannelAcceptor::Known{&member->key, member->incarnation};
    };
    auto made = std::make_unique<Listener>("test", std::move(socket), cluster.scope(),
                                           crypto::ChannelEnd{Principal{PrincipalKind::replica, 0}, 0},
                                           cluster.replicas[0], known, bounds, counters, log);
    made->on_frame([this](const crypto::ChannelEnd& from, crypto::ChannelId, ByteView) {
      seen.push_back(to_string(from.principal));
    });
    return made;
  }

  std::unique_ptr<PeerLink> make_link(ReplicaId from) {
    auto socket = make_dealer(context, {});
    const ReplicaMember& peer = cluster.file.membership.replicas[0];
    REQUIRE_FALSE(connect_socket(socket, peer.replica_address));
    return std::make_unique<PeerLink>(std::move(socket), peer, cluster.scope(),
                                      crypto::ChannelEnd{Principal{PrincipalKind::replica, from}, 0},
                                      cluster.replicas[from], counters, log);
  }

  void pump() const {
    const auto now_us = monotonic_us();
    link->shake_hands(now_us);
    static_cast<void>(link->receive(now_us));
    if (listener) static_cast<void>(listener->receive(now_us));
  }

  [[nodiscard]] bool connect() {
    return eventually([this] {
      pump();
      return link->established() && !link->shaking_hands();
    });
  }
};

OutgoingBody body_of(Bytes bytes) {
  crypto::Hasher hasher;
  const Digest digest = hasher.digest(bytes);
  return {std::make_shared<const Bytes>(std::move(bytes)), digest};
}

/// A stranger's socket at the listener.
zmq::socket_t stranger(Pair& pair) {
  zmq::socket_t socket(pair.context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  socket.connect(pair.cluster.file.membership.replicas[0].replica_address);
  return socket;
}

}  // namespace

TEST_CASE("a link shakes hands and its gathered messages arrive as one frame of that replica") {
  Pair pair;
  REQUIRE(pair.connect());
  const auto frames_before = pair.counters.traffic.frames_sent;
  pair.link->add(body_of("one"));
  pair.link->add(body_of("two"));
  pair.link->add(body_of(Bytes(300'000, 'x')));
  CHECK(pair.link->flush());
  CHECK_FALSE(pair.link->flush());
  CHECK(pair.counters.traffic.frames_sent == frames_before + 1);
  std::vector<Bytes> bodies;
  REQUIRE(eventually([&] {
    pair.pump();
    while (const auto item = pair.listener->next()) {
      CHECK(item->from.principal == Principal{PrincipalKind::replica, 1});
      bodies.emplace_back(item->body);
    }
    return bodies.size() == 3;
  }));
  CHECK(bodies == std::vector<Bytes>{"one", "two", Bytes(300'000, 'x')});
  CHECK(pair.seen == std::vector<std::string>{"replica 1"});
}

TEST_CASE("a link that starts before its peer connects when the peer comes") {
  Pair pair;
  pair.listener.reset();
  pair.link = pair.make_link(2);
  for (int i = 0; i < 50; ++i) pair.pump();
  CHECK_FALSE(pair.link->established());
  pair.link->add(body_of("dropped"));
  CHECK_MESSAGE(!pair.link->flush(), "nothing queues without a channel");
  pair.listener = pair.make_listener({});
  CHECK(pair.connect());
}

TEST_CASE("a peer that has forgotten the channel asks for a new handshake and gets one") {
  Pair pair;
  REQUIRE(pair.connect());
  pair.listener.reset();  // the peer restarts: no channel survives
  pair.listener = pair.make_listener({});
  bool arrived = false;
  CHECK(eventually([&] {
    pair.link->add(body_of("again"));
    pair.link->flush();
    pair.pump();
    while (pair.listener->next()) arrived = true;
    return arrived;
  }));
  CHECK(pair.counters.value("resets_sent") >= 1);
  CHECK(pair.counters.value("resets_received") == 1);
  CHECK(pair.counters.value("handshakes_done") == 2);
}

TEST_CASE("B17, C9: garbage, surplus parts, strangers' and truncated records are counted and change nothing") {
  Pair pair;
  REQUIRE(pair.connect());
  auto socket = stranger(pair);
  const auto refused_before = pair.counters.refused_total();
  std::uint64_t sent = 0;
  const auto send = [&](const Bytes& record) {
    socket.send(zmq::buffer(record), zmq::send_flags::none);
    ++sent;
  };
  send("");
  send("garbage");
  send(Bytes(5'000, '\xff'));
  socket.send(zmq::str_buffer("part one"), zmq::send_flags::sndmore);
  socket.send(zmq::str_buffer("part two"), zmq::send_flags::sndmore);
  socket.send(zmq::str_buffer("part three"), zmq::send_flags::none);
  ++sent;
  crypto::ChannelInitiator unknown(pair.cluster.scope(), crypto::ChannelEnd{Principal{PrincipalKind::replica, 9}, 0},
                                   crypto::ChannelEnd{Principal{PrincipalKind::replica, 0}, 0},
                                   pair.cluster.file.membership.replicas[0].key, pair.cluster.clients[0]);
  const Bytes hello = unknown.hello();
  send(hello);
  CHECK(eventually([&] {
    pair.pump();
    return pair.counters.refused_total() - refused_before == sent;
  }));
  crypto::ChannelInitiator impostor(pair.cluster.scope(), crypto::ChannelEnd{Principal{PrincipalKind::replica, 2}, 0},
                                    crypto::ChannelEnd{Principal{PrincipalKind::replica, 0}, 0},
                                    pair.cluster.file.membership.replicas[0].key, pair.cluster.clients[0]);
  send(impostor.hello());
  const Bytes whole = impostor.hello();
  send(whole.substr(0, whole.size() - 3));
  CHECK(eventually([&] {
    pair.pump();
    return pair.counters.refused_total() - refused_before >= sent - 1;  // the later HELLO may replace the earlier
  }));
  CHECK(pair.seen.empty());
  CHECK(pair.listener->idle());
  pair.link->add(body_of("still there"));
  pair.link->flush();
  CHECK(eventually([&] {
    pair.pump();
    return pair.listener->next().has_value();
  }));
}

TEST_CASE("a flood of false handshakes costs a bounded rate of verifications, and an honest one gets through") {
  Pair pair;
  pair.listener.reset();
  ListenerBounds bounds;
  bounds.hellos_per_second = 20;
  bounds.hello_burst = 2;
  pair.listener = pair.make_listener(bounds);
  auto socket = stranger(pair);
  crypto::ChannelInitiator impostor(pair.cluster.scope(), crypto::ChannelEnd{Principal{PrincipalKind::replica, 2}, 0},
                                    crypto::ChannelEnd{Principal{PrincipalKind::replica, 0}, 0},
                                    pair.cluster.file.membership.replicas[0].key, pair.cluster.clients[0]);
  const Bytes false_hello = impostor.hello();
  const auto begin_us = monotonic_us();
  std::uint64_t flooded = 0;
  CHECK(eventually([&] {
    for (int i = 0; i < 20; ++i) {
      flooded += socket.send(zmq::buffer(false_hello), zmq::send_flags::dontwait).has_value() ? 1U : 0U;
    }
    pair.pump();
    return pair.link->established() && flooded > 500;
  }));
  const auto elapsed_us = monotonic_us() - begin_us;
  const auto verified = pair.counters.value("handshakes_verified");
  CHECK(verified > pair.counters.value("handshakes_answered"));
  CHECK(static_cast<MonotonicUs>(verified) <= 2 + 20 * elapsed_us / 1'000'000 + 1);
}

TEST_CASE("a sender's flood fills its own queue only") {
  Pair pair;
  pair.listener.reset();
  ListenerBounds bounds;
  bounds.inbox.frames_per_sender_max = 4;
  pair.listener = pair.make_listener(bounds);
  auto other = pair.make_link(2);
  REQUIRE(pair.connect());
  REQUIRE(eventually([&] {
    const auto now_us = monotonic_us();
    other->shake_hands(now_us);
    static_cast<void>(other->receive(now_us));
    pair.pump();
    return other->established();
  }));
  for (int i = 0; i < 20; ++i) {
    pair.link->add(body_of("flood"));
    pair.link->flush();
  }
  other->add(body_of("calm"));
  other->flush();
  REQUIRE(eventually([&] {
    pair.pump();
    return pair.seen.size() == 21;
  }));
  CHECK(pair.counters.value("frame refused: queue of its sender is full") == 16);
  int flood = 0;
  int calm = 0;
  while (const auto item = pair.listener->next()) (item->body == "calm" ? calm : flood) += 1;
  CHECK(flood == 4);
  CHECK(calm == 1);
}

TEST_CASE("B11: whoever floods is cut off for a time, on all its connections, and then heard again") {
  Pair pair;
  pair.listener.reset();
  ListenerBounds bounds;
  bounds.inbox.frames_per_sender_max = 4;
  bounds.faulty_max = 1;
  pair.listener = pair.make_listener(bounds);
  auto again = pair.make_link(1);
  auto calm = pair.make_link(2);
  REQUIRE(pair.connect());
  REQUIRE(eventually([&] {
    for (const auto& link : {again.get(), calm.get()}) {
      link->shake_hands(monotonic_us());
      static_cast<void>(link->receive(monotonic_us()));
    }
    pair.pump();
    return again->established() && calm->established();
  }));
  MonotonicUs now_us = monotonic_us();  // the listener's own from here on
  const auto sent = [&](PeerLink& link, int frames) {
    for (int i = 0; i < frames; ++i) {
      link.add(body_of("x"));
      link.flush();
    }
    const auto received = pair.counters.traffic.frames_received;
    REQUIRE(eventually([&] {
      static_cast<void>(pair.listener->receive(now_us));
      return pair.counters.traffic.frames_received >= received + static_cast<std::uint64_t>(frames);
    }));
  };
  const auto serve = [&](std::uint64_t cost_ns, bool proposals = false) {
    std::size_t count = 0;
    for (; pair.listener->next(); ++count) pair.listener->charge(cost_ns, proposals, now_us);
    return count;
  };
  const auto cut_off = [&] { return pair.counters.value("frame refused: sender is cut off"); };
  sent(*calm, 3);
  CHECK(serve(1'000'000) == 3);
  // A primary's proposals cost much, and it is heard on.
  sent(*pair.link, 3);
  CHECK(serve(100'000'000, true) == 3);
  sent(*pair.link, 5);
  CHECK(pair.counters.value("senders cut off") == 0);
  CHECK(serve(0) == 4);
  sent(*pair.link, 3);
  CHECK(serve(100'000'000) == 3);
  CHECK(pair.counters.value("senders cut off") == 0);
  sent(*pair.link, 8);
  CHECK(pair.counters.value("senders cut off") == 1);
  CHECK(cut_off() == 3);
  CHECK(serve(1'000'000) == 4);
  sent(*again, 5);
  CHECK(cut_off() == 8);
  sent(*calm, 3);
  CHECK(serve(1'000'000) == 3);
  now_us += FloodGuard::cut_min_us;
  sent(*pair.link, 3);
  sent(*again, 1);
  CHECK(serve(1'000'000) == 4);
  CHECK(cut_off() == 8);
}

TEST_CASE("an address in use or of another host is refused with its mend") {
  Pair pair;
  auto first = make_router(pair.context, {});
  REQUIRE_FALSE(bind_socket(first, "tcp://127.0.0.1:*"));
  const std::string taken = first.get(zmq::sockopt::last_endpoint);
  auto second = make_router(pair.context, {});
  auto refused = bind_socket(second, taken);
  REQUIRE(refused);
  CHECK(refused->reason.find("stop the program that listens there") != std::string::npos);
  refused = bind_socket(second, "tcp://192.0.2.1:7000");
  REQUIRE(refused);
  CHECK(refused->reason.find("no such address on this host") != std::string::npos);
  CHECK_MESSAGE(!bind_socket(second, "tcp://localhost:*"), "a host name is resolved");
  CHECK(connect_socket(second, "nonsense"));
}
