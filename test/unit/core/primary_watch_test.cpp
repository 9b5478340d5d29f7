// How backups hold a primary to its work, by the rows of the attack catalogue: P3, P6, P7, P12 end in a view change,
// and what is no fault of the primary's does not.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

constexpr MonotonicUs step_us = 2'500;

/// Four cores in small steps of time, with clients that ask for one thing after the other.
struct Watched {
  explicit Watched(const std::function<void(CoreConfig&)>& change = {}) : cluster(4, change) {}

  /// How long a message is held back; never where it is negative.
  using Delay = std::function<MonotonicUs(ReplicaId from, ReplicaId to, const Message&)>;

  [[nodiscard]] MonotonicUs timeout_us() const { return cluster.nodes[1]->config.view_change_timeout_us; }

  /// The highest number of the session that replica 1 has answered.
  [[nodiscard]] RequestNumber answered(ClientId client, SessionId session) {
    const auto& replies = cluster[1].replies;
    for (; replies_read < replies.size(); ++replies_read) {
      const auto* content = std::get_if<Replies>(&replies[replies_read].message);
      if (content == nullptr) continue;
      for (const auto& entry : content->entries) {
        auto& highest = highest_answered[{content->client, content->session}];
        highest = std::max(highest, entry.number);
      }
    }
    return highest_answered[{client, session}];
  }

  /// Each session of `sessions` asks for its next number when it has got its answer, and tells all replicas.
  void ask() {
    for (auto& [session, asked] : sessions) {
      if (answered(session.first, session.second) < asked) continue;
      ++asked;
      const auto bundle = toy_bundle(cluster[0].config.membership, session.first, session.second, asked,
                                     {"set a " + std::to_string(asked)}, asked - 1);
      for (ReplicaId id = 0; id < 4; ++id) {
        if (told.contains(id)) cluster.submit(id, bundle);
      }
    }
  }

  void move_messages() {
    cluster.deliver_all([this](ReplicaId from, ReplicaId to, const Message& message) {
      const auto delay_us = delay ? delay(from, to, message) : 0;
      if (delay_us > 0) held.push_back({now_us + delay_us, from, to, message});
      return delay_us == 0;
    });
  }

  /// Lets time pass until somebody has left the first view, or for so long; whether somebody has.
  bool leaves_view_within(MonotonicUs us) {
    for (const MonotonicUs end_us = now_us + us; now_us < end_us && !left();) {
      now_us += step_us;
      for (ReplicaId id = 0; id < 4; ++id) {
        if (stopped.contains(id)) continue;
        auto& node = cluster[id];
        node.now.monotonic_us += step_us;
        node.now.wall_us += step_us;
        node.step(Woken{});
      }
      std::deque<Held> due;
      due.swap(held);
      for (auto& each : due) {
        if (each.at_us > now_us) {
          held.push_back(std::move(each));
        } else {
          cluster[each.to].step(Received{replica_sender(each.from), each.message});
          cluster[each.to].step(InputDrained{});
        }
      }
      ask();
      move_messages();
    }
    return left();
  }

  [[nodiscard]] bool left() {
    return std::any_of(cluster.nodes.begin(), cluster.nodes.end(),
                       [](const auto& node) { return node->core.view().view > 0; });
  }
  [[nodiscard]] bool counted(std::string_view reason) {
    return std::any_of(cluster.nodes.begin(), cluster.nodes.end(),
                       [reason](const auto& node) { return node->counted(reason); });
  }

  struct Held {
    MonotonicUs at_us = 0;
    ReplicaId from = 0;
    ReplicaId to = 0;
    Message message;
  };
  Cluster cluster;
  Delay delay;
  std::deque<Held> held;
  std::map<std::pair<ClientId, SessionId>, RequestNumber> sessions;
  std::map<std::pair<ClientId, SessionId>, RequestNumber> highest_answered;
  std::set<ReplicaId> told{0, 1, 2, 3};
  std::set<ReplicaId> stopped;
  std::size_t replies_read = 0;
  MonotonicUs now_us = 0;
};

Watched::Delay proposals_held_back(MonotonicUs us) {
  return [us](ReplicaId from, ReplicaId, const Message& message) {
    return from == 0 && std::holds_alternative<PrePrepare>(message) ? us : 0;
  };
}

}  // namespace

TEST_CASE("P3: a primary that holds proposals back for 0.5, 0.9 or 0.99 of the timeout is replaced") {
  for (const MonotonicUs percent : {50, 90, 99}) {
    CAPTURE(percent);
    Watched watched;
    watched.sessions = {{{1, 5}, 0}, {{2, 5}, 0}};
    watched.delay = proposals_held_back(watched.timeout_us() * percent / 100);
    CHECK(watched.leaves_view_within(4'000'000));
    CHECK(watched.counted("primary wastes time"));
    CHECK(watched.counted("VIEW-CHANGE joined") + watched.cluster[1].counted("primary wastes time") > 0);
    watched.delay = {};
    CHECK(settle(watched.cluster, [&] { return watched.cluster[1].core.view().active; }));
  }
}

TEST_CASE("P3: one that stays within its share is not") {
  Watched watched;
  watched.sessions = {{{1, 5}, 0}};
  watched.delay = proposals_held_back(watched.timeout_us() / 10);
  CHECK_FALSE(watched.leaves_view_within(20'000'000));
}

TEST_CASE("P3: nor one that stalls once for nearly the timeout") {
  Watched watched;
  watched.sessions = {{{1, 5}, 0}, {{2, 5}, 0}};
  CHECK_FALSE(watched.leaves_view_within(500'000));
  watched.delay = proposals_held_back(watched.timeout_us() * 9 / 10);
  CHECK_FALSE(watched.leaves_view_within(watched.timeout_us() * 9 / 10));
  watched.delay = {};
  CHECK_FALSE(watched.leaves_view_within(10'000'000));
}

TEST_CASE("P3, P12: a proposal that must not be voted on yet for its time is none") {
  // Ahead of all clocks by what is allowed and most of the timeout, each time.
  Watched watched;
  watched.sessions = {{{1, 5}, 0}, {{2, 5}, 0}};
  watched.cluster[0].now.wall_us += watched.cluster[0].config.clock_window_us + watched.timeout_us() * 9 / 10;
  CHECK(watched.leaves_view_within(4'000'000));
}

TEST_CASE("P7: a primary that orders one operation a batch under a backlog is replaced") {
  Watched watched([](CoreConfig& config) {
    if (config.id == 0) config.batch_operations_max = config.pipeline_depth = 1;
    config.sessions_per_client_max = 64;
    config.openings_per_relay_max = 64;
  });
  for (ClientId client = 0; client < 4; ++client) {
    for (SessionId session = 1; session <= 30; ++session) watched.sessions[{client, session}] = 0;
  }
  // A slot takes a step of time.
  watched.delay = proposals_held_back(step_us);
  CHECK(watched.leaves_view_within(10'000'000));
  CHECK(watched.counted("primary wastes time"));
}

TEST_CASE("P6: a primary that passes over one client again and again is replaced") {
  Watched watched;
  watched.sessions = {{{1, 5}, 0}, {{2, 5}, 0}, {{3, 5}, 0}};
  // What client 3 asks for reaches the primary's core only after most of the timeout.
  const MonotonicUs late_us = watched.timeout_us() * 8 / 10;
  watched.told = {1, 2, 3};
  watched.delay = [late_us](ReplicaId, ReplicaId to, const Message& message) {
    const auto* submit = std::get_if<Submit>(&message);
    return submit != nullptr && to == 0 && submit->bundle->content.client == 3 ? late_us : 0;
  };
  CHECK(watched.leaves_view_within(4'000'000));
  CHECK(watched.counted("primary wastes time"));
}

TEST_CASE("P12: a primary that holds agreed time back is replaced") {
  Watched watched;
  watched.sessions = {{{1, 5}, 0}};
  CHECK_FALSE(watched.leaves_view_within(100'000));
  watched.cluster[0].now.wall_us -= 60'000'000;
  CHECK_FALSE(watched.leaves_view_within(4'500'000));  // agreed time is where it was: less than 5 s behind
  CHECK(watched.leaves_view_within(2'000'000));
  const auto before_us = watched.cluster[1].core.view().agreed_time_us;
  CHECK(settle(watched.cluster, [&] {
    watched.ask();
    return watched.cluster[1].core.view().agreed_time_us > before_us + 4'000'000;
  }));
}

TEST_CASE("P12: a backup whose own clock is wrong goes on voting, and needs its vote to be waited for no longer") {
  for (const TimeUs wrong_us : {-3'600'000'000, 3'600'000'000}) {
    CAPTURE(wrong_us);
    Watched watched;
    watched.sessions = {{{1, 5}, 0}};
    watched.cluster[2].now.wall_us += wrong_us;
    watched.told = {0, 1, 2};
    // Another one is silent: the vote of the one with the wrong clock is needed.
    watched.delay = [](ReplicaId from, ReplicaId to, const Message&) { return from == 3 || to == 3 ? -1 : 0; };
    CHECK_FALSE(watched.leaves_view_within(20'000'000));
    CHECK(watched.cluster[1].core.view().executed > 1'000);
  }
}

TEST_CASE("P12: clocks that are all far apart do not keep the cluster from going on") {
  Watched watched;
  watched.sessions = {{{1, 5}, 0}};
  for (ReplicaId id = 0; id < 4; ++id) watched.cluster[id].now.wall_us += 20'000'000LL * id;
  for (int at = 0; at < 20; ++at) std::ignore = watched.leaves_view_within(1'000'000);
  Seq before = watched.cluster[1].core.view().executed;
  CHECK(settle(watched.cluster, [&] {
    watched.ask();
    return watched.cluster[1].core.view().executed > before + 50;
  }));
}

TEST_CASE("a backup or the primary that is stopped for less than the timeout, and a cold start, evict nobody") {
  for (const ReplicaId stopped : {0U, 1U, 2U}) {
    CAPTURE(stopped);
    Watched watched;
    watched.sessions = {{{1, 5}, 0}, {{2, 5}, 0}, {{3, 5}, 0}};
    if (stopped != 2) REQUIRE_FALSE(watched.leaves_view_within(300'000));
    watched.stopped = {stopped};  // its messages wait for it
    watched.delay = [stopped](ReplicaId from, ReplicaId to, const Message&) {
      return to == stopped || from == stopped ? MonotonicUs{1} : 0;
    };
    const MonotonicUs pause_us = watched.timeout_us() * 8 / 10;
    const auto end_us = watched.now_us + pause_us;
    watched.delay = [&watched, stopped, end_us](ReplicaId, ReplicaId to, const Message&) {
      return to == stopped ? end_us - watched.now_us : MonotonicUs{0};
    };
    CHECK_FALSE(watched.leaves_view_within(pause_us));
    watched.delay = {};
    watched.stopped.clear();
    watched.cluster[stopped].now.monotonic_us += pause_us;
    watched.cluster[stopped].now.wall_us += pause_us;
    CHECK_FALSE(watched.leaves_view_within(10'000'000));
  }
}

TEST_CASE("a backup that the primary's proposals do not reach has them from the others, and blames nobody") {
  for (const bool bodies_are_slow : {false, true}) {
    CAPTURE(bodies_are_slow);
    Watched watched;
    watched.sessions = {{{1, 5}, 0}, {{2, 5}, 0}};
    watched.told = {0, 1, 3};
    // Its vote is needed: another replica is silent.
    const MonotonicUs slow_us = bodies_are_slow ? watched.timeout_us() * 6 / 10 : 0;
    watched.delay = [slow_us](ReplicaId from, ReplicaId to, const Message& message) -> MonotonicUs {
      if (from == 2 || to == 2) return -1;
      if (to == 3 && std::holds_alternative<PrePrepare>(message)) return -1;
      return to == 3 && std::holds_alternative<BatchBody>(message) ? slow_us : 0;
    };
    CHECK_FALSE(watched.leaves_view_within(20'000'000));
    CHECK(watched.cluster[1].core.view().executed > (bodies_are_slow ? 40 : 400));
    CHECK(watched.cluster[3].counted("recorded on the word of f+1 others"));
  }
}

TEST_CASE("what the others execute without this backup passes over nothing here that was in it") {
  // Every other proposal reaches it late, and none of them is full.
  Watched watched;
  watched.sessions = {{{1, 5}, 0}, {{2, 5}, 0}, {{3, 5}, 0}};
  watched.delay = [&watched](ReplicaId from, ReplicaId to, const Message& message) -> MonotonicUs {
    const auto* proposal = std::get_if<PrePrepare>(&message);
    return from == 0 && to == 3 && proposal != nullptr && proposal->seq % 2 == 1 ? watched.timeout_us() / 4 : 0;
  };
  CHECK_FALSE(watched.leaves_view_within(20'000'000));
}

TEST_CASE("where the window is full a checkpoint is waited for, and nobody is blamed") {
  Watched watched;
  watched.sessions = {{{1, 5}, 0}, {{2, 5}, 0}};
  for (const ReplicaId id : {1U, 2U}) watched.cluster[id].write_checkpoints = false;
  CHECK_FALSE(watched.leaves_view_within(10'000'000));
  CHECK(watched.cluster[1].core.view().executed == watched.cluster[1].config.window);
}

TEST_CASE("P3, P8: proposals beyond a gap do not make up for what is missing in it") {
  Watched watched([](CoreConfig& config) {
    config.checkpoint_interval = 64;
    config.window = 256;
    config.pipeline_depth = 128;
    config.sessions_per_client_max = config.openings_per_relay_max = 256;
  });
  const MonotonicUs late_us = watched.timeout_us() * 8 / 10;
  watched.delay = [late_us](ReplicaId from, ReplicaId, const Message& message) -> MonotonicUs {
    const auto* proposal = std::get_if<PrePrepare>(&message);
    return from == 0 && proposal != nullptr && proposal->seq % 32 == 1 ? late_us : 0;
  };
  // Something new to propose within each round.
  bool left = false;
  for (SessionId session = 1; session <= 250 && !left; ++session) {
    watched.sessions[{session % 4, session}] = 0;
    left = watched.leaves_view_within(10'000);
  }
  CHECK(left);
  CHECK(watched.counted("primary wastes time"));
}

TEST_CASE("a backlog of full batches, in turns, is no waste") {
  Watched watched([](CoreConfig& config) { config.batch_operations_max = config.pipeline_depth = 1; });
  for (ClientId client = 0; client < 4; ++client) {
    for (SessionId session = 1; session <= 20; ++session) watched.sessions[{client, session}] = 0;
  }
  watched.delay = proposals_held_back(step_us);
  CHECK_FALSE(watched.leaves_view_within(10'000'000));
}

TEST_CASE("C3, C6: bundles that overlap, other payloads, at all backups and never alike, evict nobody in any subset") {
  for (std::uint32_t subset = 1; subset < 16; ++subset) {
    CAPTURE(subset);
    Watched watched;
    // Number k alone for some, k and k+1 in one bundle for the others, with payloads that differ.
    for (RequestNumber round = 0; round < 40; ++round) {
      const RequestNumber number = 1 + 2 * round;
      for (ReplicaId id = 0; id < 4; ++id) {
        const auto& membership = watched.cluster[0].config.membership;
        const auto text = "set a " + std::to_string(id);
        if ((subset >> id & 1U) != 0) {
          watched.cluster.submit(id, toy_bundle(membership, 1, 5, number, {text}));
        } else {
          watched.cluster.submit(id, toy_bundle(membership, 1, 5, number, {text, text}));
        }
      }
      watched.cluster.submit(round % 4, toy_bundle(watched.cluster[0].config.membership, 2, 5, 1 + round, {"set b"}));
      REQUIRE_FALSE(watched.leaves_view_within(50'000));
    }
    CHECK(watched.cluster[1].core.view().executed > 20);
  }
}

namespace {

void wide_window(CoreConfig& config) {
  config.checkpoint_interval = 2'048;
  config.window = 8'192;
}

void propose_to_all(Watched& watched, Seq seq, const std::shared_ptr<const Batch>& batch) {
  for (ReplicaId id = 1; id < 4; ++id) {
    watched.cluster[id].step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = seq, .batch = batch}});
  }
}

}  // namespace

TEST_CASE("P6: empty proposals far ahead do not make up for passing a client over") {
  Watched watched(wide_window);
  watched.sessions = {{{1, 5}, 0}, {{2, 5}, 0}, {{3, 5}, 0}};
  watched.told = {1, 2, 3};
  const MonotonicUs late_us = watched.timeout_us() * 8 / 10;
  watched.delay = [late_us](ReplicaId, ReplicaId to, const Message& message) {
    const auto* submit = std::get_if<Submit>(&message);
    return submit != nullptr && to == 0 && submit->bundle->content.client == 3 ? late_us : 0;
  };
  Seq far = 8'000;
  const auto null = std::make_shared<const Batch>();
  RequestNumber last = 0;
  MonotonicUs since_us = 0;
  while (watched.now_us < 4'000'000 && !watched.leaves_view_within(step_us)) {
    if (const auto answered = watched.answered(3, 5); answered != std::exchange(last, answered)) {
      since_us = watched.now_us;
    }
    // From when the press to all tells the primary that it is about to count.
    const MonotonicUs waits_us = watched.now_us - since_us;
    if (waits_us < 35'000 || waits_us > 90'000) continue;
    for (std::uint32_t times = 0; times <= watched.cluster[1].config.pipeline_depth; ++times) {
      propose_to_all(watched, --far, null);
    }
  }
  CHECK(watched.left());
  CHECK(watched.counted("primary wastes time"));
}

TEST_CASE("P12: proposals far ahead with the right time do not make up for time that is held back") {
  Watched watched(wide_window);
  watched.sessions = {{{1, 5}, 0}};
  static_cast<void>(watched.leaves_view_within(100'000));
  watched.cluster[0].now.wall_us -= 60'000'000;
  Seq far = 8'000;
  for (int part = 0; part < 80 && !watched.left(); ++part) {
    static_cast<void>(watched.leaves_view_within(100'000));
    const auto bundle = toy_bundle(watched.cluster[0].config.membership, 2, 9, 1, {"set b"});
    propose_to_all(watched, --far,
                   std::make_shared<const Batch>(wire::encode_batch(watched.cluster[1].now.wall_us, {*bundle})));
  }
  CHECK(watched.left());
}

TEST_CASE("P5: a primary that says it is far ahead, and lets one replica be a slot ahead, may not censor for ever") {
  Cluster cluster(4, wide_window);
  auto& node = cluster[1];
  cluster.submit(1, toy_bundle(node.config.membership, 3, 5, 1, {"set a 1"}));
  const auto null = std::make_shared<const Batch>();
  const Digest digest = node.authenticator.digest(null->bytes);
  for (Seq seq = 1; seq <= 400 && node.core.view().view == 0; ++seq) {
    node.step(Received{replica_sender(0), Status{.view = 0, .active = true, .executed = 1ULL << 40U, .slots = {}}});
    node.step(Received{replica_sender(2), Status{.view = 0, .active = true, .executed = seq, .slots = {}}});
    node.now.monotonic_us += 20'000;
    node.step(Woken{});
    node.step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = seq, .batch = null}});
    for (const ReplicaId id : {0U, 2U, 3U}) {
      node.step(Received{replica_sender(id), Prepare{.view = 0, .seq = seq, .digest = digest}});
      node.step(Received{replica_sender(id), Commit{.view = 0, .seq = seq, .digest = digest}});
    }
  }
  CHECK(node.core.view().executed > 20);
  CHECK(node.core.view().view == 1);
}
