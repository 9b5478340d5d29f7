// View changes with exact timing: the directed cases of docs/protocol.md and of the attack catalogue, by their names.
#include <doctest/doctest.h>

#include <algorithm>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

/// To all replicas, as a client does that got no answer.
void submit_to_all(Cluster& cluster, const std::shared_ptr<const SignedBundle>& bundle,
                   const std::vector<ReplicaId>& except = {}) {
  for (ReplicaId id = 0; id < cluster.nodes.size(); ++id) {
    if (std::find(except.begin(), except.end(), id) == except.end()) cluster.submit(id, bundle);
  }
}

/// Nothing comes from or to these replicas.
Passes without(std::set<ReplicaId> cut) {
  return [cut = std::move(cut)](ReplicaId from, ReplicaId to, const Message&) {
    return !cut.contains(from) && !cut.contains(to);
  };
}

std::function<bool()> executed_everywhere(Cluster& cluster, Seq seq, std::set<ReplicaId> except = {}) {
  return [&cluster, seq, except = std::move(except)] {
    for (ReplicaId id = 0; id < cluster.nodes.size(); ++id) {
      if (!except.contains(id) && cluster[id].core.view().executed < seq) return false;
    }
    return true;
  };
}

}  // namespace

TEST_CASE("P5: a silent primary is replaced, and what it was asked is executed") {
  Cluster cluster(4);
  submit_to_all(cluster, request(cluster[1], 1), {0});
  CHECK(settle(cluster, executed_everywhere(cluster, 1, {0}), without({0})));
  CHECK(cluster[1].core.view().view == 1);
  CHECK(settle(cluster, executed_everywhere(cluster, 1)));  // and it comes back as a backup
  CHECK(cluster[0].core.view().view == 1);
  CHECK(cluster[0].core.view().active);
}

TEST_CASE("C7: a request that goes to one backup alone is known to all in time, and the primary is not blamed") {
  Cluster cluster(4);
  cluster.submit(2, request(cluster[2], 1));
  // What it passes on is lost at first.
  cluster.deliver_all(
      [](ReplicaId, ReplicaId, const Message& message) { return !std::holds_alternative<Submit>(message); });
  CHECK(settle(cluster, executed_everywhere(cluster, 1)));
  CHECK(cluster[2].core.view().view == 0);
}

TEST_CASE("P1: a primary that proposes another batch to some is left by all at once, whoever they are") {
  for (const std::uint32_t n : {4U, 5U, 7U}) {
    for (std::uint32_t second = 1; second + 1 < 1U << (n - 1); ++second) {  // which backups get another batch
      CAPTURE(n);
      CAPTURE(second);
      Cluster cluster(n);
      const auto proposal = [&](const std::string& payload) {
        const std::vector<SignedBundle> bundles{*toy_bundle(cluster[1].config.membership, 1, 5, 1, {payload})};
        return PrePrepare{.seq = 1,
                          .batch = std::make_shared<const Batch>(wire::encode_batch(cluster[1].now.wall_us, bundles))};
      };
      for (ReplicaId id = 1; id < n; ++id) {
        const bool other = (second >> (id - 1) & 1U) != 0;
        cluster[id].step(Received{replica_sender(0), proposal(other ? "set a 1" : "set a 2")});
      }
      cluster.deliver_all(without({0}));
      for (ReplicaId id = 1; id < n; ++id) {
        CHECK(cluster[id].core.view().view == 1);
        CHECK(cluster[id].core.view().active);
      }
    }
  }
}

TEST_CASE("P1: a backup that pretends to have been told something else, to one after the other, moves all or nobody") {
  // The liar is replica 3. Sometimes it also gives the view up in advance, or says that it doubts.
  Cluster cluster(4);
  RequestNumber number = 0;
  for (int round = 0; round < 40; ++round) {
    const View view = cluster[1].core.view().view;
    const auto victim = static_cast<ReplicaId>(round % 3);
    Digest invented;
    invented.bytes[0] = static_cast<std::uint8_t>(1 + round);
    submit_to_all(cluster, request(cluster[1], ++number), {3});
    for (ReplicaId to = 0; to < 3; ++to) {
      if (to == victim) {
        const Seq seq = cluster[to].core.view().executed + 1;
        cluster[to].step(Received{replica_sender(3), Prepare{.view = view, .seq = seq, .digest = invented}});
      }
      cluster[to].step(
          Received{replica_sender(3), Status{.view = view, .active = true, .doubts = round % 2 == 0, .slots = {}}});
      if (round % 4 < 2) continue;
      cluster[to].step(Received{replica_sender(3), empty_view_change(cluster[to], 3, view + 1)});
    }
    CHECK(settle(
        cluster,
        [&] {
          bool done = true;
          for (ReplicaId id = 0; id < 3; ++id) {
            const auto view_of = cluster[id].core.view();
            done = done && view_of.pending_operations == 0 && view_of.active &&
                   view_of.view == cluster[0].core.view().view;
          }
          return done;
        },
        without({3})));
  }
  for (ReplicaId id = 0; id < 3; ++id) {
    CAPTURE(id);
    CHECK(cluster[id].counted("primary doubted: two accounts of a proposal"));
  }
  // Each correct replica doubts of its own accord once in its wait; a view that the liar leads is left besides.
  CHECK(cluster[0].core.view().view <= 8);
}

TEST_CASE("B2: one replica's wish for another view moves nobody, f+1 move all") {
  Cluster cluster(4);
  for (const ReplicaId to : {0U, 1U, 2U}) {
    cluster[to].step(Received{replica_sender(3), empty_view_change(cluster[to], 3, 9)});
  }
  cluster.deliver_all(without({3}));
  CHECK(cluster[1].core.view().view == 0);
  CHECK(cluster[1].core.view().active);
  cluster[1].step(Received{replica_sender(2), empty_view_change(cluster[1], 2, 5)});
  CHECK(cluster[1].core.view().view == 5);  // the lowest of those that f+1 want
  CHECK_FALSE(cluster[1].core.view().active);
}

TEST_CASE("B13: whoever wants the next view votes in the one before no more, and still executes what it decides") {
  Cluster cluster(4);
  submit_to_all(cluster, request(cluster[1], 1), {0});
  auto& node = cluster[3];
  node.step(Received{replica_sender(0), empty_view_change(node, 0, 1)});  // its primary gives the view up
  REQUIRE_FALSE(node.core.view().active);
  node.take_sent();
  const auto batch = std::make_shared<const Batch>(wire::encode_batch(node.now.wall_us, {*request(node, 1)}));
  const Digest digest = node.authenticator.digest(batch->bytes);
  node.step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = 1, .batch = batch}});
  CHECK(node.sent_count<Prepare>() == 0);
  for (const ReplicaId from : {0U, 1U, 2U}) {
    node.step(Received{replica_sender(from), Prepare{.view = 0, .seq = 1, .digest = digest}});
    node.step(Received{replica_sender(from), Commit{.view = 0, .seq = 1, .digest = digest}});
  }
  CHECK(node.sent_count<Commit>() == 0);
  node.step(Received{replica_sender(1), BatchBody{.seq = 1, .batch = batch}});
  CHECK(node.core.view().executed == 1);
}

TEST_CASE("A: what one replica executed and answered before its crash is chosen by the next view") {
  // Only replica 0 sees the COMMITs: it executes and answers.
  Cluster cluster(4);
  cluster.submit(0, request(cluster[0], 1));
  cluster.deliver_all([](ReplicaId, ReplicaId to, const Message& message) {
    return to == 0 || !std::holds_alternative<Commit>(message);
  });
  REQUIRE(cluster[0].core.view().executed == 1);
  REQUIRE(cluster[0].replies.size() == 1);
  REQUIRE(cluster[1].core.view().executed == 0);
  const auto digest = cluster[0].core.executed_digest(1);
  for (auto& node : cluster.nodes) node->take_sent();
  // It stays away; replica 3 says that it has nothing.
  submit_to_all(cluster, request(cluster[1], 1, 2), {0});
  CHECK(settle(cluster, executed_everywhere(cluster, 2, {0}), without({0})));
  for (const ReplicaId id : {1U, 2U, 3U}) CHECK(cluster[id].core.executed_digest(1) == digest);
}

TEST_CASE("K10: replicas that crash in the middle of a view change want that view again") {
  Cluster cluster(4);
  cluster.submit(0, request(cluster[0], 1));
  cluster.deliver_all();
  submit_to_all(cluster, request(cluster[1], 2), {0});
  // NEW-VIEW does not get through.
  const auto no_new_view = [](ReplicaId from, ReplicaId to, const Message& message) {
    return from != 0 && to != 0 && !std::holds_alternative<NewView>(message);
  };
  CHECK_FALSE(settle(cluster, executed_everywhere(cluster, 2, {0}), no_new_view));
  const View wanted = cluster[2].core.view().view;
  CHECK(wanted > 1);
  for (const ReplicaId id : {1U, 2U, 3U}) cluster.restart(id);
  CHECK(cluster[2].core.view().view >= wanted);
  submit_to_all(cluster, request(cluster[1], 2));  // as its client does
  CHECK(settle(cluster, executed_everywhere(cluster, 2)));
}

TEST_CASE("P13: a NEW-VIEW that its VIEW-CHANGEs do not bear is not entered") {
  Cluster cluster(4);
  auto& node = cluster[3];
  std::vector<ViewChange> good;
  for (const ReplicaId id : {0U, 1U, 2U}) good.push_back(empty_view_change(node, id, 1));
  const auto refused = [&](const NewView& message, ReplicaId from = 1) {
    cluster.pass(100'000);
    node.take_sent();
    node.step(Received{replica_sender(from), message});
    return node.core.view().view == 0;
  };
  SUBCASE("too few") { CHECK(refused(new_view_of(node, 1, {good[0], good[1]}))); }
  SUBCASE("not signed by the view's primary") {
    auto message = new_view_of(node, 1, good);
    message.signature = new_view_of(node, 2, good).signature;
    CHECK(refused(message));
  }
  SUBCASE("a VIEW-CHANGE that its sender did not sign") {
    good[2].signature = good[1].signature;
    CHECK(refused(new_view_of(node, 1, good)));
  }
  SUBCASE("of another cluster, of another epoch") {
    auto message = new_view_of(node, 1, good);
    message.content.epoch = 7;
    CHECK(refused(message));
    auto foreign = good[0].content;
    foreign.epoch = 7;
    good[0] = signed_view_change(foreign);
    CHECK(refused(new_view_of(node, 1, good)));
  }
  SUBCASE("a claim outside of the window") {
    auto claims = good[0].content;
    claims.prepared = {{.seq = node.config.window + 1, .view = 0, .digest = {}}};
    good[0] = signed_view_change(claims);
    CHECK(refused(new_view_of(node, 1, good)));
  }
  SUBCASE("undecided: a claim that nobody vouches for") {
    auto claims = good[0].content;
    claims.prepared = {{.seq = 1, .view = 0, .digest = node.authenticator.digest("x")}};
    good[0] = signed_view_change(claims);
    CHECK(refused(new_view_of(node, 1, good)));
    // With the fourth it is decided, and the slot stays free.
    good.push_back(empty_view_change(node, 3, 1));
    cluster.pass(100'000);
    CHECK(node.core.view().view == 0);
  }
  SUBCASE("a whole one is entered, whoever passes it on") {
    CHECK_FALSE(refused(new_view_of(node, 1, good), 2));
    CHECK(node.core.view().active);
    CHECK(node.core.view().view == 1);
  }
}

TEST_CASE("P14: a NEW-VIEW that one replica alone got is passed on by it") {
  Cluster cluster(4);
  submit_to_all(cluster, request(cluster[1], 1), {0});
  // The new primary reaches replica 2 alone.
  const auto to_one = [](ReplicaId from, ReplicaId to, const Message& message) {
    return from != 0 && to != 0 && (!std::holds_alternative<NewView>(message) || from != 1 || to == 2);
  };
  CHECK(settle(cluster, executed_everywhere(cluster, 1, {0}), to_one));
  CHECK(cluster[3].core.view().view == 1);
}

TEST_CASE("P15: the batch that a new view chose is fetched by those who lack it") {
  Cluster cluster(4);
  cluster.submit(0, request(cluster[0], 1));
  // Replica 3 sees no batch; the others prepare, nobody sees a COMMIT.
  cluster.deliver_all([](ReplicaId, ReplicaId to, const Message& message) {
    return to != 3 && !std::holds_alternative<Commit>(message);
  });
  REQUIRE(cluster[1].core.view().executed == 0);
  for (auto& node : cluster.nodes) node->take_sent();
  submit_to_all(cluster, request(cluster[1], 1, 2), {0});
  // Without replica 0, replica 3's votes are needed for a quorum.
  CHECK(settle(cluster, executed_everywhere(cluster, 2, {0}), without({0})));
  CHECK(cluster[3].counted("batch fetched"));
}

TEST_CASE("P8: a hole below a prepared slot becomes a null batch in the next view") {
  Cluster cluster(4);
  cluster.submit(0, request(cluster[0], 1));
  cluster.deliver_all();
  // The primary leaves slot 2 out and orders slot 3.
  const auto batch =
      std::make_shared<const Batch>(wire::encode_batch(cluster[1].now.wall_us, {*request(cluster[1], 2)}));
  for (const ReplicaId to : {1U, 2U, 3U}) {
    cluster[to].step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = 3, .batch = batch}});
  }
  CHECK(settle(cluster, executed_everywhere(cluster, 3, {0}), without({0})));
  const auto null_digest = cluster[1].authenticator.digest({});
  CHECK(cluster[1].core.executed_digest(2) == null_digest);
  CHECK(cluster[2].core.executed_digest(3) == cluster[2].authenticator.digest(batch->bytes));
}

TEST_CASE("K12: a replica that was stopped for long does not hold it against the primary") {
  Cluster cluster(4);
  cluster.submit(3, request(cluster[3], 1));
  cluster[3].take_sent();
  cluster[3].now.monotonic_us += 30'000'000;
  cluster[3].now.wall_us += 30'000'000;
  cluster[3].step(Woken{});
  CHECK(cluster[3].counted("own pause noticed"));
  CHECK(cluster[3].core.view().view == 0);
  CHECK(cluster[3].core.view().active);
}

TEST_CASE("a process that has just begun blames nobody before it has heard a quorum, its own word included") {
  Cluster cluster(4);
  auto& node = cluster[3];
  cluster.submit(3, request(node, 1));
  const auto pass = [&node](MonotonicUs by_us) {
    for (MonotonicUs passed_us = 0; passed_us < by_us; passed_us += 10'000) {
      node.now.monotonic_us += 10'000;
      node.step(Woken{});
    }
  };
  const auto hear = [&node](ReplicaId from) {
    node.step(Received{Sender{{PrincipalKind::replica, from}, 0}, Status{}});
  };
  pass(10 * node.config.view_change_timeout_us);
  CHECK_MESSAGE(node.core.view().active, "nobody is connected");
  hear(1);
  hear(1);
  pass(10 * node.config.view_change_timeout_us);
  CHECK_MESSAGE(node.core.view().active, "one other is no quorum, however often it speaks");
  hear(2);
  pass(node.config.view_change_timeout_us / 2);
  CHECK_MESSAGE(node.core.view().active, "the time begins now");
  pass(10 * node.config.view_change_timeout_us);
  CHECK_FALSE(node.core.view().active);
}

TEST_CASE("B3: f silent primaries in a row, each with the time that doubles") {
  Cluster cluster(7);
  submit_to_all(cluster, request(cluster[2], 1), {0, 1});
  CHECK(settle(cluster, executed_everywhere(cluster, 1, {0, 1}), without({0, 1})));
  CHECK(cluster[2].core.view().view == 2);
  CHECK(cluster[6].counted("timeout: no NEW-VIEW"));
}

TEST_CASE("whoever has left a view alone takes the time for which f+1 others stay for its timeout") {
  const auto timeout_after_s = [](const std::vector<ReplicaId>& staying, int seconds, bool asked = true) {
    Cluster cluster(4);
    auto& node = cluster[3];
    if (asked) cluster.submit(3, request(node, 1));
    node.step(Received{replica_sender(0), empty_view_change(node, 0, 1)});  // its primary gives the view up
    REQUIRE_FALSE(node.core.view().active);
    constexpr MonotonicUs step_us = 20'000;
    for (MonotonicUs passed_us = 0; passed_us < seconds * 1'000'000; passed_us += step_us) {
      node.now.monotonic_us += step_us;
      for (const ReplicaId id : staying)
        node.step(Received{replica_sender(id), Status{.view = 0, .active = true, .slots = {}}});
      node.step(Woken{});
    }
    return node.core.view().view_timeout_us;
  };
  const MonotonicUs usual_us = toy_config(4, 3).view_change_timeout_us;
  CHECK(timeout_after_s({1, 2}, 5) > 5'000'000);
  CHECK(timeout_after_s({1, 2}, 5) <= 10'000'000);
  CHECK(timeout_after_s({1, 2}, 5, false) == usual_us);  // they stay because nobody asks
  CHECK(timeout_after_s({1}, 5) == usual_us);            // who may be a liar
  CHECK(timeout_after_s({}, 5) == usual_us);             // cut off, it learns nothing about the others' timeouts
}

TEST_CASE("whoever has left a view alone is taken in again by the next view, in an idle cluster too") {
  Cluster cluster(4);
  submit_to_all(cluster, request(cluster[0], 1));
  REQUIRE(settle(cluster, executed_everywhere(cluster, 1)));
  const MonotonicUs timeout_us = cluster[0].config.view_change_timeout_us;
  const auto pass = [&](MonotonicUs us) {
    for (MonotonicUs passed_us = 0; passed_us < us; passed_us += timeout_us / 8) {
      cluster.pass(timeout_us / 8);
      cluster.deliver_all();
    }
  };
  // It alone knows of a request, for a while.
  cluster.submit(3, request(cluster[3], 1, 2));
  for (int steps = 0; cluster[3].core.view().active; ++steps) {
    REQUIRE(steps < 100);
    cluster.pass(timeout_us / 8);
    cluster.deliver_all([](ReplicaId from, ReplicaId, const Message& message) {
      return from != 3 || !std::holds_alternative<Submit>(message);
    });
  }
  pass(30 * timeout_us);
  CHECK(cluster[0].core.view().view == 0);
  CHECK_FALSE(cluster[3].core.view().active);
  pass(6 * timeout_us);
  for (ReplicaId id = 0; id < 4; ++id) {
    CHECK(cluster[id].core.view().view == 1);
    CHECK(cluster[id].core.view().active);
  }
  CHECK(cluster[0].counted("own view given up: a replica has left it for long"));
}

TEST_CASE("a VIEW-CHANGE by which a primary gives its own view up counts whoever brings it, and no other one does") {
  Cluster cluster(4);
  auto& node = cluster[2];
  const auto brought = [&](const ViewChange& message) {
    node.step(Received{replica_sender(3), message});
    return node.core.view().view;
  };
  CHECK(brought(empty_view_change(node, 1, 1)) == 0);  // of one who does not lead
  CHECK(node.counted("VIEW-CHANGE of another replica"));
  auto forged = empty_view_change(node, 0, 1);
  forged.signature.back() = static_cast<char>(forged.signature.back() ^ 1);
  CHECK(brought(forged) == 0);
  CHECK(node.counted("unsound VIEW-CHANGE"));
  auto of_another_life = empty_view_change(node, 0, 1).content;
  of_another_life.incarnation = 1;
  CHECK(brought(signed_view_change(std::move(of_another_life))) == 0);
  CHECK(brought(empty_view_change(node, 0, 1)) == 1);
  CHECK(node.counted("VIEW-CHANGE passed on received"));
  CHECK(brought(empty_view_change(node, 1, 2)) == 1);  // it has left already, and waits for the next view
}

TEST_CASE("a faulty replica that says for ever that it waits for a higher view gets ever fewer") {
  Cluster cluster(4);
  const MonotonicUs timeout_us = cluster[0].config.view_change_timeout_us;
  const MonotonicUs step_us = timeout_us / 8;
  const auto views_after = [&](MonotonicUs us) {
    for (MonotonicUs passed_us = 0; passed_us < us; passed_us += step_us) {
      cluster.pass(step_us);
      for (ReplicaId id = 0; id < 3; ++id) {
        cluster[id].step(Received{replica_sender(3), Status{.view = 1'000, .active = false, .slots = {}}});
      }
      cluster.deliver_all(without({3}));
    }
    return cluster[1].core.view().view;
  };
  const View soon = views_after(400 * timeout_us);
  const View later = views_after(1'200 * timeout_us) - soon;
  CHECK(soon >= 4);  // by each primary once, the silent one's place taken by a timeout
  CHECK(soon <= 16);
  CHECK(later <= soon);
}

TEST_CASE("after a long time in which a replica kept to the views a primary makes room for it sooner again") {
  Cluster cluster(4);
  RequestNumber number = 0;
  const MonotonicUs timeout_us = cluster[0].config.view_change_timeout_us;
  const MonotonicUs step_us = timeout_us / 8;
  // How long primary 0 bears that replica 3 says so, where the others hold on to view 0.
  const auto borne_us = [&] {
    const auto& node = cluster[0];
    MonotonicUs passed_us = 0;
    for (const View view = node.core.view().view; node.core.view().view == view; passed_us += step_us) {
      REQUIRE(passed_us < 1'000 * timeout_us);
      cluster.pass(step_us);
      cluster[0].step(Received{replica_sender(3), Status{.view = 1'000, .active = false, .slots = {}}});
      cluster.deliver_all(without({3}));
    }
    return passed_us;
  };
  const auto quiet = [&](MonotonicUs us) {
    for (MonotonicUs passed_us = 0; passed_us < us; passed_us += step_us) {
      cluster.pass(step_us);
      cluster.deliver_all();
    }
  };
  const auto lead_again = [&] {
    while (cluster[0].core.view().view % 4 != 0 || !cluster[0].core.view().active) {
      const auto leader = static_cast<ReplicaId>(cluster[0].core.view().view % 4);
      submit_to_all(cluster, request(cluster[0], ++number), {leader});
      REQUIRE(settle(
          cluster, [&] { return cluster[0].core.view().view % 4 != leader; }, without({leader})));
      quiet(2 * timeout_us);
    }
  };
  quiet(2 * timeout_us);
  const MonotonicUs first_us = borne_us();
  lead_again();
  const MonotonicUs second_us = borne_us();
  CHECK(second_us >= 2 * first_us - 2 * step_us);
  lead_again();
  quiet(2'100 * timeout_us);
  lead_again();
  const MonotonicUs third_us = borne_us();
  CHECK(third_us <= second_us + step_us);
}

TEST_CASE("what was decided above a missing number, and chosen by a view, is ordered again in that view") {
  // The faulty primary puts number 2 before number 1: 2 is decided and not executed, and 1 executed after it.
  Cluster cluster(4);
  const auto ordered = [&](Seq seq, RequestNumber number) {
    const auto batch =
        std::make_shared<const Batch>(wire::encode_batch(cluster[1].now.wall_us, {*request(cluster[1], number)}));
    for (ReplicaId id = 1; id < 4; ++id) {
      cluster[id].step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = seq, .batch = batch}});
    }
  };
  ordered(1, 2);
  ordered(2, 1);
  cluster.deliver_all(without({0}));
  REQUIRE(executed_everywhere(cluster, 2, {0})());
  submit_to_all(cluster, request(cluster[1], 2), {0});
  CHECK(settle(cluster, executed_everywhere(cluster, 3, {0}), without({0})));
  CHECK(cluster[1].core.view().view == 1);
}

TEST_CASE("P13, B4: a VIEW-CHANGE that its member did not sign counts for nobody, alone or in a NEW-VIEW") {
  Cluster cluster(4);
  auto& node = cluster[2];
  auto forged = empty_view_change(node, 3, 1);
  forged.signature.back() = static_cast<char>(forged.signature.back() ^ 1);
  node.step(Received{replica_sender(1),
                     new_view_of(node, 1, {empty_view_change(node, 0, 1), empty_view_change(node, 1, 1), forged})});
  CHECK(node.core.view().view == 0);
  node.step(Received{replica_sender(3), forged});
  CHECK(node.counted("unsound VIEW-CHANGE"));
  node.step(Received{replica_sender(1), empty_view_change(node, 1, 1)});  // its primary, which alone changes nothing
  CHECK(node.core.view().view == 0);
}

TEST_CASE("K11: a disk put back to before a view change is found out by the NEW-VIEW") {
  Cluster cluster(4);
  cluster.submit(0, request(cluster[0], 1));
  cluster.deliver_all();
  const auto old_records = cluster[3].disk.records;
  submit_to_all(cluster, request(cluster[1], 2), {0});
  CHECK(settle(cluster, executed_everywhere(cluster, 2, {0}), without({0})));
  cluster[3].disk.records = old_records;
  cluster.restart(3);
  CHECK(settle(cluster, [&] { return !cluster[3].alarms.empty(); }));
  CHECK(cluster[3].alarms.front().find("older copy") != std::string::npos);
}

TEST_CASE("a view whose VIEW-CHANGEs too few voters sent is left where their boundary is passed") {
  // Replica 3 stands in the NEW-VIEW of view 1 and is wiped afterwards: from its boundary on it votes as another life.
  Cluster cluster(4);
  submit_to_all(cluster, request(cluster[1], 1), {0});
  REQUIRE(settle(cluster, executed_everywhere(cluster, 1, {0}), without({0})));
  REQUIRE(settle(cluster, executed_everywhere(cluster, 1)));
  REQUIRE(cluster[1].core.view().view == 1);
  cluster.wipe(3, 1);
  CHECK(settle(cluster, [&] { return cluster[3].core.view().remembers && cluster[3].core.view().incarnation == 1; }));
  for (RequestNumber number = 2; number < 40; ++number) {
    submit_to_all(cluster, request(cluster[1], number));
    cluster.deliver_all();
    cluster.pass(25'000);
    cluster.deliver_all();
  }
  CHECK(settle(cluster, [&] { return cluster[3].core.view().executed == cluster[1].core.view().executed; }));
  CHECK(cluster[1].core.view().view > 1);
  for (ReplicaId id = 0; id < 4; ++id) CHECK(cluster[id].alarms.empty());
}

TEST_CASE("every member's wipe in turn, the primary's too, is survived") {
  Cluster cluster(4);
  RequestNumber number = 1;
  for (std::uint8_t round = 0; round < 8; ++round) {
    CAPTURE(round);
    const ReplicaId victim = round % 4;
    submit_to_all(cluster, request(cluster[victim], number));
    REQUIRE(settle(cluster, [&] { return cluster[(victim + 1) % 4].core.view().pending_operations == 0; }));
    ++number;
    cluster.wipe(victim, static_cast<std::uint8_t>(round + 1));
    REQUIRE(settle(cluster, [&] {
      return std::all_of(cluster.nodes.begin(), cluster.nodes.end(),
                         [](const auto& node) { return node->core.view().remembers && node->core.view().voting; });
    }));
  }
  for (ReplicaId id = 0; id < 4; ++id) CHECK(cluster[id].alarms.empty());
}

TEST_CASE("F: a NEW-VIEW made with the VIEW-CHANGE of a life that is over drops nothing that was decided without it") {
  Cluster cluster(4);
  // Replica 3 wants view 1; only the liar, replica 1, gets its VIEW-CHANGE. Then it is wiped.
  const auto old_life = empty_view_change(cluster[3], 3, 1);
  for (RequestNumber number = 1; number <= 2; ++number) {
    cluster.submit(0, request(cluster[0], number));
    cluster.deliver_all(without({3}));
  }
  cluster.wipe(3, 1);
  // Replica 2 votes up to the boundary without learning of checkpoints: its own certificate stays a window below it.
  const auto late = [&](ReplicaId, ReplicaId to, const Message& message) {
    const auto life = life_of(cluster, 3);
    const auto* vote = std::get_if<CheckpointVote>(&message);
    const auto* certificate = std::get_if<CheckpointCertificate>(&message);
    const Seq seq = vote != nullptr          ? vote->content.seq
                    : certificate != nullptr ? certificate->votes.front().content.seq
                                             : 0;
    return to != 2 || life.incarnation == 0 || seq + cluster[2].config.window <= life.boundary;
  };
  for (int step = 0; step < 2'000 && !cluster[3].core.view().remembers; ++step) {
    cluster.pass(1'000);
    cluster.deliver_all(late);
  }
  REQUIRE(cluster[3].core.view().remembers);
  REQUIRE(cluster[0].core.view().view == 0);
  REQUIRE(cluster[2].core.view().certificate + cluster[2].config.window == life_of(cluster, 3).boundary);
  // It is told that its primary gives view 0 up, and is alone with that.
  cluster[2].take_sent();
  cluster[2].step(Received{replica_sender(0), empty_view_change(cluster[2], 0, 1)});
  const auto ignorant = last_sent<ViewChange>(cluster[2]);
  REQUIRE(ignorant);
  // Beyond its boundary a slot is decided by 0, 3 and the liar; replica 2 sees nothing of it.
  // Only replica 0 gets the liar's COMMIT: it alone executes, and answers.
  const auto blind = [](ReplicaId from, ReplicaId to, const Message& message) {
    return from != 2 && to != 2 && (from != 1 || to == 0 || !std::holds_alternative<Commit>(message));
  };
  cluster.submit(0, request(cluster[0], 3));
  cluster.deliver_all(blind);
  const Seq seq = cluster[0].core.view().executed;
  const auto digest = cluster[0].core.executed_digest(seq);
  REQUIRE(cluster[0].replies.size() == 3);
  REQUIRE(seq == life_of(cluster, 3).boundary + 1);
  REQUIRE(cluster[3].core.view().executed < seq);
  for (auto& node : cluster.nodes) node->take_sent();
  // The liar's NEW-VIEW rests on the old life.
  const auto own = empty_view_change(cluster[1], 1, 1);
  const auto message = new_view_of(cluster[1], 1, {own, *ignorant, old_life});
  for (const ReplicaId to : {0U, 2U, 3U}) cluster[to].step(Received{replica_sender(1), message});
  submit_to_all(cluster, request(cluster[2], 1, 2), {1});
  CHECK(settle(cluster, executed_everywhere(cluster, seq + 1, {1}), without({1})));
  for (const ReplicaId id : {0U, 2U, 3U}) {
    CAPTURE(id);
    CHECK(cluster[id].core.executed_digest(seq) == digest);
    CHECK(cluster[id].alarms.empty());
  }
}

TEST_CASE("a faulty backup's REJOIN of a life that is to come makes nobody suspect the primary") {
  Cluster cluster(4);
  cluster.submit(0, request(cluster[0], 1));
  cluster.deliver_all();
  const auto rejoin = [&](Incarnation incarnation) {
    Rejoin made;
    made.content = {cluster[3].config.membership.cluster, cluster[3].config.membership.epoch, 3, incarnation, {}};
    made.content.nonce.bytes.fill(static_cast<std::uint8_t>(incarnation + 1));
    made.body = wire::encode_rejoin_body(made.content);
    made.signature = cluster[3].authenticator.sign(wire::rejoin_statement(made.body));
    return made;
  };
  cluster[0].step(Received{replica_sender(3), rejoin(99)});
  for (const ReplicaId to : {1U, 2U}) cluster[to].step(Received{replica_sender(3), rejoin(0)});
  for (int step = 0; step < 100; ++step) {
    cluster.pass(25'000);
    cluster.deliver_all(without({3}));
  }
  CHECK(cluster[1].core.view().view == 0);
}

TEST_CASE("P4: a bundle of long ago that is ordered again puts nobody's time off") {
  Cluster cluster(4);
  cluster.submit(0, request(cluster[0], 1));
  cluster.deliver_all();
  for (const ReplicaId id : {1U, 2U, 3U}) {
    cluster.submit(id, request(cluster[id], 2));
    cluster[id].take_sent();
  }
  // The primary orders number 1 again and again.
  Seq seq = 2;
  for (int step = 0; step < 40 && cluster[1].core.view().view == 0; ++step, ++seq) {
    const auto batch =
        std::make_shared<const Batch>(wire::encode_batch(cluster[1].now.wall_us, {*request(cluster[1], 1)}));
    for (const ReplicaId id : {1U, 2U, 3U}) {
      cluster[id].step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = seq, .batch = batch}});
    }
    cluster.deliver_all(without({0}));
    cluster.pass(50'000);
  }
  CHECK(cluster[1].core.view().view == 1);
}

TEST_CASE("a NEW-VIEW of before a later decision moves nobody to doubt that decision") {
  Cluster cluster(4);
  auto& node = cluster[3];
  const auto batch_of = [&](ClientId client) {
    return std::make_shared<const Batch>(wire::encode_batch(node.now.wall_us, {*request(node, 1, client)}));
  };
  const auto chosen = batch_of(1);
  const auto decided = batch_of(2);
  const Digest chosen_digest = node.authenticator.digest(chosen->bytes);
  const Digest decided_digest = node.authenticator.digest(decided->bytes);
  // View 2 decided the one; the NEW-VIEW of view 1, which nobody has acted on, had chosen the other.
  for (const ReplicaId from : {0U, 1U}) {
    node.step(Received{replica_sender(from), Decided{.seq = 1, .digest = decided_digest}});
  }
  node.step(Received{replica_sender(1), BatchBody{.seq = 1, .batch = decided}});
  REQUIRE(node.core.view().executed == 1);
  std::vector<ViewChange> messages;
  for (const ReplicaId id : {0U, 1U, 2U}) {
    auto content = empty_view_change(node, id, 1).content;
    content.prepared = {{.seq = 1, .view = 0, .digest = chosen_digest}};
    content.recorded = content.prepared;
    messages.push_back(signed_view_change(content));
  }
  node.step(Received{replica_sender(1), new_view_of(node, 1, messages)});
  CHECK(node.core.view().view == 1);
  CHECK(node.alarms.empty());
  CHECK(node.sent_count<Prepare>() == 0);
  cluster.restart(3);
  CHECK(cluster[3].alarms.empty());
  CHECK(cluster[3].core.view().voting);
}

TEST_CASE("a batch that one NEW-VIEW dropped and the next one chose is vouched for again after a restart") {
  Cluster cluster(4);
  auto& node = cluster[3];
  const auto batch = std::make_shared<const Batch>(wire::encode_batch(node.now.wall_us, {*request(node, 1)}));
  const auto other = std::make_shared<const Batch>(wire::encode_batch(node.now.wall_us, {*request(node, 1, 2)}));
  const Digest digest = node.authenticator.digest(batch->bytes);
  node.step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = 1, .batch = batch}});
  const auto new_view = [&](View view, bool chooses) {
    std::vector<ViewChange> messages;
    for (const ReplicaId id : {0U, 1U, 2U}) {
      auto content = empty_view_change(node, id, view).content;
      if (chooses) content.prepared = content.recorded = {{.seq = 1, .view = 0, .digest = digest}};
      messages.push_back(signed_view_change(content));
    }
    return new_view_of(node, view, messages);
  };
  node.step(Received{replica_sender(1), new_view(1, false)});
  node.step(Received{replica_sender(1), PrePrepare{.view = 1, .seq = 1, .batch = other}});
  node.step(Received{replica_sender(2), new_view(2, true)});
  REQUIRE(node.core.view().view == 2);
  cluster.restart(3);
  auto& returned = cluster[3];
  returned.step(Received{replica_sender(2), empty_view_change(returned, 2, 3)});  // its primary gives the view up
  const auto wish = last_sent<ViewChange>(returned);
  REQUIRE(wish);
  REQUIRE(wish->content.recorded.size() == 1);
  CHECK(wish->content.recorded[0].digest == digest);
  REQUIRE(wish->content.dropped_by.size() == 1);
  CHECK(wish->content.dropped_by[0].view == 2);
}

TEST_CASE("a NEW-VIEW that cannot be decided yet is not taken for one that drops nothing") {
  Cluster cluster(4);
  auto& node = cluster[3];
  const auto batch = std::make_shared<const Batch>(wire::encode_batch(node.now.wall_us, {*request(node, 1)}));
  node.step(Received{replica_sender(0), PrePrepare{.view = 0, .seq = 1, .batch = batch}});
  // It wants view 2; a VIEW-CHANGE for it names a NEW-VIEW of view 1 that is undecided on slot 1, and one that is not.
  std::vector<ViewChange> messages;
  for (const ReplicaId id : {0U, 1U, 2U}) messages.push_back(empty_view_change(node, id, 1));
  const auto decided = new_view_of(node, 1, messages);
  auto claims = messages[0].content;
  claims.prepared = {{.seq = 1, .view = 0, .digest = node.authenticator.digest("x")}};
  messages[0] = signed_view_change(claims);
  const auto undecided = new_view_of(node, 1, messages);
  for (const ReplicaId from : {0U, 1U}) {
    auto content = empty_view_change(node, from, 2).content;
    for (const auto* named : {&decided, &undecided}) {
      content.dropped_by.push_back({.view = 1, .digest = node.authenticator.digest(named->body)});
    }
    std::sort(content.dropped_by.begin(), content.dropped_by.end());
    node.step(Received{replica_sender(from), signed_view_change(content)});
  }
  REQUIRE(node.core.view().view == 2);
  CHECK(last_sent<ViewChange>(node)->content.recorded.size() == 1);
  node.step(Received{replica_sender(0), undecided});
  CHECK(last_sent<ViewChange>(node)->content.recorded.size() == 1);
  node.step(Received{replica_sender(0), decided});
  CHECK(last_sent<ViewChange>(node)->content.recorded.empty());
  CHECK(last_sent<ViewChange>(node)->content.dropped_by.size() == 1);
  // The other one is asked for again.
  node.take_sent();
  cluster.pass(3'000'000);
  CHECK(node.sent_count<FetchNewView>() >= 1);
}
