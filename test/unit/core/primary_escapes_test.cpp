// Ways by which a faulty primary, or one client, once got around what holds primaries to their work. Each case fails
// without its mend.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

constexpr MonotonicUs small_us = 2'500;

/// Replica 0 is a script; the others are cores.
struct Scripted {
  Scripted() : cluster(4) {}
  void propose(Seq seq, const std::shared_ptr<const Batch>& batch) {
    for (ReplicaId id = 1; id < 4; ++id) {
      cluster[id].step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = seq, .batch = batch}});
    }
    deliver();
  }
  void deliver() {
    cluster.deliver_all([](ReplicaId from, ReplicaId to, const Message&) { return from != 0 && to != 0; });
  }
  void pass(MonotonicUs us) {
    for (MonotonicUs passed_us = 0; passed_us < us; passed_us += small_us) {
      now_us += small_us;
      for (ReplicaId id = 1; id < 4; ++id) {
        auto& node = cluster[id];
        node.now.monotonic_us += small_us;
        node.now.wall_us += small_us;
        node.step(Woken{});
      }
      if (each_step) each_step();
      deliver();
    }
  }
  [[nodiscard]] bool left() {
    return std::any_of(cluster.nodes.begin() + 1, cluster.nodes.end(),
                       [](const auto& node) { return node->core.view().view > 0; });
  }
  void ask(const std::shared_ptr<const SignedBundle>& bundle) {
    for (ReplicaId id = 1; id < 4; ++id) cluster.submit(id, bundle);
    deliver();
  }
  Cluster cluster;
  std::function<void()> each_step;
  MonotonicUs now_us = 0;
};

}  // namespace

TEST_CASE("P3: a proposal for an old slot excuses no primary that proposes nothing") {
  for (const bool stale : {false, true}) {
    CAPTURE(stale);
    Scripted world;
    const MonotonicUs late_us = world.cluster[1].config.view_change_timeout_us * 9 / 10;
    const auto null = std::make_shared<const Batch>();
    int steps = 0;
    world.each_step = [&] {
      if (!stale || world.cluster[1].core.view().certificate == 0 || ++steps % 8 != 0) return;  // each 20 ms
      for (ReplicaId id = 1; id < 4; ++id) {
        world.cluster[id].step(Received{
            replica_sender(0), PrePrepare{.view = 0, .seq = world.cluster[id].core.view().certificate, .batch = null}});
      }
    };
    RequestNumber number = 0;
    while (world.now_us < 60'000'000 && !world.left()) {
      const auto bundle = request(world.cluster[1], ++number);
      world.ask(bundle);
      world.pass(number <= 8 ? 2 * small_us : late_us);  // slot 0 does not pass the codec: the first checkpoint first
      if (world.left()) break;
      world.propose(number, std::make_shared<const Batch>(wire::encode_batch(world.cluster[1].now.wall_us, {*bundle})));
    }
    CHECK(world.left());
  }
}

TEST_CASE("P3, P8: what is proposed beyond a gap waits for the gap, which is charged") {
  Scripted world;
  const MonotonicUs late_us = world.cluster[1].config.view_change_timeout_us * 9 / 10;
  const auto null = std::make_shared<const Batch>();
  RequestNumber number = 0;
  while (world.now_us < 60'000'000 && !world.left()) {
    const auto bundle = request(world.cluster[1], ++number);
    world.ask(bundle);
    world.propose(2 * number,
                  std::make_shared<const Batch>(wire::encode_batch(world.cluster[1].now.wall_us, {*bundle})));
    world.pass(late_us);
    if (world.left()) break;
    world.propose(2 * number - 1, null);
  }
  CHECK(world.left());
}

TEST_CASE("P12: time that is held back is noticed in whatever order the slots are proposed") {
  for (const bool in_order : {true, false}) {
    CAPTURE(in_order);
    Scripted world;
    const auto null = std::make_shared<const Batch>();
    const TimeUs frozen_us = world.cluster[1].now.wall_us;
    RequestNumber number = 0;
    while (world.now_us < 60'000'000 && !world.left()) {
      const auto bundle = request(world.cluster[1], ++number);
      world.ask(bundle);
      const auto batch = std::make_shared<const Batch>(wire::encode_batch(frozen_us, {*bundle}));
      if (in_order) {
        world.propose(2 * number - 1, null);
        world.propose(2 * number, batch);
      } else {
        world.propose(2 * number, batch);
        world.propose(2 * number - 1, null);
      }
      world.pass(20'000);
    }
    CHECK(world.left());
  }
}

namespace {

/// How long replicas 1 and 2 stay with a primary that tells replica 3 alone something, and then keeps its own votes
/// back, which every slot needs if 3 has left.
MonotonicUs stays_us(const std::vector<Message>& told) {
  Scripted world;
  for (const auto& message : told) world.cluster[3].step(Received{replica_sender(0), message});
  if (world.cluster[3].core.view().active) return 0;
  const MonotonicUs late_us = world.cluster[1].config.view_change_timeout_us * 9 / 10;
  for (RequestNumber number = 1; world.now_us < 10'000'000 && world.cluster[1].core.view().view == 0; ++number) {
    const auto bundle = request(world.cluster[1], number);
    world.ask(bundle);
    const auto batch = std::make_shared<const Batch>(wire::encode_batch(world.cluster[1].now.wall_us, {*bundle}));
    const Digest digest = world.cluster[1].authenticator.digest(batch->bytes);
    world.propose(number, batch);
    world.pass(late_us);
    for (ReplicaId id = 1; id < 4; ++id) {
      auto& node = world.cluster[id];
      node.step(Received{replica_sender(0), Prepare{.view = 0, .seq = number, .digest = digest}});
      node.step(Received{replica_sender(0), Commit{.view = 0, .seq = number, .digest = digest}});
    }
    world.deliver();
    for (ReplicaId id = 1; id < 4; ++id) {
      world.cluster[id].step(
          Received{replica_sender(0), Status{.view = 0, .active = true, .executed = number, .slots = {}}});
    }
  }
  return world.now_us;
}

ViewChange of_life(const Node& node, Incarnation incarnation) {
  auto content = empty_view_change(node, 0, 1).content;
  content.incarnation = incarnation;
  return signed_view_change(std::move(content));
}

Rejoin rejoin_of_primary(const Node& node, std::uint8_t life) {
  Rejoin rejoin;
  rejoin.content = {.cluster = node.config.membership.cluster,
                    .epoch = node.config.membership.epoch,
                    .replica = 0,
                    .incarnation = 0,
                    .nonce = {}};
  rejoin.content.nonce.bytes.fill(life);
  rejoin.body = wire::encode_rejoin_body(rejoin.content);
  ToyAuthenticator authenticator(toy_key({PrincipalKind::replica, 0}));
  rejoin.signature = authenticator.sign(wire::rejoin_statement(rejoin.body));
  return rejoin;
}

}  // namespace

TEST_CASE("P3: a primary that tells one replica alone that it gives its view up does not go on with the others") {
  const Scripted other;
  const auto& node = *other.cluster.nodes[3];
  const auto given_up = of_life(node, 0);
  const auto useless = of_life(node, 1);  // of a life that does not exist
  const MonotonicUs usual_us = stays_us({given_up});
  CHECK(usual_us > 0);
  CHECK(usual_us < 2'000'000);
  CHECK(stays_us({useless}) == 0);  // nobody would take it from the one that was told, which stays
  CHECK(stays_us({given_up, useless}) == usual_us);
}

TEST_CASE("P3: a primary that tells one replica alone that it lost its memory does not go on with the others") {
  const Scripted other;
  const MonotonicUs stayed_us = stays_us({rejoin_of_primary(*other.cluster.nodes[3], 7)});
  CHECK(stayed_us > 0);
  CHECK(stayed_us < 2'000'000);
}

namespace {

/// Replica 0 is faulty and says nothing of how far it is; it leads view 0. One correct client asks in each step.
struct LonelyWorld {
  LonelyWorld() : cluster(4), step_us(cluster[0].config.view_change_timeout_us / 8) {}

  void step() {
    cluster.pass(step_us);
    const auto bundle = request(cluster[1], ++number);
    for (ReplicaId id = 0; id < 4; ++id) cluster.submit(id, bundle);
    deliver();
  }
  void pass(MonotonicUs us) {
    for (MonotonicUs passed_us = 0; passed_us < us; passed_us += step_us) step();
  }
  void deliver() {
    cluster.deliver_all([this](ReplicaId from, ReplicaId, const Message& message) {
      if (from == unheard && std::holds_alternative<Submit>(message)) return false;
      return !(from == 0 && std::holds_alternative<Status>(message));
    });
  }
  [[nodiscard]] View view() { return cluster[1].core.view().view; }
  /// Because of a request that nobody else hears of.
  void leave_alone(ReplicaId victim) {
    unheard = victim;
    cluster.submit(victim, request(cluster[victim], ++unheard_number, 2));
    for (int steps = 0; cluster[victim].core.view().active; ++steps) {
      REQUIRE(steps < 1'000);
      step();
    }
  }
  /// It says so to these alone.
  void give_up(View left, const std::vector<ReplicaId>& to) {
    for (const ReplicaId id : to) {
      cluster[id].step(Received{replica_sender(0), empty_view_change(cluster[id], 0, left + 1)});
    }
  }
  /// By asking the honest primaries to make room for it.
  void lead_again() {
    for (int steps = 0; view() % 4 != 0; ++steps) {
      REQUIRE(steps < 20'000);
      step();
      for (ReplicaId id = 1; id < 4; ++id) {
        cluster[id].step(Received{replica_sender(0), Status{.view = 1'000, .active = false, .slots = {}}});
      }
    }
  }

  Cluster cluster;
  MonotonicUs step_us;
  RequestNumber number = 0;
  RequestNumber unheard_number = 0;
  std::optional<ReplicaId> unheard;  ///< whose requests that it passes on are lost
};

}  // namespace

TEST_CASE("P1, P13: a faulty primary that lets correct replicas leave alone, in turn, lengthens nobody's timeout") {
  LonelyWorld world;
  for (const ReplicaId victim : {3U, 2U}) {
    const View view = world.view();
    world.leave_alone(victim);
    const auto executed = world.cluster[victim].core.view().executed;
    world.pass(60'000'000);
    CHECK(world.cluster[victim].core.view().executed > executed + 100);  // the view serves well, it hears so
    world.unheard.reset();
    world.give_up(view, {1, 2, 3});
    world.deliver();
    world.pass(1'000'000);
    world.lead_again();
    world.pass(1'000'000);
  }
  const MonotonicUs usual_us = world.cluster[1].config.view_change_timeout_us;
  for (ReplicaId id = 1; id < 4; ++id) CHECK(world.cluster[id].core.view().view_timeout_us <= 2 * usual_us);
}

TEST_CASE(
    "P1, P13: what waits at a replica that has left alone lengthens its timeout only while its view executes nothing") {
  LonelyWorld world;
  world.leave_alone(3);
  world.pass(5'000'000);
  CHECK(world.cluster[3].core.view().view_timeout_us == world.cluster[1].config.view_change_timeout_us);
}

namespace {
/// A bundle whose encoded body has exactly so many bytes.
std::shared_ptr<const SignedBundle> sized_bundle(const Membership& membership, ClientId client, SessionId session,
                                                 RequestNumber number3, std::size_t body_bytes) {
  const std::string part = "set a " + std::string(80'000, 'x');
  std::string last = "set a " + std::string(80'000, 'x');
  for (int tries = 0; tries < 8; ++tries) {
    auto bundle = toy_bundle(membership, client, session, 3 * number3 + 1, {part, part, last}, 3 * number3);
    if (bundle->body.size() == body_bytes) return bundle;
    last.resize(last.size() + body_bytes - bundle->body.size(), 'x');
  }
  return nullptr;
}
}  // namespace

namespace {

/// Honest replicas, and one client with many sessions that asks again as soon as it is answered; each proposal takes 10
/// ms.
struct BusyClient {
  static constexpr SessionId sessions = 64;

  BusyClient()
      : cluster(4, [](CoreConfig& config) {
          config.checkpoint_interval = 64;
          config.window = 256;
          config.sessions_per_client_max = config.openings_per_relay_max = sessions;
        }) {}

  void step() {
    now_us += small_us;
    for (auto& node : cluster.nodes) {
      node->now.monotonic_us += small_us;
      node->now.wall_us += small_us;
      node->step(Woken{});
    }
    for (; !held.empty() && held.front().due_us <= now_us; held.pop_front()) {
      cluster[held.front().to].step(Received{replica_sender(0), held.front().message});
    }
    ask();
    cluster.deliver_all([this](ReplicaId, ReplicaId to, const Message& message) {
      const auto* proposal = std::get_if<PrePrepare>(&message);
      if (proposal != nullptr) held.push_back({now_us + 10'000, to, *proposal});
      return proposal == nullptr;
    });
  }

  void ask() {
    for (; replies_read < cluster[1].replies.size(); ++replies_read) {
      const auto* content = std::get_if<Replies>(&cluster[1].replies[replies_read].message);
      if (content == nullptr) continue;
      for (const auto& entry : content->entries) answered[content->session] = entry.number;
    }
    for (SessionId session = 1; session <= sessions; ++session) {
      auto& bundles = asked[session];
      if (answered[session] < 3 * bundles) continue;
      // A batch of one of the smaller ones has no room for a larger one, by eight bytes.
      const std::size_t less_bytes = session % 2 == 0 ? 0U : 136U;
      const auto bundle =
          sized_bundle(cluster[1].config.membership, 1, session, bundles, limits::bundle_bytes_max - less_bytes);
      REQUIRE(bundle != nullptr);
      ++bundles;
      for (ReplicaId id = 0; id < 4; ++id) cluster.submit(id, bundle);
    }
  }

  struct Held {
    MonotonicUs due_us = 0;
    ReplicaId to = 0;
    PrePrepare message;
  };
  Cluster cluster;
  MonotonicUs now_us = 0;
  std::map<SessionId, RequestNumber> asked;  ///< bundles of three operations
  std::map<SessionId, RequestNumber> answered;
  std::deque<Held> held;
  std::size_t replies_read = 0;
};

}  // namespace

TEST_CASE("C6: bundles of chosen sizes do not let an honest primary's batches look as if they had room") {
  BusyClient world;
  while (world.now_us < 1'200'000) {
    world.step();
    for (const auto& node : world.cluster.nodes) REQUIRE(node->core.view().view == 0);
  }
  CHECK(world.cluster[1].core.view().executed > 20);
}
