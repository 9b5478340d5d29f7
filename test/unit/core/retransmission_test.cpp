#include <doctest/doctest.h>

#include <map>
#include <string>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

using Passes = std::function<bool(ReplicaId, ReplicaId, const Message&)>;

void run_slots(Cluster& cluster, RequestNumber from, RequestNumber to, const Passes& passes) {
  for (RequestNumber number = from; number <= to; ++number) {
    cluster.submit(
        0, toy_bundle(cluster[0].config.membership, 1, 5, number, {"set a " + std::to_string(number)}, number - 1));
    cluster.deliver_all(passes);
  }
}

void pass_rounds(Cluster& cluster, int rounds, const Passes& passes = {}) {
  for (int round = 0; round < rounds; ++round) {
    cluster.pass(60'000);
    cluster.deliver_all(passes);
  }
}

bool without_3(ReplicaId from, ReplicaId to, const Message& /*message*/) { return from != 3 && to != 3; }

}  // namespace

TEST_CASE("P2: a replica that was starved for a hundred slots catches up without new traffic") {
  Cluster cluster(4);
  run_slots(cluster, 1, 101, without_3);
  CHECK(cluster[0].core.view().executed == 101);
  CHECK(cluster[3].core.view().executed == 0);
  pass_rounds(cluster, 40);
  CHECK(cluster[3].core.view().executed == 101);
  CHECK(cluster[3].core.view().certificate == 100);
  CHECK(cluster[3].core.view().state_digest == cluster[0].core.view().state_digest);
  CHECK(cluster[3].core.view().slots_held == 1);
}

TEST_CASE("P2: it catches up although the primary has crashed, from f+1 others") {
  Cluster cluster(4);
  run_slots(cluster, 1, 20, without_3);
  pass_rounds(cluster, 20, [](ReplicaId from, ReplicaId to, const Message&) { return from != 0 && to != 0; });
  CHECK(cluster[3].core.view().executed == 20);
}

TEST_CASE("P2: who is behind gains on others that execute 1,280 and 4,800 slots a second") {
  int round = 0;
  std::map<std::string, Passes> networks;
  std::map<std::string, RequestNumber> slots_per_round{{"every tenth burst of decisions is lost", 240}};
  networks["all arrives"] = {};
  networks["batches come after three questions"] = [&round](ReplicaId, ReplicaId, const Message& message) {
    return round % 3 == 2 || !std::holds_alternative<FetchBatch>(message);
  };
  networks["the primary gives no batch"] = [](ReplicaId, ReplicaId to, const Message& message) {
    return to != 0 || !std::holds_alternative<FetchBatch>(message);
  };
  networks["a replica is silent to it"] = [](ReplicaId from, ReplicaId to, const Message&) {
    return from != 1 || to != 3;
  };
  networks["every tenth burst of decisions is lost"] = [&round](ReplicaId, ReplicaId to, const Message& message) {
    return round % 10 != 0 || to != 3 || !std::holds_alternative<Decided>(message);
  };
  for (const auto& [name, passes] : networks) {
    for (const int checkpoint_rounds : {0, 4}) {
      CAPTURE(name);
      CAPTURE(checkpoint_rounds);
      const RequestNumber slots = slots_per_round.contains(name) ? slots_per_round.at(name) : 64;
      if (slots > 64 && checkpoint_rounds > 0) continue;  // the checkpoints would be too slow for so many
      Cluster cluster(4, [](CoreConfig& config) {
        config.checkpoint_interval = 256;
        config.window = 512;
      });
      auto& late = cluster[3];
      late.write_checkpoints = checkpoint_rounds == 0;
      run_slots(cluster, 1, 600, without_3);
      RequestNumber number = 601;
      std::size_t written = 0;
      int begun = 0;
      for (round = 0; round < 60; ++round, number += slots) {
        run_slots(cluster, number, number + slots - 1, without_3);  // nothing arrives in time
        cluster.pass(late.config.status_interval_us);
        cluster.deliver_all(passes);
        const bool writes = !late.write_checkpoints && late.checkpoints_wanted.size() > written;
        if (!writes) begun = round;
        if (!writes || round - begun < checkpoint_rounds) continue;
        const Seq seq = late.checkpoints_wanted.at(written++);
        late.step(CheckpointWritten{seq, late.store.apply(seq, *late.core.state().frozen(seq))});
      }
      CHECK(cluster[0].core.view().executed == 600 + 60 * slots);
      CHECK(late.core.view().executed + 4 * slots >= cluster[0].core.view().executed);
      CHECK_FALSE(late.told("behind"));
    }
  }
}

TEST_CASE("B11: who says again and again that it is behind is sent little more than what was executed meanwhile") {
  Cluster cluster(4, [](CoreConfig& config) {
    config.checkpoint_interval = 256;
    config.window = 512;
  });
  auto& node = cluster[1];
  const auto sent_for = [&](Seq executed) {
    node.now.monotonic_us += node.config.resend_us;
    node.take_sent();
    node.step(Received{replica_sender(3), Status{.view = 0, .certificate = 0, .executed = executed, .slots = {}}});
    return node.sent_count<Decided>();
  };
  run_slots(cluster, 1, 700, without_3);
  CHECK(sent_for(0) == node.config.window);
  CHECK(sent_for(0) == 32);
  CHECK(sent_for(100) == 32 + 32);  // what it had left of a window
  CHECK(sent_for(0) == 32);
  run_slots(cluster, 701, 710, without_3);
  CHECK(sent_for(0) == 32 + 2 * 10);
  CHECK(sent_for(100) == 32);
  CHECK(sent_for(0) == 32);
}

TEST_CASE("f replicas that claim a decision are not believed") {
  Cluster cluster(4);
  auto& node = cluster[3];
  Digest invented;
  invented.bytes[3] = 9;
  node.step(Received{replica_sender(1), Decided{.seq = 1, .digest = invented}});
  node.step(Received{replica_sender(1), Decided{.seq = 1, .digest = invented}});
  CHECK(node.sent_count<FetchBatch>() == 0);
  run_slots(cluster, 1, 1, {});
  CHECK(node.core.executed_digest(1) == cluster[0].core.executed_digest(1));
}

TEST_CASE("a wrong batch for a fetched digest is refused, the next voucher is asked") {
  Cluster cluster(4);
  run_slots(cluster, 1, 1, without_3);
  auto& node = cluster[3];
  const Digest digest = *cluster[0].core.executed_digest(1);
  node.step(Received{replica_sender(1), Decided{.seq = 1, .digest = digest}});
  node.step(Received{replica_sender(2), Decided{.seq = 1, .digest = digest}});
  CHECK(node.sent_count<FetchBatch>() == 1);
  const auto wrong = std::make_shared<const Batch>(
      wire::encode_batch(1, {*toy_bundle(node.config.membership, 2, 5, 1, {"set a evil"})}));
  node.step(Received{replica_sender(1), BatchBody{.seq = 1, .batch = wrong}});
  CHECK(node.counted("batch that nobody asked for"));
  CHECK(node.core.view().executed == 0);
  pass_rounds(cluster, 4);
  CHECK(node.core.view().executed == 1);
}

TEST_CASE("each kind of message of the normal case may be lost once: status brings it again") {
  for (std::size_t lost = 0; lost < std::variant_size_v<Message>; ++lost) {
    CAPTURE(lost);
    Cluster cluster(4);
    std::vector<std::size_t> dropped(16, 0);
    const Passes lossy = [&](ReplicaId from, ReplicaId to, const Message& message) {
      if (message.index() != lost || dropped[from * 4 + to] > 0) return true;
      ++dropped[from * 4 + to];
      return false;
    };
    for (RequestNumber number = 1; number <= 5; ++number) {
      run_slots(cluster, number, number, lossy);
      pass_rounds(cluster, 8, lossy);
    }
    for (ReplicaId id = 0; id < 4; ++id) {
      CHECK(cluster[id].core.view().executed == 5);
      CHECK(cluster[id].core.view().certificate == 4);
    }
  }
}

TEST_CASE("B16: a COMMIT that reached one replica only is handed over by status") {
  Cluster cluster(4);
  // Only replica 1 ever sees COMMITs at first.
  const Passes starving = [](ReplicaId, ReplicaId to, const Message& message) {
    return to == 1 || !std::holds_alternative<Commit>(message);
  };
  run_slots(cluster, 1, 1, starving);
  CHECK(cluster[1].core.view().executed == 1);
  CHECK(cluster[2].core.view().executed == 0);
  pass_rounds(cluster, 6);
  for (ReplicaId id = 0; id < 4; ++id) CHECK(cluster[id].core.view().executed == 1);
}

TEST_CASE("B16: a replica that executed without having seen the PREPAREs still gives the COMMIT that others need") {
  // Found by the simulator: replica 1 lies; replica 2 lacks PREPAREs, but three COMMITs let it execute. The others lack
  // its COMMIT, and its status looked finished.
  Cluster cluster(4);
  const Passes lying = [](ReplicaId from, ReplicaId to, const Message& message) {
    if (from == 1 && to != 2)
      return !std::holds_alternative<Commit>(message) && !std::holds_alternative<Decided>(message);
    return to != 2 || from == 3 || !std::holds_alternative<Prepare>(message);
  };
  run_slots(cluster, 1, 1, lying);
  CHECK(cluster[2].core.view().executed == 1);
  pass_rounds(cluster, 6, lying);
  CHECK(cluster[0].core.view().executed == 1);
  CHECK(cluster[3].core.view().executed == 1);
}

TEST_CASE("B16: f COMMITs do not make a slot prepared, f+1 do") {
  Cluster cluster(4);
  auto& node = cluster[3];
  const auto batch = std::make_shared<const Batch>(
      wire::encode_batch(node.now.wall_us, {*toy_bundle(node.config.membership, 2, 5, 1, {"get a"})}));
  const Digest digest = node.authenticator.digest(batch->bytes);
  node.step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = 1, .batch = batch}});
  node.step(Received{replica_sender(1), Commit{.view = 0, .seq = 1, .digest = digest}});
  CHECK(node.sent_count<Commit>() == 0);
  node.step(Received{replica_sender(2), Commit{.view = 0, .seq = 1, .digest = digest}});
  CHECK(node.sent_count<Commit>() == 1);
}

TEST_CASE("P2, B15: a replica that lost the PRE-PREPARE fetches the batch and still gives its PREPARE") {
  // Found by the simulator: replica 3 had a quorum of PREPAREs, a liar's among them, and became prepared with a fetched
  // batch; the others, whom the liar had sent another digest, waited for its PREPARE.
  Cluster cluster(4);
  auto& node = cluster[3];
  const auto batch = std::make_shared<const Batch>(
      wire::encode_batch(node.now.wall_us, {*toy_bundle(node.config.membership, 2, 5, 1, {"get a"})}));
  const Digest digest = node.authenticator.digest(batch->bytes);
  for (ReplicaId id = 0; id < 3; ++id) {
    node.step(Received{replica_sender(id), Prepare{.view = 0, .seq = 1, .digest = digest}});
  }
  CHECK(node.sent_count<Prepare>() == 0);
  node.now.monotonic_us += 60'000;
  node.step(Woken{});
  CHECK(node.sent_count<FetchBatch>() == 1);
  node.step(Received{replica_sender(2), BatchBody{.seq = 1, .batch = batch}});
  CHECK(node.sent_count<Prepare>() == 1);
  CHECK(node.sent_count<Commit>() == 1);
}

TEST_CASE("B11: however often a replica asks, it is answered at a bounded rate") {
  Cluster cluster(4);
  auto& primary = cluster[0];
  run_slots(cluster, 1, 3,
            [](ReplicaId, ReplicaId, const Message& message) { return !std::holds_alternative<Commit>(message); });
  primary.now.monotonic_us += 200'000;
  primary.now.wall_us += 200'000;
  primary.take_sent();
  for (int ask = 0; ask < 100; ++ask) primary.step(Received{replica_sender(3), Status{}});
  CHECK(primary.sent_count<PrePrepare>() > 0);
  CHECK(primary.sent.size() <= 3 * 3);  // one answer: PRE-PREPARE, PREPARE and COMMIT of each slot
}

TEST_CASE("B11: batches are fetched at a bounded rate") {
  Cluster cluster(4, [](CoreConfig& config) { config.help_bytes_max = 1000; });
  run_slots(cluster, 1, 1, {});
  auto& node = cluster[1];
  node.now.monotonic_us += 200'000;
  node.take_sent();
  for (int ask = 0; ask < 100; ++ask) {
    node.step(Received{replica_sender(3), FetchBatch{.seq = 1, .digest = *node.core.executed_digest(1)}});
  }
  CHECK(node.sent_count<BatchBody>() >= 1);
  CHECK(node.sent_count<BatchBody>() < 10);
}

TEST_CASE("C5, B11: a client is sent kept replies again at a bounded rate, and never because a replica asks") {
  Cluster cluster(4, [](CoreConfig& config) { config.reply_again_bytes_per_second = 80; });
  auto& node = cluster[1];
  const auto bundle = toy_bundle(node.config.membership, 1, 5, 1, {"set a long enough", "get a"});
  cluster.submit(0, bundle);
  cluster.deliver_all();
  const auto replies = [&] { return node.replies.size(); };
  const auto before = replies();
  for (int ask = 0; ask < 20; ++ask) node.step(Received{replica_sender(3), Submit{bundle}});
  CHECK(replies() == before);
  for (int ask = 0; ask < 20; ++ask) cluster.submit(1, bundle);
  CHECK(replies() == before + 1);
  node.now.monotonic_us += 1'000'000;
  cluster.submit(1, bundle);
  CHECK(replies() == before + 2);
}

TEST_CASE("a replica that is far behind holds a bounded number of slots") {
  Cluster cluster(4, [](CoreConfig& config) { config.decided_kept_max = 8; });
  const Passes no_decisions = [](ReplicaId, ReplicaId to, const Message& message) {
    return to != 3 || (!std::holds_alternative<Decided>(message) && !std::holds_alternative<PrePrepare>(message) &&
                       !std::holds_alternative<BatchBody>(message) && !std::holds_alternative<StateParts>(message));
  };
  for (int round = 0; round < 20; ++round) {
    run_slots(cluster, static_cast<RequestNumber>(round) * 5 + 1, static_cast<RequestNumber>(round) * 5 + 5,
              no_decisions);
    pass_rounds(cluster, 2, no_decisions);
    CHECK(cluster[3].core.view().slots_held <= 2 * cluster[3].config.window);
  }
  CHECK(cluster[3].core.view().executed == 0);
  CHECK(cluster[3].core.view().certificate == 100);
}

TEST_CASE("above the stable checkpoint no decision is forgotten, however few batches are kept for those behind") {
  Cluster cluster(4, [](CoreConfig& config) { config.decided_kept_max = 1; });
  run_slots(cluster, 1, 3, without_3);
  auto& node = cluster[0];
  node.now.monotonic_us += 1'000'000;
  node.take_sent();
  node.step(Received{replica_sender(3), Status{.view = 0, .certificate = 0, .executed = 0, .slots = {}}});
  CHECK(node.sent_count<Decided>() == 3);
  node.step(Received{replica_sender(3), FetchBatch{.seq = 1, .digest = *cluster[1].core.executed_digest(3)}});
  CHECK(node.counted("asked for a batch that is not here"));
  for (const auto& send : node.take_sent()) {
    const auto* decided = std::get_if<Decided>(&send.message);
    if (decided == nullptr || decided->seq != 1) continue;
    node.step(Received{replica_sender(3), FetchBatch{.seq = 1, .digest = decided->digest}});
  }
  CHECK(node.sent_count<BatchBody>() == 1);
}
