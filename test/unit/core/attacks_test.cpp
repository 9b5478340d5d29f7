// Rows of the attack catalogue that need several replicas and exact timing, by their names. What one replica refuses by
// itself is in the tests of that part; SECURITY.md lists where each row is played.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

void submit_to(Cluster& cluster, const std::set<ReplicaId>& to, const std::shared_ptr<const SignedBundle>& bundle) {
  for (const auto id : to) cluster.submit(id, bundle);
}

bool all_executed(Cluster& cluster, Seq seq, const std::set<ReplicaId>& who) {
  return std::all_of(who.begin(), who.end(), [&](ReplicaId id) { return cluster[id].core.view().executed >= seq; });
}

void check_one_history(Cluster& cluster, const std::set<ReplicaId>& correct) {
  for (const auto left : correct) {
    for (const auto right : correct) {
      for (Seq seq = 1; seq <= cluster[left].core.view().executed; ++seq) {
        const auto one = cluster[left].core.executed_digest(seq);
        const auto other = cluster[right].core.executed_digest(seq);
        if (one && other) CHECK(*one == *other);
      }
    }
    CHECK(cluster[left].alarms.empty());
  }
}

}  // namespace

TEST_CASE("C1: a bundle whose signature some replicas get spoilt is executed by all or none, without a view change") {
  for (std::uint32_t whole = 0; whole < 16; ++whole) {
    CAPTURE(whole);
    Cluster cluster(4);
    const auto bundle = request(cluster[0], 1);
    auto spoilt = std::make_shared<SignedBundle>(*bundle);
    spoilt->signature.back() = static_cast<char>(spoilt->signature.back() ^ 1);
    for (ReplicaId id = 0; id < 4; ++id) cluster.submit(id, (whole >> id & 1U) != 0 ? bundle : spoilt);
    const Seq expected = whole == 0 ? 0 : 1;
    for (int step = 0; step < 80; ++step) {
      cluster.pass(25'000);
      cluster.deliver_all();
    }
    for (ReplicaId id = 0; id < 4; ++id) {
      CHECK(cluster[id].core.view().executed == expected);
      CHECK(cluster[id].core.view().view == 0);
      CHECK(cluster[id].core.view().active);
    }
  }
}

TEST_CASE("C6, C3: four payloads under one number, and numbers that are skipped, cause no view change") {
  Cluster cluster(4);
  for (ReplicaId id = 0; id < 4; ++id) {
    cluster.submit(id, toy_bundle(cluster[id].config.membership, 1, 5, 1, {"set a " + std::to_string(id)}));
    cluster.submit(id, toy_bundle(cluster[id].config.membership, 1, 5, 3 + id, {"set b " + std::to_string(id)}));
  }
  for (int step = 0; step < 100; ++step) {
    cluster.pass(25'000);
    cluster.deliver_all();
  }
  for (ReplicaId id = 0; id < 4; ++id) {
    CHECK(cluster[id].core.view().executed >= 1);
    CHECK(cluster[id].core.view().view == 0);
  }
  check_one_history(cluster, {0, 1, 2, 3});
}

TEST_CASE(
    "P3: a primary that orders one request just under the timeout each time is replaced at the second; nothing is "
    "lost") {
  Cluster cluster(4);
  const auto timeout_us = cluster[0].config.view_change_timeout_us;
  const auto apart = [](ReplicaId from, ReplicaId to, const Message&) { return from != 0 && to != 0; };
  RequestNumber asked = 0;
  while (cluster[1].core.view().view == 0 && asked < 4) {
    ++asked;
    submit_to(cluster, {1, 2, 3}, request(cluster[1], asked));
    for (int step = 0; step < 36 && cluster[1].core.view().view == 0; ++step) {
      cluster.pass(timeout_us / 40);
      cluster.deliver_all(apart);
    }
    if (cluster[1].core.view().view > 0) break;
    cluster.submit(0, request(cluster[0], asked));
    cluster.deliver_all();
    CHECK(all_executed(cluster, asked, {1, 2, 3}));
  }
  // 0.9 T each, of which three rounds (T/32) are free, and a tenth.
  CHECK(asked == 2);
  CHECK(settle(
      cluster,
      [&] {
        return all_executed(cluster, asked, {1, 2, 3});
      },
      apart));
  check_one_history(cluster, {1, 2, 3});
}

TEST_CASE(
    "P6: a primary that reverses a session's numbers, or prefers another client, costs a slot or waits its turn") {
  // Whom it may prefer, and how long, is in primary_watch_test.cpp. Within a session the order is the client's,
  // whatever the batch says.
  Cluster cluster(4);
  std::vector<SignedBundle> bundles;
  for (RequestNumber number = 1; number <= 3; ++number) {
    bundles.insert(bundles.begin(), *request(cluster[1], number));
    submit_to(cluster, {1, 2, 3}, request(cluster[1], number));
  }
  for (RequestNumber number = 1; number <= 2; ++number) bundles.push_back(*request(cluster[1], number, 2));
  const auto batch = std::make_shared<const Batch>(wire::encode_batch(cluster[1].now.wall_us, bundles));
  for (ReplicaId id = 1; id < 4; ++id) {
    cluster[id].step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = 1, .batch = batch}});
  }
  const std::set<ReplicaId> correct{1, 2, 3};
  for (int step = 0; step < 80; ++step) {
    cluster.deliver_all([](ReplicaId from, ReplicaId to, const Message&) { return from != 0 && to != 0; });
    cluster.pass(25'000);
  }
  for (const auto id : correct) {
    CHECK(cluster[id].core.view().view > 0);  // numbers 2 and 3 were owed
    std::vector<std::pair<ClientId, RequestNumber>> answered;
    for (const auto& reply : cluster[id].replies) {
      if (const auto* replies = std::get_if<Replies>(&reply.message)) {
        for (const auto& entry : replies->entries) answered.emplace_back(reply.client, entry.number);
      }
    }
    CHECK(answered == std::vector<std::pair<ClientId, RequestNumber>>{{1, 1}, {2, 1}, {2, 2}, {1, 2}, {1, 3}});
  }
  check_one_history(cluster, correct);
}

TEST_CASE("P7: a primary that orders one operation a batch for one session alone is slow, and everything is executed") {
  // Of one session alone nothing is expected; of several it is where primaries are held to it, see
  // primary_watch_test.cpp.
  Cluster cluster(4, [](CoreConfig& config) {
    if (config.id == 0) config.batch_operations_max = config.pipeline_depth = 1;
  });
  constexpr RequestNumber backlog = 60;
  for (RequestNumber number = 1; number <= backlog; ++number) {
    submit_to(cluster, {0, 1, 2, 3}, request(cluster[0], number));
  }
  cluster.deliver_all();
  CHECK(all_executed(cluster, backlog, {1, 2, 3}));
  CHECK(cluster[1].core.view().executed == backlog);  // a slot for each
  CHECK(cluster[1].core.view().view == 0);
  check_one_history(cluster, {1, 2, 3});
}

TEST_CASE("B7: a checkpoint that a VIEW-CHANGE brings without a quorum's votes is not believed") {
  Cluster cluster(4);
  auto& node = cluster[1];
  ViewChangeStatement content;
  content.replica = 3;
  content.view = 1;
  content.issue = 1;
  for (ReplicaId id = 0; id < 3; ++id) {
    CheckpointVote vote;
    vote.content.cluster = node.config.membership.cluster;
    vote.content.replica = id;
    vote.content.seq = 8;
    vote.body = wire::encode_checkpoint_body(vote.content);
    ToyAuthenticator liar(toy_key({PrincipalKind::replica, 3}));  // it signs for the others
    vote.signature = liar.sign(wire::checkpoint_statement(vote.body));
    content.certificate.votes.push_back(vote);
  }
  node.step(Received{replica_sender(3), signed_view_change(content)});
  CHECK(node.counted("unsound VIEW-CHANGE"));
  CHECK(node.core.view().certificate == 0);
}

TEST_CASE("B12: a VIEW-CHANGE of another cluster or epoch, or whose signature is of another kind, is not counted") {
  Cluster cluster(4);
  auto& node = cluster[1];
  const auto refused = [&](const ViewChange& message) {
    node.counts.clear();
    cluster.pass(100'000);
    node.step(Received{replica_sender(3), message});
    return node.counted("unsound VIEW-CHANGE");
  };
  ViewChangeStatement content;
  content.replica = 3;
  content.view = 1;
  content.issue = 1;
  auto message = signed_view_change(content);
  ToyAuthenticator authenticator(toy_key({PrincipalKind::replica, 3}));
  message.signature = authenticator.sign(wire::new_view_statement(message.body));
  CHECK(refused(message));
  message.signature = authenticator.sign(wire::rejoin_statement(message.body));
  CHECK(refused(message));
  content.epoch = 1;
  CHECK(refused(signed_view_change(content)));
  content.epoch = 0;
  message = signed_view_change(content);
  message.content.cluster.bytes.fill(7);
  message.body = wire::encode_view_change_body(message.content);
  message.signature = authenticator.sign(wire::view_change_statement(message.body));
  CHECK(refused(message));
  CHECK_FALSE(refused(signed_view_change(content)));
  node.counts.clear();
  node.step(Received{replica_sender(2), signed_view_change(content)});
  CHECK(node.counted("VIEW-CHANGE of another replica"));
}

TEST_CASE("B14: votes of views far away take their sender's place only, and no memory") {
  Cluster cluster(4);
  auto& node = cluster[1];
  const Digest digest = node.authenticator.digest("x");
  for (int at = 0; at < 2'000; ++at) {
    const View view = std::numeric_limits<View>::max() - static_cast<View>(at % 7);
    const Seq seq =
        at % 2 == 0 ? 1 + static_cast<Seq>(at % 16) : std::numeric_limits<Seq>::max() - static_cast<Seq>(at);
    node.step(Received{replica_sender(3), Prepare{.view = view, .seq = seq, .digest = digest}});
    node.step(Received{replica_sender(3), Commit{.view = view, .seq = seq, .digest = digest}});
  }
  CHECK(node.core.view().slots_held <= node.config.window);
  CHECK(node.core.view().view == 0);
  cluster.submit(0, request(cluster[0], 1));
  cluster.deliver_all([](ReplicaId from, ReplicaId, const Message&) { return from != 3; });
  CHECK(node.core.view().executed == 1);
}

TEST_CASE("X1: a faulty primary and f-1 others leave f correct replicas out, then fall silent") {
  Cluster cluster(7);
  const std::set<ReplicaId> correct{2, 3, 4, 5, 6};
  const auto left_out = [](ReplicaId from, ReplicaId to, const Message&) {
    return from < 5 && to < 5;  // replicas 5 and 6 hear nothing, and are not heard
  };
  for (RequestNumber number = 1; number <= 20; ++number) {
    cluster.submit(0, request(cluster[0], number));
    cluster.deliver_all(left_out);
  }
  REQUIRE(cluster[2].core.view().executed == 20);
  REQUIRE(cluster[5].core.view().executed == 0);
  const auto silent = [](ReplicaId from, ReplicaId to, const Message&) { return from > 1 && to > 1; };
  submit_to(cluster, correct, request(cluster[2], 21));
  CHECK(settle(
      cluster, [&] { return all_executed(cluster, 21, correct); }, silent));
  check_one_history(cluster, correct);
}

TEST_CASE("X2: a liar that talks to both sides of a partition cannot make them decide apart") {
  Cluster cluster(4);
  // 0 | 2 3, and 1 on both sides. The liar tells each side what it wants to hear: its honest votes.
  const auto parted = [](ReplicaId from, ReplicaId to, const Message&) {
    return from == 1 || to == 1 || (from == 0) == (to == 0);
  };
  cluster.submit(0, request(cluster[0], 1));
  submit_to(cluster, {2, 3}, request(cluster[2], 1, 2));
  for (int step = 0; step < 100; ++step) {
    cluster.pass(25'000);
    cluster.deliver_all(parted);
  }
  CHECK(cluster[2].core.view().executed >= 1);
  submit_to(cluster, {0, 2, 3}, request(cluster[0], 1));
  CHECK(settle(cluster, [&] {
    return cluster[0].core.view().pending_operations == 0 && cluster[2].core.view().pending_operations == 0 &&
           cluster[0].core.view().executed == cluster[2].core.view().executed;
  }));
  CHECK(cluster[0].core.view().executed >= 1);
  check_one_history(cluster, {0, 2, 3});
}

TEST_CASE("X4: two processes with one key count as one faulty replica") {
  for (const ReplicaId twins : {0U, 3U}) {
    CAPTURE(twins);
    Cluster cluster(4);
    Node second(cluster[twins].config);
    second.step(Started{});
    second.take_sent();
    std::set<ReplicaId> correct{0, 1, 2, 3};
    correct.erase(twins);
    RequestNumber number = 1;
    for (int round = 0; round < 30; ++round) {
      // Each of the two is told of another client's requests first.
      cluster.submit(twins, request(cluster[twins], number));
      second.step(Received{client_sender(2), Submit{request(second, number, 2)}});
      second.step(InputDrained{});
      if (round % 3 == 2) {
        submit_to(cluster, correct, request(cluster[0], number));
        submit_to(cluster, correct, request(cluster[0], number, 2));
        ++number;
      }
      for (int exchange = 0; exchange < 4; ++exchange) {
        for (auto& send : second.take_sent()) {
          for (const auto to : correct) {
            if (send.to && *send.to != to) continue;
            cluster[to].step(Received{replica_sender(twins), send.message});
            cluster[to].step(InputDrained{});
          }
        }
        // What is sent to the key reaches both.
        cluster.deliver_all([&](ReplicaId from, ReplicaId to, const Message& message) {
          if (to == twins) {
            second.step(Received{replica_sender(from), message});
            second.step(InputDrained{});
          }
          return true;
        });
        cluster.pass(25'000);
        second.now = cluster[twins].now;
        second.step(Woken{});
      }
    }
    submit_to(cluster, correct, request(cluster[0], number));
    const auto executed = [&](ReplicaId id) { return cluster[id].core.view().executed; };
    CHECK(settle(cluster, [&] {
      return std::all_of(correct.begin(), correct.end(), [&](ReplicaId id) {
        return cluster[id].core.view().pending_operations == 0 && executed(id) == executed(*correct.begin());
      });
    }));
    CHECK(executed(*correct.begin()) >= 10);
    check_one_history(cluster, correct);
  }
}

TEST_CASE("B15: statements that contradict each other are told and counted, until another life begins") {
  Cluster cluster(4);
  auto& node = cluster[1];
  const Digest one = node.authenticator.digest("x");
  const Digest other = node.authenticator.digest("y");
  const auto distrusted = [&] { return std::count(node.distrusted.begin(), node.distrusted.end(), 3U); };
  node.step(Received{replica_sender(3), Prepare{.view = 0, .seq = 1, .digest = one}});
  node.step(Received{replica_sender(3), Prepare{.view = 0, .seq = 1, .digest = one}});
  node.step(
      Received{replica_sender(3), Prepare{.view = 1, .seq = 1, .digest = other}});  // another view: no contradiction
  CHECK(distrusted() == 0);
  node.step(Received{replica_sender(3), Prepare{.view = 1, .seq = 1, .digest = one}});
  node.step(Received{replica_sender(3), Decided{.seq = 2, .digest = one}});
  node.step(Received{replica_sender(3), Decided{.seq = 2, .digest = other}});
  CHECK(distrusted() == 1);
  CHECK(node.notices.back().starts_with("replica 3 is faulty: it has sent two PREPAREs for view 1 slot 1: "));
  node.step(Received{client_sender(1), ReportQuery{.nonce = 1}});
  const auto& counters = std::get<Report>(node.replies.back().message).counters;
  // The first one is kept, and told to whoever asks.
  const auto told = std::find_if(counters.begin(), counters.end(), [](const auto& counter) {
    return counter.first.starts_with("contradictions of replica 3, first two PREPAREs for view 1 slot 1: ");
  });
  REQUIRE(told != counters.end());
  CHECK(told->second == 2);
  cluster.wipe(3, 1);
  CHECK(settle(cluster, [&] { return cluster[3].core.view().remembers; }));
  CHECK(distrusted() == 0);
}
