// Stories of amnesia: a replica that has lost what it promised comes back as another life (protocol: "Amnesia is a
// replacement of a member").
#include <doctest/doctest.h>

#include "messages/state_key.h"
#include "replica/core/member_table.h"
#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

using Passes = std::function<bool(ReplicaId, ReplicaId, const Message&)>;

void run_slots(Cluster& cluster, RequestNumber from, RequestNumber to, const Passes& passes = {}) {
  for (RequestNumber number = from; number <= to; ++number) {
    cluster.submit(
        0, toy_bundle(cluster[0].config.membership, 1, 5, number, {"set a " + std::to_string(number)}, number - 1));
    cluster.deliver_all(passes);
  }
}

/// Lets time pass in small steps until `done`, for at most ten seconds.
bool wait_for(Cluster& cluster, const std::function<bool()>& done, const Passes& passes = {}) {
  for (int step = 0; step < 1'000 && !done(); ++step) {
    cluster.pass(10'000);
    cluster.deliver_all(passes);
  }
  return done();
}

std::function<bool()> votes(Cluster& cluster, ReplicaId id) {
  return [&cluster, id] { return cluster[id].core.view().voting; };
}
Rejoin rejoin_of(const CoreConfig& config, ReplicaId id, Incarnation incarnation, std::uint8_t life, ReplicaId signer) {
  Rejoin rejoin;
  rejoin.content.cluster = config.membership.cluster;
  rejoin.content.epoch = config.membership.epoch;
  rejoin.content.replica = id;
  rejoin.content.incarnation = incarnation;
  rejoin.content.nonce.bytes.fill(life);
  rejoin.body = wire::encode_rejoin_body(rejoin.content);
  ToyAuthenticator authenticator(toy_key({PrincipalKind::replica, signer}));
  rejoin.signature = authenticator.sign(wire::rejoin_statement(rejoin.body));
  return rejoin;
}

PrePrepare proposal(const CoreConfig& config, Seq seq, RequestNumber number, std::vector<Rejoin> rejoins = {}) {
  return {.view = 0,
          .seq = seq,
          .batch = std::make_shared<const Batch>(wire::encode_batch(
              1'700'000'000'000'000, {*toy_bundle(config.membership, 2, 9, number, {"get a"})}, std::move(rejoins)))};
}

}  // namespace

TEST_CASE("the boundary follows from the slot alone, and no earlier life can have voted above it") {
  MemoryStateStore store([](ByteView) { return Digest{}; });
  LayeredState state(store);
  MemberTable members(state, 4, 10);
  CHECK(members.boundary_of(1) == 14);
  CHECK(members.boundary_of(4) == 14);
  CHECK(members.boundary_of(5) == 18);
  // The highest certificate before slot s is the checkpoint below it, and votes reach a window above that.
  for (Seq seq = 1; seq < 50; ++seq) CHECK(members.boundary_of(seq) >= (seq - 1) / 4 * 4 + 10);
  RejoinStatement statement;
  statement.replica = 2;
  statement.nonce.bytes.fill(7);
  CHECK(members.find(2).is_first());
  CHECK(members.may_rejoin(statement, 1));
  CHECK(members.rejoin(statement, 5));
  CHECK(members.find(2) == MemberLife{1, statement.nonce, 18});
  CHECK_FALSE(members.rejoin(statement, 100));  // names a life that is over already
  statement.incarnation = 1;
  statement.nonce.bytes.fill(8);
  CHECK_FALSE(members.rejoin(statement, 28));
  CHECK(members.rejoin(statement, 29));
  CHECK(members.find(2) == MemberLife{2, statement.nonce, 42});
  CHECK(members.find(1).is_first());
}

TEST_CASE("K1: a wiped replica comes back to voting in an idle cluster") {
  Cluster cluster(4);
  run_slots(cluster, 1, 6);
  cluster.wipe(3, 1);
  CHECK_FALSE(cluster[3].core.view().voting);
  REQUIRE(wait_for(cluster, votes(cluster, 3)));
  const auto life = life_of(cluster, 3);
  CHECK(life.incarnation == 1);
  CHECK(cluster[0].core.view().certificate >= life.boundary);
  CHECK(cluster[0].counted("null batch proposed"));
  // Not one more than it takes: the slots end at the first checkpoint above the boundary.
  const Seq executed = cluster[0].core.view().executed;
  CHECK(executed == (life.boundary + 3) / 4 * 4);
  for (int step = 0; step < 100; ++step) {
    cluster.pass(10'000);
    cluster.deliver_all();
  }
  CHECK(cluster[0].core.view().executed == executed);
  // With another one silent its votes are needed.
  run_slots(cluster, 7, 14, [](ReplicaId from, ReplicaId to, const Message&) { return from != 2 && to != 2; });
  CHECK(cluster[0].core.view().executed == executed + 8);
  for (ReplicaId id = 0; id < 4; ++id) CHECK(cluster[id].alarms.empty());
}

TEST_CASE("K1: a wiped replica comes back under load, and says its incarnation") {
  Cluster cluster(4);
  run_slots(cluster, 1, 6);
  cluster.wipe(2, 1);
  RequestNumber number = 7;
  for (; number < 200 && !cluster[2].core.view().voting; ++number) {
    run_slots(cluster, number, number);
    cluster.pass(5'000);
  }
  REQUIRE(cluster[2].core.view().voting);
  cluster[2].step(Received{client_sender(1), ReportQuery{4}});
  const auto& report = std::get<Report>(cluster[2].replies.back().message);
  CHECK(report.incarnation == 1);
  CHECK(report.voting);
}

TEST_CASE("F: a life that is not ordered votes on nothing, however often it is asked") {
  Cluster cluster(4);
  run_slots(cluster, 1, 2);
  const auto config = cluster[3].config;
  cluster[3].step(Received{replica_sender(0), proposal(config, 3, 1)});
  REQUIRE(cluster[3].sent_count<Prepare>() > 0);
  cluster.wipe(3, 1);
  // A lying primary proposes something else for the slot that the earlier life has PREPAREd.
  cluster[3].step(Received{replica_sender(0), proposal(config, 3, 2)});
  for (const ReplicaId other : {0U, 1U, 2U}) {
    const Digest digest = cluster[3].authenticator.digest(proposal(config, 3, 2).batch->bytes);
    cluster[3].step(Received{replica_sender(other), Prepare{0, 3, digest}});
    cluster[3].step(Received{replica_sender(other), Commit{0, 3, digest}});
  }
  CHECK(cluster[3].counted("slot of an earlier life"));
  CHECK(cluster[3].sent_count<Prepare>() == 0);
  CHECK(cluster[3].sent_count<Commit>() == 0);
}

TEST_CASE("F: a life that is ordered votes on no slot up to its boundary, and on every one above") {
  Cluster cluster(4);
  run_slots(cluster, 1, 2);
  cluster.wipe(3, 1);
  std::map<Seq, std::size_t> prepared;
  REQUIRE(wait_for(cluster, votes(cluster, 3), [&](ReplicaId from, ReplicaId, const Message& message) {
    if (const auto* prepare = std::get_if<Prepare>(&message); prepare != nullptr && from == 3) ++prepared[prepare->seq];
    return true;
  }));
  const Seq boundary = life_of(cluster, 3).boundary;
  run_slots(cluster, 3, 8, [&](ReplicaId from, ReplicaId, const Message& message) {
    if (const auto* prepare = std::get_if<Prepare>(&message); prepare != nullptr && from == 3) ++prepared[prepare->seq];
    return true;
  });
  REQUIRE_FALSE(prepared.empty());
  CHECK(prepared.begin()->first == boundary + 1);
  for (Seq seq = boundary + 1; seq <= cluster[0].core.view().executed; ++seq) CHECK(prepared.contains(seq));
}

TEST_CASE("a PRE-PREPARE above the boundary that came before the life was known is accepted later") {
  Cluster cluster(4);
  run_slots(cluster, 1, 2);
  cluster.wipe(3, 1);
  // Replica 3 is told what is stable and what is proposed, but not what was decided before: it does not know its life.
  const auto kept_behind = [](ReplicaId, ReplicaId to, const Message& message) {
    return to != 3 || std::holds_alternative<CheckpointCertificate>(message) ||
           std::holds_alternative<PrePrepare>(message) || std::holds_alternative<Status>(message);
  };
  REQUIRE(wait_for(
      cluster, [&] { return cluster[0].core.view().certificate >= 20 && cluster[3].core.view().certificate >= 20; },
      kept_behind));
  const Seq boundary = life_of(cluster, 3).boundary;
  REQUIRE(boundary == 20);
  cluster[3].counts.clear();
  run_slots(cluster, 3, 5, kept_behind);
  REQUIRE(cluster[0].core.view().executed > boundary);
  REQUIRE(cluster[3].counted("slot of an earlier life"));
  REQUIRE_FALSE(cluster[3].counted("PRE-PREPARE accepted later"));
  CHECK(cluster[3].sent_count<Prepare>() == 0);
  REQUIRE(wait_for(cluster, votes(cluster, 3)));
  CHECK(cluster[3].counted("PRE-PREPARE accepted later"));
  CHECK(cluster[3].alarms.empty());
}

TEST_CASE("K1: the second life comes once the first one cannot matter any more") {
  Cluster cluster(4);
  run_slots(cluster, 1, 3);
  cluster.wipe(3, 1);
  REQUIRE(wait_for(cluster, [&] { return life_of(cluster, 3).incarnation == 1; }));
  const Seq boundary = life_of(cluster, 3).boundary;
  cluster.wipe(3, 2);
  REQUIRE(wait_for(cluster, votes(cluster, 3)));
  const auto life = life_of(cluster, 3);
  CHECK(life.incarnation == 2);
  CHECK(life.boundary >= boundary + 2 * cluster[0].config.window);
  for (ReplicaId id = 0; id < 4; ++id) CHECK(cluster[id].alarms.empty());
}

TEST_CASE("every backup is wiped in turn, each once the one before votes, and nothing is lost") {
  Cluster cluster(4);
  RequestNumber number = 1;
  run_slots(cluster, number, number + 4);
  number += 5;
  for (std::uint8_t round = 0; round < 6; ++round) {
    const auto id = static_cast<ReplicaId>(1 + round % 3);
    cluster.wipe(id, static_cast<std::uint8_t>(round + 1));
    REQUIRE(wait_for(cluster, votes(cluster, id)));
    run_slots(cluster, number, number + 2);
    number += 3;
  }
  for (ReplicaId id = 0; id < 4; ++id) {
    CAPTURE(id);
    CHECK(wait_for(cluster, [&] { return cluster[id].core.view().executed == cluster[0].core.view().executed; }));
    CHECK(cluster[id].alarms.empty());
  }
  cluster.submit(0, toy_bundle(cluster[0].config.membership, 1, 5, number, {"get a"}, number - 1));
  cluster[0].replies.clear();
  cluster.deliver_all();
  const auto& replies = std::get<Replies>(cluster[0].replies.back().message);
  CHECK(replies.entries.back().result == encode_reply({ReplyStatus::ok, std::to_string(number - 1)}));
}

TEST_CASE("a replica that returns in the middle of its rejoining goes on as the same life") {
  Cluster cluster(4);
  run_slots(cluster, 1, 6);
  cluster.wipe(3, 1);
  REQUIRE(wait_for(cluster, [&] { return life_of(cluster, 3, 3).incarnation == 1; }));
  cluster.restart(3);
  REQUIRE(wait_for(cluster, votes(cluster, 3)));
  CHECK(life_of(cluster, 3).incarnation == 1);
  run_slots(cluster, 7, 9);
  cluster.restart(3);
  CHECK(cluster[3].core.view().voting);
  CHECK(cluster[3].alarms.empty());
}

TEST_CASE("a wiped replica whose slots nobody has in its log takes the state first") {
  Cluster cluster(4, [](CoreConfig& config) { config.decided_kept_max = 2; });
  run_slots(cluster, 1, 42);
  cluster.wipe(1, 1);
  REQUIRE(wait_for(cluster, votes(cluster, 1)));
  CHECK(cluster[1].counted("state installed"));
  CHECK(life_of(cluster, 1).incarnation == 1);
}

TEST_CASE("whoever finds that another life was ordered votes no more") {
  Cluster cluster(4);
  run_slots(cluster, 1, 6);
  NodeDisk old_copy;
  old_copy.records = cluster[3].disk.records;
  cluster.wipe(3, 1);
  REQUIRE(wait_for(cluster, votes(cluster, 3)));
  auto config = cluster[3].config;
  config.life_nonce = {};
  const Now now = cluster[3].now;
  cluster.nodes[3] = std::make_unique<Node>(config, std::move(old_copy));
  cluster[3].now = now;
  cluster[3].step(Started{});
  CHECK(wait_for(cluster, [&] { return !cluster[3].alarms.empty(); }));
  CHECK(cluster[3].alarms.front().starts_with("another life of this replica takes part, incarnation 1"));
}

TEST_CASE(
    "K11: a replica that somebody let begin twice, or on an old copy of its disk, finds its votes and votes no more") {
  for (const bool old_copy : {false, true}) {
    CAPTURE(old_copy);
    Cluster cluster(4);
    run_slots(cluster, 1, 2);
    NodeDisk copy;
    if (old_copy) copy.records = cluster[3].disk.records;
    // Its vote is among the three that make the checkpoint stable.
    run_slots(cluster, 3, 6, [](ReplicaId from, ReplicaId, const Message& message) {
      return from != 2 || !std::holds_alternative<CheckpointVote>(message);
    });
    cluster.nodes[3] = std::make_unique<Node>(toy_config(4, 3), std::move(copy));
    cluster[3].now = cluster[0].now;
    cluster[3].step(Started{});
    REQUIRE(wait_for(cluster, [&] { return !cluster[3].alarms.empty(); }));
    CHECK(cluster[3].alarms.front().starts_with("others hold votes of this replica that it does not know of"));
  }
}

TEST_CASE("K11: votes for a slot in flight that f+1 others hold, and no record of it") {
  Cluster cluster(4);
  run_slots(cluster, 1, 2);
  NodeDisk copy;
  copy.records = cluster[3].disk.records;
  auto& node = cluster[3];
  node.step(Received{replica_sender(0), proposal(node.config, 3, 1)});
  REQUIRE(node.sent_count<Prepare>() > 0);
  Node old(node.config, std::move(copy));
  old.step(Started{});
  const Status status{.view = 0, .certificate = 0, .executed = 2, .slots = {{3, true, 0b1001, 0}}};
  old.step(Received{replica_sender(1), status});
  old.step(Received{replica_sender(1), status});
  CHECK(old.alarms.empty());  // one may lie
  old.step(Received{replica_sender(2), status});
  CHECK(old.alarms.size() == 1);
  // The one that knows what it said is not misled.
  node.step(Received{replica_sender(1), status});
  node.step(Received{replica_sender(2), status});
  CHECK(node.alarms.empty());
}

TEST_CASE("K11: a replica that lost its state, but not its log, is none with an old copy") {
  Cluster cluster(4);
  run_slots(cluster, 1, 6, [](ReplicaId from, ReplicaId, const Message& message) {
    return from != 2 || !std::holds_alternative<CheckpointVote>(message);
  });
  NodeDisk disk;
  disk.records = cluster[3].disk.records;
  std::erase_if(disk.records, [](const Record& record) { return std::holds_alternative<RecordCertificate>(record); });
  cluster.nodes[3] = std::make_unique<Node>(toy_config(4, 3), std::move(disk));
  cluster[3].now = cluster[0].now;
  cluster[3].step(Started{});
  REQUIRE(wait_for(cluster, votes(cluster, 3)));
  run_slots(cluster, 7, 9);
  CHECK(cluster[3].alarms.empty());
}

TEST_CASE("a replica that begins late, but for the first time, is none that began twice") {
  Cluster cluster(4);
  const auto without_3 = [](ReplicaId from, ReplicaId to, const Message&) { return from != 3 && to != 3; };
  run_slots(cluster, 1, 6, without_3);
  REQUIRE(wait_for(cluster, [&] { return cluster[3].core.view().executed == 6; }));
  run_slots(cluster, 7, 9);
  CHECK(cluster[3].core.view().certificate == 8);
  CHECK(cluster[3].alarms.empty());
}

TEST_CASE("a loss while another's boundary is open: all say that nobody is left") {
  Cluster cluster(4);
  run_slots(cluster, 1, 3);
  cluster.wipe(3, 1);
  REQUIRE(wait_for(cluster, [&] { return life_of(cluster, 3).incarnation == 1; }));
  REQUIRE(cluster[0].core.view().certificate < life_of(cluster, 3).boundary);
  cluster.wipe(2, 1);
  CHECK_FALSE(wait_for(cluster, votes(cluster, 2)));
  CHECK(cluster[0].told("2 of 4 replicas have lost their memory"));
}

TEST_CASE("REJOINs that are forged, of others, or of other clusters begin no life") {
  Cluster cluster(4);
  run_slots(cluster, 1, 2);
  auto& node = cluster[1];
  node.step(Received{replica_sender(3), rejoin_of(node.config, 3, 0, 1, 2)});
  CHECK(node.counted("forged REJOIN"));
  // Each costs a signature to check; so they are not all looked at.
  node.step(Received{replica_sender(3), rejoin_of(node.config, 3, 0, 2, 2)});
  CHECK(node.counted("REJOIN changed too soon"));
  // Anybody may pass one on, but it must be signed by whose life it is.
  node.step(Received{replica_sender(2), rejoin_of(node.config, 3, 0, 1, 2)});
  CHECK(std::count(node.counts.begin(), node.counts.end(), "forged REJOIN") == 2);
  auto other = node.config;
  other.membership.cluster.bytes.fill(9);
  node.step(Received{replica_sender(3), rejoin_of(other, 3, 0, 1, 3)});
  CHECK(node.counted("REJOIN for another cluster or epoch"));
  // The primary lies: it signs for replica 3.
  node.step(Received{replica_sender(0), proposal(node.config, 3, 1, {rejoin_of(node.config, 3, 0, 1, 0)})});
  CHECK(node.counted("PRE-PREPARE with a forged REJOIN"));
  node.take_sent();
  node.step(Received{replica_sender(0), proposal(node.config, 3, 1, {rejoin_of(node.config, 3, 0, 1, 3)})});
  CHECK(node.sent_count<Prepare>() == 1);
}

TEST_CASE("a replica that says every moment that it has lost its memory costs a bounded number of slots") {
  Cluster cluster(4);
  run_slots(cluster, 1, 2);
  Incarnation incarnation = 0;
  const auto config = cluster[3].config;
  const Seq before = cluster[0].core.view().executed;
  for (int step = 0; step < 1'000; ++step) {
    for (const ReplicaId to : {0U, 1U, 2U}) {
      cluster[to].step(
          Received{replica_sender(3), rejoin_of(config, 3, incarnation, static_cast<std::uint8_t>(1 + step % 200), 3)});
    }
    cluster.pass(1'000);
    cluster.deliver_all([](ReplicaId from, ReplicaId, const Message&) { return from != 3; });
    incarnation = life_of(cluster, 3).incarnation;
  }
  // One null batch a millisecond at most, and one REJOIN for each two windows.
  CHECK(cluster[0].core.view().executed - before <= 1'000 + incarnation);
  CHECK(incarnation <= 1'000 / (2 * config.window) + 1);
}

TEST_CASE("two of four that lost their memory cannot come back, and all say so") {
  Cluster cluster(4);
  run_slots(cluster, 1, 6);
  cluster.wipe(2, 1);
  cluster.wipe(3, 2);
  CHECK_FALSE(wait_for(cluster, votes(cluster, 3)));
  for (ReplicaId id = 0; id < 4; ++id) {
    CAPTURE(id);
    CHECK(cluster[id].told("2 of 4 replicas have lost their memory: no quorum is left that could take them back"));
    CHECK(cluster[id].alarms.empty());
  }
}

TEST_CASE("a primary that lost its memory proposes nothing in the view that it does not remember, and comes back") {
  Cluster cluster(4);
  run_slots(cluster, 1, 6);
  cluster.wipe(0, 1);
  cluster.submit(0, toy_bundle(cluster[0].config.membership, 2, 9, 1, {"get a"}));
  CHECK(cluster[0].sent_count<PrePrepare>() == 0);
  CHECK(wait_for(cluster, votes(cluster, 0)));
  CHECK(cluster[0].core.view().view > 0);
  CHECK(cluster[1].core.view().executed == cluster[0].core.view().executed);
}
