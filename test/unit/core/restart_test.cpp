#include <doctest/doctest.h>

#include <algorithm>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

void run_slots(Cluster& cluster, RequestNumber from, RequestNumber to,
               const std::function<bool(ReplicaId, ReplicaId, const Message&)>& passes = {}) {
  for (RequestNumber number = from; number <= to; ++number) {
    cluster.submit(0, request(cluster[0], number));
    cluster.deliver_all(passes);
  }
}

/// Enough time for every retransmission, and the messages that it brings.
void settle(Cluster& cluster) {
  for (int round = 0; round < 8; ++round) {
    cluster.pass(100'000);
    cluster.deliver_all();
  }
}

/// The PRE-PREPARE among what the primary has sent, which is taken away from it.
Message proposal_of(Node& primary) {
  for (auto& send : primary.take_sent()) {
    if (std::holds_alternative<PrePrepare>(send.message)) return send.message;
  }
  FAIL("the primary proposed nothing");
  return {};
}

PrePrepare other_proposal(Node& node, Seq seq) {
  return {.view = 0,
          .seq = seq,
          .batch = std::make_shared<const Batch>(
              wire::encode_batch(node.now.wall_us, {*toy_bundle(node.config.membership, 2, 9, 1, {"get a"})}))};
}

}  // namespace

TEST_CASE("a replica that returns executes what it knew to be decided, without a word from the others") {
  Cluster cluster(4);
  run_slots(cluster, 1, 7);
  const auto before = cluster[2].core.view();
  cluster.restart(2);
  const auto view = cluster[2].core.view();
  CHECK(view.certificate == 4);
  CHECK(view.base == 4);
  CHECK(view.executed == 6);  // the last decision had not been followed by another group
  CHECK(view.agreed_time_us == before.agreed_time_us);
  CHECK(cluster[2].replies.empty());
  CHECK(view.voting);
  settle(cluster);
  CHECK(cluster[2].core.view().executed == 7);
  run_slots(cluster, 8, 8);
  CHECK(cluster[2].core.view().certificate == 8);
  CHECK(cluster[2].alarms.empty());
  CHECK(cluster[2].core.view().state_digest == cluster[0].core.view().state_digest);
}

TEST_CASE("K3, oracle 5: what was PREPAREd before the crash binds the replica after it") {
  Cluster cluster(4);
  cluster.submit(0, request(cluster[0], 1));
  cluster[2].step(Received{replica_sender(0), proposal_of(cluster[0])});
  REQUIRE(cluster[2].sent_count<Prepare>() == 1);
  cluster.restart(2);
  cluster[2].take_sent();
  cluster[2].step(Received{replica_sender(0), other_proposal(cluster[2], 1)});
  CHECK(cluster[2].counted("contradictory PRE-PREPARE"));
  CHECK(cluster[2].sent_count<Prepare>() == 0);
}

TEST_CASE("K3: what was not durable has not been said, and binds nobody") {
  Cluster cluster(4);
  cluster[2].persist_at_once = false;
  cluster.submit(0, request(cluster[0], 1));
  cluster[2].step(Received{replica_sender(0), proposal_of(cluster[0])});
  CHECK(cluster[2].sent_count<Prepare>() == 0);
  cluster.restart(2);
  cluster[2].step(Received{replica_sender(0), other_proposal(cluster[2], 1)});
  CHECK(cluster[2].sent_count<Prepare>() == 1);
}

TEST_CASE("a primary that returns gives its view up at once: it may have proposed anything in it") {
  Cluster cluster(4);
  cluster[0].persist_at_once = false;
  cluster.submit(0, request(cluster[0], 1));
  const auto proposed = proposal_of(cluster[0]);  // it has left without a record
  cluster[1].step(Received{replica_sender(0), proposed});
  cluster.restart(0);
  CHECK(cluster[0].core.view().view == 1);
  CHECK_FALSE(cluster[0].core.view().active);
  cluster.submit(0, request(cluster[0], 1));
  CHECK(cluster[0].sent_count<PrePrepare>() == 0);
  settle(cluster);
  for (ReplicaId id = 0; id < 4; ++id) {
    CAPTURE(id);
    CHECK(cluster[id].core.view().view == 1);
    CHECK(cluster[id].core.view().active);
    CHECK(cluster[id].core.view().executed == 1);
  }
}

TEST_CASE("K8: all replicas lose power at once at every step of a commit, and what was acknowledged is there") {
  // The step is the number of messages that have been delivered when the power fails.
  for (std::size_t step = 0; step < 60; ++step) {
    CAPTURE(step);
    Cluster cluster(4);
    run_slots(cluster, 1, 2);
    cluster.submit(0, request(cluster[0], 3));
    std::size_t delivered = 0;
    cluster.deliver_all([&](ReplicaId, ReplicaId, const Message&) { return delivered++ < step; });
    std::size_t answered = 0;
    for (ReplicaId id = 0; id < 4; ++id) answered += cluster[id].core.view().executed == 3 ? 1U : 0U;
    for (ReplicaId id = 0; id < 4; ++id) cluster.restart(id);
    settle(cluster);
    for (ReplicaId id = 0; id < 4; ++id) {
      // One executed it, so it may have been acknowledged once a second did; then nobody may be without it.
      CHECK(cluster[id].core.view().executed >= (answered > 0 ? 3 : 2));
      CHECK(cluster[id].alarms.empty());
    }
    run_slots(cluster, 3, 4);
    settle(cluster);
    for (ReplicaId id = 0; id < 4; ++id) {
      CHECK(cluster[id].core.view().certificate == 4);
      CHECK(cluster[id].core.view().state_digest == cluster[0].core.view().state_digest);
    }
  }
}

TEST_CASE("trace B: a durable checkpoint that is not stable yet is voted for again") {
  Cluster cluster(4);
  run_slots(cluster, 1, 3);
  cluster.submit(0, request(cluster[0], 4));
  cluster.deliver_all(
      [](ReplicaId, ReplicaId, const Message& message) { return !std::holds_alternative<CheckpointVote>(message); });
  for (ReplicaId id = 0; id < 4; ++id) {
    REQUIRE(cluster[id].core.view().certificate == 0);
    cluster.restart(id);
    CHECK(cluster[id].core.view().base == 4);
    CHECK(cluster[id].core.view().state_digest_seq == 4);
  }
  settle(cluster);
  for (ReplicaId id = 0; id < 4; ++id) CHECK(cluster[id].core.view().certificate == 4);
}

TEST_CASE("a certificate above the own state moves the window, and replay begins at the state all the same") {
  Cluster cluster(4);
  cluster[3].write_checkpoints = false;
  run_slots(cluster, 1, 6);
  REQUIRE(cluster[3].core.view().certificate == 4);
  cluster.restart(3);
  const auto view = cluster[3].core.view();
  CHECK(view.certificate == 4);
  CHECK(cluster[3].checkpoints_wanted == std::vector<Seq>{4});
  CHECK(view.executed == 5);
  CHECK(view.base == 4);  // written again, and the same
  CHECK(cluster[3].alarms.empty());
}

namespace {

/// Replica 3 returns with another state than the certified one.
std::unique_ptr<Node> diverged(Cluster& cluster, bool repairs) {
  NodeDisk disk;
  disk.records = cluster[3].disk.records;
  Overlay overlay;
  for (auto entry = cluster[3].store.seek(""); entry; entry = cluster[3].store.seek(entry->first + '\0')) {
    overlay[entry->first] = entry->second;
  }
  overlay[Bytes("\x10\x03toya")] = "another value";
  overlay[Bytes("\x10\x03toyz")] = "that nobody wrote";
  static_cast<void>(disk.store->apply(cluster[3].store.seq(), overlay));
  auto config = cluster[3].config;
  config.repairs_divergence = repairs;
  auto node = std::make_unique<Node>(config, std::move(disk));
  node->now = cluster[3].now;
  return node;
}

}  // namespace

TEST_CASE(
    "B6: a state on disk that differs from what a quorum certified is found at the start, and kept if asked for") {
  Cluster cluster(4);
  run_slots(cluster, 1, 5);
  const auto node = diverged(cluster, false);
  node->step(Started{});
  CHECK(node->alarms.size() == 1);
  CHECK_FALSE(node->core.view().voting);
}

TEST_CASE("B6: what differs of a state is taken from the others, and the replica goes on") {
  Cluster cluster(4);
  run_slots(cluster, 1, 6);
  cluster.nodes[3] = diverged(cluster, true);
  auto& node = *cluster.nodes[3];
  node.step(Started{});
  CHECK(node.alarms.empty());
  CHECK_FALSE(node.core.view().voting);
  CHECK(node.core.view().executed == 4);  // the decided slots behind it are not executed on such a state
  // Its votes are needed meanwhile, and it gives them: they do not depend on its state.
  run_slots(cluster, 7, 8, [](ReplicaId from, ReplicaId to, const Message&) { return from != 2 && to != 2; });
  CHECK(cluster[0].core.view().executed == 8);
  for (int round = 0; round < 100 && !node.core.view().voting; ++round) {
    cluster.pass(10'000);
    cluster.deliver_all();
  }
  CHECK(node.core.view().voting);
  CHECK(node.core.view().executed == 8);
  CHECK(node.counted("own state repaired"));
  CHECK(node.core.view().state_digest == cluster[0].core.view().state_digest);
  const auto told = [&](const std::string& line) {
    return std::any_of(node.notices.begin(), node.notices.end(),
                       [&](const std::string& notice) { return notice.find(line) != std::string::npos; });
  };
  CHECK(told("DIFFERS: the state after slot 4 differs from what a quorum certified"));
  CHECK(told("DIFFERS: in the key \"a\" of \"toy\", here 13 bytes, certified 1 bytes"));
  CHECK(told("DIFFERS: in the key \"z\" of \"toy\", here 17 bytes, certified absent"));
}

TEST_CASE("B6: a replica that was repaired signs no other root for what it has signed, and knows it after a crash") {
  Cluster cluster(4);
  run_slots(cluster, 1, 6);
  cluster.nodes[3] = diverged(cluster, true);
  cluster[3].step(Started{});
  REQUIRE(cluster[3].counted("own state differs"));
  // A crash in the middle: the divergence is known at once, though nothing was repaired yet.
  cluster.restart(3);
  CHECK_FALSE(cluster[3].core.view().voting);
  CHECK(cluster[3].core.view().executed == 4);
  CHECK(cluster[3].sent_count<CheckpointVote>() == 0);
  settle(cluster);
  CHECK(cluster[3].counted("own state repaired"));
  run_slots(cluster, 7, 8);
  settle(cluster);
  CHECK(cluster[3].core.view().voting);
  CHECK(cluster[3].core.view().certificate == 8);
  cluster.restart(3);
  CHECK(cluster[3].core.view().voting);
  CHECK(cluster[3].core.view().executed == 8);
}

TEST_CASE("batches that the log still has help those behind after a restart") {
  Cluster cluster(4);
  for (RequestNumber number = 1; number <= 5; ++number) {
    cluster.submit(0, request(cluster[0], number));
    cluster.deliver_all([](ReplicaId, ReplicaId to, const Message&) { return to != 3; });
  }
  REQUIRE(cluster[3].core.view().executed == 0);
  for (ReplicaId id = 0; id < 3; ++id) cluster.restart(id);
  settle(cluster);
  CHECK(cluster[3].core.view().executed == 5);
}

TEST_CASE("K10: a replica that crashes again and again, at every step of its return, comes back at last") {
  for (const ReplicaId victim : {ReplicaId{0}, ReplicaId{2}}) {
    Cluster cluster(4);
    run_slots(cluster, 1, 9);
    for (std::size_t step = 0; step < 40; ++step) {
      CAPTURE(step);
      cluster.submit(0, request(cluster[0], 10));
      std::size_t delivered = 0;
      cluster.deliver_all([&](ReplicaId, ReplicaId, const Message&) { return delivered++ < step; });
      cluster.restart(victim);
      CHECK(cluster[victim].alarms.empty());
    }
    cluster.submit(0, request(cluster[0], 10));
    settle(cluster);
    for (ReplicaId id = 0; id < 4; ++id) {
      // A primary that forgot that it had the request may order it once more; it is executed once.
      CHECK(cluster[id].core.view().executed >= 10);
      CHECK(cluster[id].core.view().executed == cluster[0].core.view().executed);
      CHECK(cluster[id].alarms.empty());
      CHECK(cluster[id].core.view().state_digest == cluster[0].core.view().state_digest);
    }
  }
}
