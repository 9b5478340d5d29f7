// Clients that come and go by ordered changes: who checks what they signed, and when.
#include <doctest/doctest.h>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

constexpr ClientId newcomer = 9;

PublicKey newcomer_key() { return {.algorithm = KeyAlgorithm::ecdsa_p256, .bytes = Bytes(33, '\x02')}; }

std::shared_ptr<const SignedBundle> signed_bundle(const Membership& membership, ClientId requester,
                                                  const PublicKey& key, RequestNumber number, Bytes operation) {
  auto bundle = std::make_shared<SignedBundle>();
  bundle->content = {.cluster = membership.cluster,
                     .epoch = membership.epoch,
                     .client = requester,
                     .session = 1,
                     .first = number,
                     .acknowledged = number - 1,
                     .operations = {std::move(operation)}};
  bundle->body = wire::encode_bundle_body(bundle->content);
  ToyAuthenticator authenticator(key);
  bundle->signature = authenticator.sign(wire::bundle_statement(bundle->body));
  return bundle;
}

/// The one administrator's word, which is enough.
std::shared_ptr<const SignedBundle> admin_bundle(const Membership& membership, RequestNumber number,
                                                 const Words& change) {
  Words words{"propose"};
  words.insert(words.end(), change.begin(), change.end());
  return signed_bundle(membership, requester_of(AdminId{0}), toy_key({PrincipalKind::admin, 0}), number,
                       encode_operation("admin", encode_words(words)));
}

struct World {
  Cluster cluster{4};
  RequestNumber admin_number = 0;
  RequestNumber newcomer_number = 0;

  void administer(const Words& change, const Passes& passes = {}) {
    const auto bundle = admin_bundle(cluster[0].config.membership, ++admin_number, change);
    cluster[0].step(Received{admin_sender(0), Submit{bundle}});
    cluster[0].step(InputDrained{});
    cluster.deliver_all(passes);
  }
  void add_newcomer(const Passes& passes = {}) {
    administer({"client", "add", std::to_string(newcomer), public_key_text(newcomer_key())}, passes);
  }
  void ask_as_newcomer(const Passes& passes = {}, const PublicKey& key = newcomer_key()) {
    ++newcomer_number;
    const auto bundle = signed_bundle(cluster[0].config.membership, newcomer, key, newcomer_number,
                                      toy_operation("set a " + std::to_string(newcomer_number)));
    cluster.submit(0, bundle);
    cluster.deliver_all(passes);
  }
  [[nodiscard]] Seq executed(ReplicaId id) { return cluster[id].core.view().executed; }
};

/// Nothing that decides a slot comes to replica 3.
bool undecided_at_3(ReplicaId, ReplicaId to, const Message& message) {
  return to != 3 || !(std::holds_alternative<Commit>(message) || std::holds_alternative<Decided>(message));
}

}  // namespace

TEST_CASE("an administrator's request is ordered like any other, and answered to it") {
  World world;
  world.administer({"permission", "set", "1", "none"});
  for (ReplicaId id = 0; id < 4; ++id) {
    CHECK(world.executed(id) == 1);
    REQUIRE_FALSE(world.cluster[id].replies.empty());
    CHECK(world.cluster[id].replies.back().client == requester_of(AdminId{0}));
  }
  const auto forged = signed_bundle(world.cluster[0].config.membership, requester_of(AdminId{0}),
                                    toy_key({PrincipalKind::client, 0}), 2, encode_operation("admin", {}));
  world.cluster[0].step(Received{admin_sender(0), Submit{forged}});
  CHECK(world.cluster[0].counted("bad signature"));
  world.cluster[0].step(Received{client_sender(0), Submit{forged}});
  CHECK(world.cluster[0].counted("bundle of another client"));
}

TEST_CASE("a client is refused until it is added, then served, and its key told to whoever keeps connections") {
  World world;
  world.ask_as_newcomer();
  CHECK(world.cluster[0].counted("unknown client"));
  CHECK(world.executed(0) == 0);
  world.newcomer_number = 0;
  world.add_newcomer();
  for (ReplicaId id = 0; id < 4; ++id) {
    REQUIRE(world.cluster[id].clients_set.contains(newcomer));
    CHECK(world.cluster[id].clients_set.at(newcomer) == newcomer_key());
  }
  world.ask_as_newcomer();
  for (ReplicaId id = 0; id < 4; ++id) CHECK(world.executed(id) == 2);
  world.administer({"client", "remove", std::to_string(newcomer)});
  for (ReplicaId id = 0; id < 4; ++id) CHECK_FALSE(world.cluster[id].clients_set.at(newcomer).has_value());
  world.ask_as_newcomer();
  CHECK(world.executed(0) == 3);
  REQUIRE_FALSE(world.cluster[0].replies.empty());
  const auto* refusal = std::get_if<Refusal>(&world.cluster[0].replies.back().message);
  REQUIRE(refusal != nullptr);
  CHECK(refusal->reason == RefusalReason::unknown_client);
}

TEST_CASE("who does not know a client yet waits with its vote, and gives it once it has executed the change") {
  World world;
  world.add_newcomer(undecided_at_3);
  CHECK(world.executed(0) == 1);
  CHECK(world.executed(3) == 0);
  // Replica 2 hears nothing of the next slot, so that two alone have PREPAREd it: no f+1 others of 3 but the primary.
  const auto only_the_proposal = [](ReplicaId from, ReplicaId to, const Message& message) {
    return undecided_at_3(from, to, message) && to != 2 && from != 2 &&
           (to != 3 || !std::holds_alternative<Prepare>(message));
  };
  world.ask_as_newcomer(only_the_proposal);
  CHECK(world.cluster[3].counted("proposal of a client that is not known yet"));
  CHECK(world.executed(0) == 1);
  // The change is decided there too, by the others' word.
  CHECK(settle(world.cluster, [&] { return world.executed(3) == 2; }));
  CHECK(world.cluster[3].counted("PRE-PREPARE accepted later"));
  for (ReplicaId id = 0; id < 4; ++id) CHECK(world.cluster[id].core.view().view == 0);
}

TEST_CASE("what a stranger signed, or somebody else in a newcomer's name, is not voted for") {
  World world;
  const auto propose_to_1 = [&world](const std::shared_ptr<const SignedBundle>& bundle, Seq seq) {
    auto& node = world.cluster[1];
    const auto batch = std::make_shared<const Batch>(wire::encode_batch(node.now.wall_us, {*bundle}));
    const auto before = node.sent_count<Prepare>();
    node.step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = seq, .batch = batch}});
    return node.sent_count<Prepare>() - before;
  };
  const auto& membership = world.cluster[0].config.membership;
  CHECK(propose_to_1(signed_bundle(membership, newcomer, newcomer_key(), 1, toy_operation("set a 1")), 1) == 0);
  World known;
  known.add_newcomer();
  auto& node = known.cluster[1];
  const auto forged = signed_bundle(known.cluster[0].config.membership, newcomer, toy_key({PrincipalKind::client, 1}),
                                    1, toy_operation("set a 1"));
  const auto batch = std::make_shared<const Batch>(wire::encode_batch(node.now.wall_us, {*forged}));
  const auto before = node.sent_count<Prepare>();
  node.step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = 2, .batch = batch}});
  CHECK(node.counted("PRE-PREPARE with a forged request"));
  CHECK(node.sent_count<Prepare>() == before);
}

TEST_CASE("P11: a stranger's name in a batch makes nobody verify its signatures again and again") {
  struct Counting final : Authenticator {
    [[nodiscard]] Digest digest(ByteView bytes) override { return inner.digest(bytes); }
    [[nodiscard]] Bytes sign(ByteView statement) override { return inner.sign(statement); }
    [[nodiscard]] bool verify(const PublicKey& key, ByteView statement, ByteView given) override {
      ++verified;
      return inner.verify(key, statement, given);
    }
    ToyAuthenticator inner{toy_key({PrincipalKind::replica, 1})};
    std::size_t verified = 0;
  } authenticator;
  const auto config = toy_config(4, 1);
  ServiceRegistry services;
  REQUIRE_FALSE(services.add(std::make_unique<ToyService>()).has_value());
  NodeDisk disk;
  ReplicaCore core(config, authenticator, services, *disk.store, {});
  Now now{.monotonic_us = 1'000'000, .wall_us = 1'700'000'000'000'000};
  static_cast<void>(core.step(now, Started{}));
  for (Seq seq = 1; seq <= 4; ++seq) {
    std::vector<SignedBundle> bundles;
    for (SessionId session = 1; session <= 50; ++session) {
      bundles.push_back(*toy_bundle(config.membership, 1, 100 * seq + session, 1, {"set a 1"}));
    }
    bundles.push_back(*signed_bundle(config.membership, 77, newcomer_key(), 1, toy_operation("set a 1")));
    const auto batch = std::make_shared<const Batch>(wire::encode_batch(now.wall_us, std::move(bundles)));
    static_cast<void>(core.step(now, Received{replica_sender(0), PrePrepare{.view = 0, .seq = seq, .batch = batch}}));
    for (int again = 0; again < 3; ++again) {
      static_cast<void>(core.step(now, Received{replica_sender(2), Prepare{.view = 0, .seq = seq, .digest = {}}}));
      now.monotonic_us += 60'000;
      now.wall_us += 60'000;
      static_cast<void>(core.step(now, Woken{}));
    }
  }
  CHECK(authenticator.verified == 0);
  CHECK(core.view().slots_held > 0);
}

TEST_CASE("a client that was removed is told nothing but that") {
  World world;
  world.add_newcomer();
  world.ask_as_newcomer();
  world.administer({"client", "remove", std::to_string(newcomer)});
  auto& node = world.cluster[0];
  node.replies.clear();
  world.newcomer_number = 0;
  world.ask_as_newcomer();  // of which the reply is kept
  node.step(Received{client_sender(newcomer), ReportQuery{}});
  REQUIRE(node.replies.size() == 1);
  CHECK(std::holds_alternative<Refusal>(node.replies.front().message));
}

TEST_CASE("a replica that returns tells again who may connect") {
  World world;
  world.add_newcomer();
  world.cluster.restart(1);
  REQUIRE(settle(world.cluster, [&] { return world.executed(1) == 1; }));
  REQUIRE(world.cluster[1].clients_set.contains(newcomer));
  CHECK(world.cluster[1].clients_set.at(newcomer) == newcomer_key());
}
