#include <doctest/doctest.h>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

void run_slots(Cluster& cluster, RequestNumber from, RequestNumber to,
               const std::function<bool(ReplicaId, ReplicaId, const Message&)>& passes = {}) {
  for (RequestNumber number = from; number <= to; ++number) {
    cluster.submit(
        0, toy_bundle(cluster[0].config.membership, 1, 5, number, {"set a " + std::to_string(number)}, number - 1));
    cluster.deliver_all(passes);
  }
}

CheckpointVote vote_of(const Membership& membership, ReplicaId replica, Seq seq, const Digest& root) {
  CheckpointVote vote;
  vote.content = {.cluster = membership.cluster,
                  .epoch = membership.epoch,
                  .replica = replica,
                  .incarnation = 0,
                  .seq = seq,
                  .root = root};
  vote.body = wire::encode_checkpoint_body(vote.content);
  ToyAuthenticator authenticator(toy_key({PrincipalKind::replica, replica}));
  vote.signature = authenticator.sign(wire::checkpoint_statement(vote.body));
  return vote;
}

}  // namespace

TEST_CASE("every K slots a checkpoint becomes stable, the window moves and the log is collected") {
  Cluster cluster(4);
  run_slots(cluster, 1, 9);
  for (ReplicaId id = 0; id < 4; ++id) {
    const auto view = cluster[id].core.view();
    CHECK(view.executed == 9);
    CHECK(view.certificate == 8);
    CHECK(view.state_digest_seq == 8);
    CHECK(view.state_digest == cluster[0].core.view().state_digest);
    CHECK(cluster[id].collected == 8);
    CHECK(view.slots_held == 1);
  }
}

TEST_CASE("trace B: the vote leaves only when the checkpoint is written, the log goes only when both are durable") {
  Cluster cluster(4);
  auto& slow = cluster[3];
  slow.write_checkpoints = false;
  run_slots(cluster, 1, 5);
  CHECK(slow.checkpoints_wanted == std::vector<Seq>{4});
  CHECK(slow.core.view().certificate == 4);  // the others' votes make the certificate
  CHECK(slow.collected == 0);                // but its own state is not durable
  CHECK(slow.core.view().slots_held == 5);
  slow.step(CheckpointWritten{4, slow.store.apply(4, *slow.core.state().frozen(4))});
  CHECK(slow.collected == 4);
}

TEST_CASE("a replica that catches up writes one checkpoint for what the others wrote several for") {
  Cluster cluster(4);
  const Passes others = [](ReplicaId from, ReplicaId to, const Message&) { return from != 3 && to != 3; };
  for (RequestNumber number = 1; number <= 15; ++number) {
    cluster.submit(0, toy_bundle(cluster[0].config.membership, 1, 5, number, {"set a " + std::to_string(number)}));
    cluster.deliver_all(others);
  }
  auto& late = cluster[3];
  CHECK(late.core.view().executed == 0);
  CHECK(settle(cluster, [&] { return late.core.view().executed == 15; }));
  CHECK(late.counted("certificate learnt from another replica"));
  CHECK(late.checkpoints_wanted == std::vector<Seq>{12});  // the state of 12 is compared with the certified one
  CHECK(late.core.view().state_digest == cluster[0].core.view().state_digest);
  CHECK(late.collected == 12);
}

TEST_CASE("trace B: a certificate that is not durable keeps the log") {
  Cluster cluster(4);
  run_slots(cluster, 1, 3);
  auto& node = cluster[3];
  node.persist_at_once = false;
  cluster.submit(0, toy_bundle(node.config.membership, 1, 5, 4, {"get a"}, 3));
  cluster.deliver_all();
  CHECK(node.core.view().certificate == 4);
  CHECK(node.collected == 0);
  node.persist_all();
  CHECK(node.collected == 4);
}

TEST_CASE("B6: f votes of liars for a checkpoint are nothing, a quorum against the own state is an alarm") {
  Cluster cluster(4, [](CoreConfig& config) { config.repairs_divergence = false; });
  run_slots(cluster, 1, 3);
  auto& node = cluster[3];
  Digest wrong;
  wrong.bytes[0] = 1;
  node.step(Received{replica_sender(0), vote_of(node.config.membership, 0, 4, wrong)});
  node.step(Received{replica_sender(0), vote_of(node.config.membership, 0, 4, Digest{})});
  CHECK(node.counted("contradictory CHECKPOINT"));
  node.step(Received{replica_sender(1), vote_of(node.config.membership, 1, 4, wrong)});
  CHECK(node.core.view().certificate == 0);
  node.step(Received{replica_sender(2), vote_of(node.config.membership, 2, 4, wrong)});
  CHECK(node.core.view().certificate == 4);
  CHECK(node.core.view().voting);  // it has not come to slot 4 itself
  node.take_sent();
  const auto message = vote_of(node.config.membership, 0, 4, wrong);
  cluster.submit(0, toy_bundle(node.config.membership, 1, 5, 4, {"get a"}, 3));
  cluster.deliver_all(
      [](ReplicaId, ReplicaId, const Message& sent) { return !std::holds_alternative<CheckpointVote>(sent); });
  for (ReplicaId id = 0; id < 3; ++id) {
    node.step(Received{replica_sender(id), Decided{.seq = 4, .digest = *cluster[0].core.executed_digest(4)}});
  }
  for (auto& send : node.take_sent()) {
    if (const auto* fetch = std::get_if<FetchBatch>(&send.message)) {
      cluster[0].step(Received{replica_sender(3), *fetch});
    }
  }
  for (auto& send : cluster[0].take_sent()) {
    if (std::holds_alternative<BatchBody>(send.message)) node.step(Received{replica_sender(0), send.message});
  }
  CHECK(node.core.view().executed == 4);
  CHECK_FALSE(node.core.view().voting);
  REQUIRE(node.alarms.size() == 1);
  node.take_sent();
  node.step(Received{replica_sender(0), Prepare{.view = 0, .seq = 5, .digest = {}}});
  node.step(Received{client_sender(1), Submit{toy_bundle(node.config.membership, 1, 6, 1, {"get a"})}});
  CHECK(node.sent_count<Prepare>() == 0);
  CHECK(std::get<Refusal>(node.replies.back().message).reason == RefusalReason::not_serving);
}

TEST_CASE("concord 84e6225f9: votes are counted by member, under the member's own signature and epoch") {
  Cluster cluster(4);
  auto& node = cluster[3];
  const auto& membership = node.config.membership;
  const auto vote = vote_of(membership, 0, 4, Digest{});
  node.step(Received{replica_sender(0), vote});
  node.step(Received{replica_sender(0), vote});
  node.step(Received{replica_sender(1), vote});  // replica 1 relays replica 0's vote as its own
  CHECK(node.counted("CHECKPOINT of another replica"));
  auto forged = vote_of(membership, 1, 4, Digest{});
  forged.signature.front() = static_cast<char>(forged.signature.front() ^ 1);
  node.step(Received{replica_sender(1), forged});
  CHECK(node.counted("forged CHECKPOINT"));
  auto later = membership;
  later.epoch = 9;
  node.step(Received{replica_sender(2), vote_of(later, 2, 4, Digest{})});
  CHECK(node.core.view().certificate == 0);
}

TEST_CASE("a certificate is taken over from another replica only whole and genuine") {
  Cluster cluster(4);
  auto& node = cluster[3];
  const auto& membership = node.config.membership;
  CheckpointCertificate certificate;
  for (ReplicaId id = 0; id < 2; ++id) certificate.votes.push_back(vote_of(membership, id, 4, Digest{}));
  node.step(Received{replica_sender(1), certificate});
  CHECK(node.counted("certificate without a quorum"));
  certificate.votes.push_back(vote_of(membership, 2, 4, Digest{}));
  auto forged = certificate;
  forged.votes[1].signature = forged.votes[0].signature;
  node.step(Received{replica_sender(1), forged});
  CHECK(node.counted("forged certificate"));
  CHECK(node.core.view().certificate == 0);
  node.step(Received{replica_sender(1), certificate});
  CHECK(node.core.view().certificate == 4);
}
