#include <doctest/doctest.h>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

std::vector<ReplyEntry> replies_of(const Node& node, ClientId client) {
  std::vector<ReplyEntry> entries;
  for (const auto& reply : node.replies) {
    const auto* replies = std::get_if<Replies>(&reply.message);
    if (replies == nullptr || reply.client != client) continue;
    entries.insert(entries.end(), replies->entries.begin(), replies->entries.end());
  }
  return entries;
}

PrePrepare pre_prepare(const Node& node, Seq seq, const std::vector<SignedBundle>& bundles, TimeUs skew_us = 0) {
  return {.view = 0,
          .seq = seq,
          .batch = std::make_shared<const Batch>(wire::encode_batch(node.now.wall_us + skew_us, bundles))};
}

SignedBundle bundle_of(const Node& node, RequestNumber number, const std::string& payload = "get a") {
  return *toy_bundle(node.config.membership, 1, 5, number, {payload});
}

}  // namespace

TEST_CASE("a request is ordered and executed by all, and each replica replies") {
  for (const std::uint32_t n : {4U, 5U, 6U, 7U, 8U, 10U}) {
    CAPTURE(n);
    Cluster cluster(n);
    cluster.submit(0, toy_bundle(cluster[0].config.membership, 1, 5, 1, {"set a 1", "get a"}));
    cluster.deliver_all();
    for (ReplicaId id = 0; id < n; ++id) {
      CHECK(cluster[id].core.view().executed == 1);
      const auto entries = replies_of(cluster[id], 1);
      REQUIRE(entries.size() == 2);
      CHECK(decode_reply(entries[1].result)->text == "1");
    }
  }
}

TEST_CASE("a backup passes a request on to the primary, and answers it when it is executed") {
  Cluster cluster(4);
  cluster.submit(2, toy_bundle(cluster[0].config.membership, 1, 5, 1, {"get a"}));
  cluster.deliver_all();
  CHECK(replies_of(cluster[2], 1).size() == 1);
  CHECK(cluster[2].core.view().pending_operations == 0);
  cluster.submit(2, toy_bundle(cluster[0].config.membership, 1, 5, 1, {"get a"}));  // again: the kept reply
  CHECK(replies_of(cluster[2], 1).size() == 2);
  cluster.deliver_all();
  CHECK(cluster[2].core.view().executed == 1);
}

TEST_CASE("K3: PREPARE waits for the record, replies and own votes for all that was persisted before") {
  Cluster cluster(4);
  auto& primary = cluster[0];
  primary.persist_at_once = false;
  cluster.submit(0, toy_bundle(primary.config.membership, 1, 5, 1, {"get a"}));
  CHECK(primary.sent_count<PrePrepare>() == 1);  // it promises nothing: what was durable is the view
  CHECK(primary.sent_count<Prepare>() == 0);
  primary.persist_all();
  primary.persist_at_once = false;
  CHECK(primary.sent_count<Prepare>() == 1);
  cluster.deliver_all();
  // Three backups have PREPAREd and COMMITted: that is a quorum of four without the primary's COMMIT, which does not
  // count yet.
  CHECK(cluster[1].core.view().executed == 1);
  CHECK(primary.core.view().executed == 1);
  CHECK(primary.replies.empty());  // a reply waits for the persists before it
  CHECK(primary.sent_count<Commit>() == 0);
  primary.persist_all();
  CHECK(primary.replies.size() == 1);
  CHECK(primary.sent_count<Commit>() == 1);
}

TEST_CASE("K3: without its own durable record a replica is not the last vote of a quorum") {
  Cluster cluster(4);
  auto& node = cluster[1];
  node.persist_at_once = false;
  const auto before = node.persists;
  const auto message = pre_prepare(node, 1, {bundle_of(node, 1)});
  node.step(Received{replica_sender(0), message});
  const Digest digest = node.authenticator.digest(message.batch->bytes);
  node.step(Received{replica_sender(0), Prepare{.view = 0, .seq = 1, .digest = digest}});
  node.step(Received{replica_sender(2), Prepare{.view = 0, .seq = 1, .digest = digest}});
  CHECK(node.persists == before + 1);  // no P entry yet
  node.persist_all();
  CHECK(node.persists == before + 2);
  CHECK(node.sent_count<Commit>() == 1);
}

TEST_CASE("P1: a second PRE-PREPARE for a slot is not accepted, nor voted for") {
  Cluster cluster(4);
  auto& node = cluster[1];
  node.step(Received{replica_sender(0), pre_prepare(node, 1, {bundle_of(node, 1)})});
  CHECK(node.sent_count<Prepare>() == 1);
  node.step(Received{replica_sender(0), pre_prepare(node, 1, {bundle_of(node, 1, "set a 1")})});
  CHECK(node.sent_count<Prepare>() == 1);
  CHECK(node.counted("contradictory PRE-PREPARE"));
  CHECK(node.counted("primary doubted: two accounts of a proposal"));
}

TEST_CASE("P1: two accounts of a proposal make a replica doubt, whichever comes first, and it leaves with 2f+1 only") {
  for (const bool vote_first : {false, true}) {
    CAPTURE(vote_first);
    Cluster cluster(4);
    auto& node = cluster[1];
    const auto mine = pre_prepare(node, 1, {bundle_of(node, 1)});
    const auto others = pre_prepare(node, 1, {bundle_of(node, 1, "set a 1")});
    const Prepare vote{.view = 0, .seq = 1, .digest = node.authenticator.digest(others.batch->bytes)};
    if (!vote_first) node.step(Received{replica_sender(0), mine});
    CHECK_FALSE(node.counted("primary doubted: two accounts of a proposal"));
    node.step(Received{replica_sender(2), vote});
    if (vote_first) node.step(Received{replica_sender(0), mine});
    CHECK(node.counted("primary doubted: two accounts of a proposal"));
    CHECK(last_sent<Status>(node)->doubts);
    node.step(Received{replica_sender(2), Status{.view = 0, .active = true, .doubts = true, .slots = {}}});
    CHECK(node.core.view().active);  // both may be lies of one
    node.step(Received{replica_sender(3), Status{.view = 0, .active = true, .doubts = true, .slots = {}}});
    CHECK(node.core.view().view == 1);
  }
}

TEST_CASE(
    "P1: on the word of f+1 others a replica doubts, on that of f it does not, and of another view it says nothing") {
  Cluster cluster(4);
  auto& node = cluster[1];
  const auto says = [&](ReplicaId from, View view, bool doubts) {
    node.step(Received{replica_sender(from), Status{.view = view, .active = true, .doubts = doubts, .slots = {}}});
  };
  says(2, 0, true);
  says(3, 1, true);
  CHECK_FALSE(node.counted("primary doubted: f+1 others do"));
  says(2, 0, false);  // it has restarted: what it said others may have counted
  says(3, 0, true);
  CHECK(node.counted("primary doubted: f+1 others do"));
  CHECK(node.core.view().view == 1);  // it is the third
}

TEST_CASE("P1: whoever has left a view counts among those who doubt, however its doubts were lost") {
  Cluster cluster(4);
  auto& node = cluster[1];
  node.step(Received{replica_sender(3), Status{.view = 0, .active = true, .doubts = true, .slots = {}}});
  CHECK(node.core.view().active);
  node.step(Received{replica_sender(2), empty_view_change(node, 2, 1)});
  CHECK(node.counted("primary doubted: f+1 others do"));
  CHECK(node.core.view().view == 1);
}

TEST_CASE("P1: a primary is not made to doubt itself") {
  Cluster cluster(4);
  auto& primary = cluster[0];
  cluster.submit(0, toy_bundle(primary.config.membership, 1, 5, 1, {"get a"}));
  Digest invented;
  invented.bytes[0] = 1;
  primary.step(Received{replica_sender(2), Prepare{.view = 0, .seq = 1, .digest = invented}});
  CHECK_FALSE(primary.counted("primary doubted: two accounts of a proposal"));
}

TEST_CASE("only the primary of the own view pre-prepares") {
  Cluster cluster(4);
  auto& node = cluster[1];
  auto message = pre_prepare(node, 1, {bundle_of(node, 1)});
  node.step(Received{replica_sender(2), message});
  CHECK(node.counted("PRE-PREPARE not by the primary"));
  message.view = 1;
  node.step(Received{replica_sender(0), message});
  CHECK(node.counted("PRE-PREPARE of another view"));
  CHECK(node.sent_count<Prepare>() == 0);
}

TEST_CASE("P9: slots outside of the window take no memory") {
  Cluster cluster(4);
  auto& node = cluster[1];
  for (const Seq seq : {Seq{0}, Seq{17}, Seq{1} << 63U, ~Seq{0}}) {
    CAPTURE(seq);
    node.step(Received{replica_sender(0), pre_prepare(node, seq, {bundle_of(node, 1)})});
    node.step(Received{replica_sender(2), Prepare{.view = 0, .seq = seq, .digest = {}}});
    node.step(Received{replica_sender(2), Commit{.view = 0, .seq = seq, .digest = {}}});
    node.step(Received{replica_sender(2), Decided{.seq = seq, .digest = {}}});
    CHECK(node.core.view().slots_held == 0);
  }
  node.step(Received{replica_sender(0), pre_prepare(node, 16, {bundle_of(node, 1)})});  // h+L is the last one inside
  CHECK(node.sent_count<Prepare>() == 1);
}

TEST_CASE("P11: a forged request, or one of another cluster or epoch, earns no PREPARE") {
  Cluster cluster(4);
  auto& node = cluster[1];
  auto forged = bundle_of(node, 1);
  forged.signature.back() = static_cast<char>(forged.signature.back() ^ 1);
  node.step(Received{replica_sender(0), pre_prepare(node, 1, {forged})});
  CHECK(node.counted("PRE-PREPARE with a forged request"));
  auto elsewhere = node.config.membership;
  elsewhere.cluster.bytes[0] = 1;
  node.step(Received{replica_sender(0), pre_prepare(node, 2, {*toy_bundle(elsewhere, 1, 5, 1, {"get a"})})});
  auto later = node.config.membership;
  later.epoch = 1;
  node.step(Received{replica_sender(0), pre_prepare(node, 3, {*toy_bundle(later, 1, 5, 1, {"get a"})})});
  CHECK(node.counted("PRE-PREPARE with a request of no client of this cluster"));
  CHECK(node.sent_count<Prepare>() == 0);
}

TEST_CASE("P11: the same request in one batch, in two slots and again later executes once") {
  Cluster cluster(4);
  const auto& membership = cluster[0].config.membership;
  const auto once = *toy_bundle(membership, 1, 5, 1, {"set a 1"});
  const auto other = *toy_bundle(membership, 1, 5, 2, {"set a 2"});
  for (Seq seq = 1; seq <= 2; ++seq) {
    const auto message = pre_prepare(cluster[1], seq, {once, once, other});
    const Digest digest = cluster[1].authenticator.digest(message.batch->bytes);
    for (ReplicaId id = 1; id < 4; ++id) {
      cluster[id].step(Received{replica_sender(0), message});
      cluster[id].step(Received{replica_sender(0), Prepare{.view = 0, .seq = seq, .digest = digest}});
    }
  }
  cluster.deliver_all();
  for (ReplicaId id = 1; id < 4; ++id) {
    CHECK(cluster[id].core.view().executed == 2);
    CHECK(cluster[id].counted("duplicate request not executed again"));
  }
}

TEST_CASE("P12: a proposed time too far ahead is voted for only when f+1 others have, or when its time has come") {
  Cluster cluster(4);
  auto& node = cluster[1];
  const auto message = pre_prepare(node, 1, {bundle_of(node, 1)}, 5'000'001);
  const Digest digest = node.authenticator.digest(message.batch->bytes);
  node.step(Received{replica_sender(0), message});
  CHECK(node.sent_count<Prepare>() == 0);
  node.step(Received{replica_sender(2), Prepare{.view = 0, .seq = 1, .digest = digest}});
  CHECK(node.sent_count<Prepare>() == 0);
  node.step(Received{replica_sender(3), Prepare{.view = 0, .seq = 1, .digest = digest}});
  CHECK(node.sent_count<Prepare>() == 1);
  node.take_sent();
  node.step(Received{replica_sender(0), pre_prepare(node, 2, {bundle_of(node, 2)}, 5'000'000)});
  CHECK(node.sent_count<Prepare>() == 1);
  node.take_sent();
  node.step(Received{replica_sender(0), pre_prepare(node, 3, {bundle_of(node, 3)}, 6'000'000)});
  CHECK(node.sent_count<Prepare>() == 0);
  node.now.monotonic_us += 1'000'000;
  node.now.wall_us += 1'000'000;
  node.step(Woken{});
  CHECK(node.sent_count<Prepare>() == 1);
}

TEST_CASE("P12: replicas that start, or hear the primary, long after its proposal still take it") {
  // A lower bound on the proposed time once halted the cluster for ever: the same bytes are sent again with their time.
  Cluster cluster(4);
  cluster.submit(0, toy_bundle(cluster[0].config.membership, 1, 5, 1, {"get a"}));
  cluster.deliver_all([](ReplicaId from, ReplicaId, const Message&) { return from != 0; });
  cluster.pass(3'600'000'000);
  cluster.deliver_all();
  for (int round = 0; round < 4; ++round) {
    cluster.pass(60'000);
    cluster.deliver_all();
  }
  for (ReplicaId id = 0; id < 4; ++id) CHECK(cluster[id].core.view().executed == 1);
}

TEST_CASE("celo 117: n = 5 and n = 6 need four COMMITs, n = 8 needs six") {
  for (const auto& [size, quorum] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{4, 3}, {5, 4}, {6, 4}, {8, 6}}) {
    const std::uint32_t n = size;
    CAPTURE(n);
    Cluster cluster(n);
    auto& node = cluster[n - 1];
    node.persist_at_once = false;  // so that only the others' votes count
    const auto message = pre_prepare(node, 1, {bundle_of(node, 1)});
    const Digest digest = node.authenticator.digest(message.batch->bytes);
    node.step(Received{replica_sender(0), message});
    for (ReplicaId id = 0; id + 1 < quorum; ++id) {
      CHECK(node.core.view().executed == 0);
      node.step(Received{replica_sender(id), Commit{.view = 0, .seq = 1, .digest = digest}});
      node.step(Received{replica_sender(id), Commit{.view = 0, .seq = 1, .digest = digest}});  // repeated: counts once
    }
    CHECK(node.core.view().executed == 0);
    node.step(Received{replica_sender(quorum - 1), Commit{.view = 0, .seq = 1, .digest = digest}});
    CHECK(node.core.view().executed == 1);
  }
}

TEST_CASE("B13, tendermint: COMMITs that name different digests or views do not add up") {
  Cluster cluster(7);
  auto& node = cluster[6];
  node.persist_at_once = false;
  const auto message = pre_prepare(node, 1, {bundle_of(node, 1)});
  const Digest digest = node.authenticator.digest(message.batch->bytes);
  node.step(Received{replica_sender(0), message});
  for (ReplicaId id = 0; id < 4; ++id)
    node.step(Received{replica_sender(id), Commit{.view = 0, .seq = 1, .digest = digest}});
  node.step(Received{replica_sender(4), Commit{.view = 0, .seq = 1, .digest = {}}});
  node.step(Received{replica_sender(4), Commit{.view = 0, .seq = 1, .digest = digest}});  // B15: the first one counts
  CHECK(node.counted("contradictory COMMIT"));
  CHECK(node.core.view().executed == 0);
  node.step(Received{replica_sender(5), Commit{.view = 0, .seq = 1, .digest = digest}});
  CHECK(node.core.view().executed == 1);
}

TEST_CASE("batches: nothing waits when idle, a busy primary gathers for its part of what a slot takes") {
  constexpr std::size_t full = 64;
  constexpr MonotonicUs slot_us = 8'000;
  Cluster cluster(4, [](CoreConfig& config) { config.batch_operations_max = full; });
  auto& primary = cluster[0];
  const auto& membership = primary.config.membership;
  RequestNumber number = 0;
  const auto one_more = [&] {
    const auto before = primary.sent_count<PrePrepare>();
    cluster.submit(0, toy_bundle(membership, 0, 5, ++number, {"get a"}));
    return primary.sent_count<PrePrepare>() > before;
  };
  for (int slot = 0; slot < 50; ++slot) {
    REQUIRE(one_more());  // idle: at once
    for (ReplicaId id = 0; id < 4; ++id) cluster[id].now.monotonic_us += slot_us;
    cluster.deliver_all();
  }
  REQUIRE(one_more());
  CHECK_FALSE(one_more());  // busy: it waits for company
  const MonotonicUs part_us = slot_us / primary.config.pipeline_depth;
  CHECK(primary.wake_at_us <= primary.now.monotonic_us + part_us);
  primary.now.monotonic_us += part_us * 9 / 10;
  primary.step(Woken{});
  CHECK(primary.sent_count<PrePrepare>() == 1);
  primary.now.monotonic_us += part_us / 10;
  primary.step(Woken{});
  CHECK(primary.sent_count<PrePrepare>() == 2);  // it has waited long enough
  cluster.submit(0, toy_bundle(membership, 1, 5, 1, std::vector<std::string>(full, "get a")));
  CHECK(primary.sent_count<PrePrepare>() == 3);  // nothing more would find room
}

TEST_CASE("the primary keeps at most its pipeline in flight, and goes on when slots execute") {
  Cluster cluster(4, [](CoreConfig& config) { config.batch_operations_max = 1; });
  auto& primary = cluster[0];
  for (RequestNumber number = 1; number <= 9; ++number) {
    cluster.submit(0, toy_bundle(primary.config.membership, 1, 5, number, {"get a"}));
    primary.now.monotonic_us += primary.config.batch_age_max_us;
    primary.step(Woken{});
  }
  CHECK(primary.sent_count<PrePrepare>() == primary.config.pipeline_depth);
  cluster.deliver_all();
  CHECK(cluster[3].core.view().executed >= 8);
}

TEST_CASE("a primary whose slots are all in flight does not ask to be woken again and again") {
  // Found by the simulator: it asked for a microsecond later, for ever, as long as the oldest request had waited
  // enough.
  Cluster cluster(4, [](CoreConfig& config) {
    config.batch_operations_max = 1;
    config.pipeline_depth = 1;
  });
  auto& primary = cluster[0];
  for (RequestNumber number = 1; number <= 3; ++number) {
    cluster.submit(0, toy_bundle(primary.config.membership, 1, 5, number, {"get a"}));
  }
  primary.now.monotonic_us += 2 * primary.config.batch_age_max_us;
  primary.step(Woken{});
  CHECK(primary.wake_at_us >= primary.now.monotonic_us + 1'000);
}

TEST_CASE("C5, C9: a client cannot speak for another, nor replay a bundle of another cluster") {
  Cluster cluster(4);
  auto& primary = cluster[0];
  primary.step(Received{client_sender(2), Submit{toy_bundle(primary.config.membership, 1, 5, 1, {"get a"})}});
  CHECK(primary.counted("bundle of another client"));
  auto elsewhere = primary.config.membership;
  elsewhere.cluster.bytes[5] = 7;
  cluster.submit(0, toy_bundle(elsewhere, 1, 5, 1, {"get a"}));
  REQUIRE(primary.replies.size() == 1);
  CHECK(std::get<Refusal>(primary.replies[0].message).reason == RefusalReason::wrong_epoch);
  CHECK(primary.core.view().pending_operations == 0);
}

TEST_CASE("an evicted session is told so without being ordered") {
  Cluster cluster(4, [](CoreConfig& config) { config.sessions_per_client_max = 1; });
  const auto& membership = cluster[0].config.membership;
  cluster.submit(0, toy_bundle(membership, 1, 5, 1, {"get a"}));
  cluster.deliver_all();
  cluster.submit(0, toy_bundle(membership, 1, 6, 1, {"get a"}));
  cluster.deliver_all();
  cluster.submit(3, toy_bundle(membership, 1, 5, 2, {"get a"}));
  const auto entries = replies_of(cluster[3], 1);
  REQUIRE_FALSE(entries.empty());
  CHECK(entries.back().outcome == Outcome::session_evicted);
  CHECK(cluster[3].core.view().pending_operations == 0);
}
