// What a replica makes of PREPAREs for a proposal of which nothing came to it: f+1 others vouch for it.
#include <doctest/doctest.h>

#include <algorithm>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

constexpr MonotonicUs long_enough_us = 60'000;  ///< for the next look at what is missing

SharedBatch batch_of(Node& node, const std::string& payload, TimeUs ahead_us = 0) {
  const auto bundle = toy_bundle(node.config.membership, 1, 5, 1, {payload});
  return std::make_shared<const Batch>(wire::encode_batch(node.now.wall_us + ahead_us, {*bundle}));
}

Digest prepared_by(Node& node, const std::vector<ReplicaId>& others, const SharedBatch& batch, View view = 0) {
  const Digest digest = node.authenticator.digest(batch->bytes);
  for (const auto other : others) {
    node.step(Received{replica_sender(other), Prepare{.view = view, .seq = 1, .digest = digest}});
  }
  return digest;
}

void wake_later(Node& node) {
  node.now.monotonic_us += long_enough_us;
  node.now.wall_us += long_enough_us;
  node.step(Woken{});
}

std::size_t prepares_of(const Node& node, const Digest& digest) {
  return static_cast<std::size_t>(std::count_if(node.sent.begin(), node.sent.end(), [&](const Send& send) {
    const auto* prepare = std::get_if<Prepare>(&send.message);
    return prepare != nullptr && prepare->digest == digest;
  }));
}

}  // namespace

TEST_CASE(
    "P2: what f+1 others PREPAREd is fetched from one of them after a while, and voted for when that is durable") {
  Cluster cluster(4);
  auto& node = cluster[3];
  const auto batch = batch_of(node, "set a 1");
  const Digest digest = prepared_by(node, {1, 2}, batch);
  CHECK(node.sent_count<FetchBatch>() == 0);  // the proposal is most likely on its way
  wake_later(node);
  REQUIRE(node.sent_count<FetchBatch>() == 1);
  for (const auto& send : node.sent) {
    if (std::holds_alternative<FetchBatch>(send.message)) CHECK((send.to == 1U || send.to == 2U));
  }
  node.step(Received{replica_sender(1), BatchBody{.seq = 1, .batch = batch_of(node, "set a 2")}});
  CHECK(node.counted("batch that nobody asked for"));
  CHECK(node.sent_count<Prepare>() == 0);
  node.persist_at_once = false;
  node.step(Received{replica_sender(1), BatchBody{.seq = 1, .batch = batch}});
  CHECK(node.counted("recorded on the word of f+1 others"));
  CHECK(node.sent_count<Prepare>() == 0);
  node.persist_all();
  CHECK(prepares_of(node, digest) == 1);
  // What comes from the primary at last is the same, or proves it faulty.
  node.step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = 1, .batch = batch}});
  CHECK(node.counted("PRE-PREPARE repeated"));
  CHECK(node.distrusted.empty());
  node.step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = 1, .batch = batch_of(node, "set a 2")}});
  CHECK(node.distrusted.contains(0));
  CHECK(node.sent_count<Prepare>() == 1);
}

TEST_CASE("B4: f others, and PREPAREs of another view, vouch for nothing") {
  for (const bool other_view : {false, true}) {
    CAPTURE(other_view);
    Cluster cluster(4);
    auto& node = cluster[3];
    const auto batch = batch_of(node, "set a 1");
    prepared_by(node, {1}, batch);
    prepared_by(node, {other_view ? 2U : 1U}, batch, other_view ? 1 : 0);
    wake_later(node);
    node.step(Received{replica_sender(1), BatchBody{.seq = 1, .batch = batch}});
    CHECK(node.sent_count<FetchBatch>() == 0);
    CHECK(node.sent_count<Prepare>() == 0);
  }
}

TEST_CASE("P1: where the primary has proposed something else here, f+1 others change nothing") {
  for (const TimeUs ahead_us : {0, 60'000'000}) {  // recorded, or withheld for its time
    CAPTURE(ahead_us);
    Cluster cluster(4);
    auto& node = cluster[3];
    const auto own = batch_of(node, "set a 1", ahead_us);
    node.step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = 1, .batch = own}});
    const auto other = batch_of(node, "set a 2");
    const Digest digest = prepared_by(node, {1, 2}, other);
    wake_later(node);
    node.step(Received{replica_sender(1), BatchBody{.seq = 1, .batch = other}});
    CHECK(node.sent_count<FetchBatch>() == 0);
    CHECK(prepares_of(node, digest) == 0);
  }
}

TEST_CASE("P1: of two digests that f+1 others each vouch for, one is voted for") {
  Cluster cluster(7);
  auto& node = cluster[6];
  const auto one = batch_of(node, "set a 1");
  const auto two = batch_of(node, "set a 2");
  prepared_by(node, {0, 1, 2}, one);
  prepared_by(node, {3, 4, 5}, two);
  wake_later(node);
  CHECK(node.sent_count<FetchBatch>() == 1);
  for (const auto& batch : {one, two, one, two})
    node.step(Received{replica_sender(1), BatchBody{.seq = 1, .batch = batch}});
  CHECK(node.sent_count<Prepare>() == 1);
}

TEST_CASE("a primary takes nobody's word for what it proposes") {
  Cluster cluster(4);
  auto& node = cluster[0];
  const auto batch = batch_of(node, "set a 1");
  prepared_by(node, {1, 2}, batch);
  wake_later(node);
  node.step(Received{replica_sender(1), BatchBody{.seq = 1, .batch = batch}});
  CHECK(node.sent_count<FetchBatch>() == 0);
  CHECK(node.sent_count<Prepare>() == 0);
}
