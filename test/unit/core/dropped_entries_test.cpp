// What a replica dropped because of a NEW-VIEW, over restarts: it must go on saying why it is gone, or another one that
// still has it lacks vouchers for ever (docs/protocol.md, "That a new view is always decided").
#include <doctest/doctest.h>

#include <algorithm>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

ViewChange vouching_view_change(const Node& node, ReplicaId replica, View view, Seq seq, View of,
                                const Digest& digest) {
  auto content = empty_view_change(node, replica, view).content;
  content.recorded = {{.seq = seq, .view = of, .digest = digest}};
  return signed_view_change(std::move(content));
}

/// n = 4; c leads view 0, a view 1, z, which is faulty, view 2, and b view 3.
struct Story {
  static constexpr ReplicaId c = 0, a = 1, z = 2, b = 3;
  Cluster cluster{4};
  Digest d;  ///< the batch

  void hand(ReplicaId from, ReplicaId to, const Message& message) {
    cluster[to].step(Received{replica_sender(from), message});
  }
  void forget_sent() {
    for (auto& node : cluster.nodes) node->take_sent();
  }

  void c_alone_has_it_prepared() {
    // View 0: slot 1 is prepared at c alone; a has recorded it, b has not seen it. The COMMIT is lost.
    cluster.submit(c, request(cluster[c], 1));
    const auto proposal = last_sent<PrePrepare>(cluster[c]);
    REQUIRE(proposal);
    d = cluster[c].authenticator.digest(proposal->batch->bytes);
    cluster.deliver_all([&](ReplicaId from, ReplicaId to, const Message& message) {
      return !std::holds_alternative<Commit>(message) && ((from == c && to == a) || (from == a && to == c));
    });
    hand(z, c, Prepare{.view = 0, .seq = 1, .digest = d});
    REQUIRE(cluster[c].sent_count<Commit>() == 1);
    forget_sent();
  }

  void a_drops_it_in_view_1() {
    // View 1 of a, b, z, without c: slot 1 is free, a drops what it had recorded.
    hand(a, b, Status{});  // it is heard: else nobody is blamed
    hand(z, b, Status{});
    cluster.submit(b, request(cluster[b], 1, 2));
    cluster[b].take_sent();
    for (int at = 0; at < 40 && cluster[b].core.view().active; ++at) {
      cluster[b].now.monotonic_us += 25'000;
      cluster[b].now.wall_us += 25'000;
      cluster[b].step(Woken{});
    }
    REQUIRE(cluster[b].core.view().view == 1);
    hand(b, a, *last_sent<ViewChange>(cluster[b]));
    hand(z, a, empty_view_change(cluster[a], z, 1));
    REQUIRE(cluster[a].core.view().view == 1);
    REQUIRE(cluster[a].core.view().active);
    const auto nv1 = last_sent<NewView>(cluster[a]);
    REQUIRE(nv1);
    hand(a, b, *nv1);
    forget_sent();
  }

  void a_returns_and_enters_view_2() {
    // a crashes and returns with its disk. It leads no view of before, and wants the next one.
    cluster.restart(a);
    REQUIRE(cluster[a].core.view().view == 2);
    const auto a2 = last_sent<ViewChange>(cluster[a]);
    REQUIRE(a2);
    CHECK(a2->content.recorded.empty());
    CHECK(a2->content.dropped_by.size() == 1);  // NEW-VIEW(1): named still
    // View 2, led by z: of a, b and z again. (An honest primary of it would do the same.)
    hand(a, b, *a2);
    hand(z, b, empty_view_change(cluster[b], z, 2));
    REQUIRE(cluster[b].core.view().view == 2);
    const auto b2 = last_sent<ViewChange>(cluster[b]);
    const auto nv2 = new_view_of(cluster[a], 2, {*a2, empty_view_change(cluster[a], z, 2), *b2});
    hand(z, a, nv2);
    hand(z, b, nv2);
    REQUIRE(cluster[a].core.view().active);
    REQUIRE(cluster[b].core.view().active);
    forget_sent();
    cluster.pass(60'000);
    forget_sent();
  }

  void view_3_chooses_it_and_ends_before_the_others_have_it() {
    // View 3, led by b. z gives view 2 up, and claims to have recorded what c prepared.
    for (const ReplicaId to : {a, b}) hand(z, to, vouching_view_change(cluster[to], z, 3, 1, 0, d));
    REQUIRE(cluster[a].core.view().view == 3);
    REQUIRE(cluster[b].core.view().view == 3);
    const auto b3 = last_sent<ViewChange>(cluster[b]);
    hand(b, c, *b3);
    hand(z, c, vouching_view_change(cluster[c], z, 3, 1, 0, d));
    REQUIRE(cluster[c].core.view().view == 3);
    CHECK(cluster[c].sent_count<FetchNewView>() >= 1);  // that is lost, or its answer is
    const auto c3 = last_sent<ViewChange>(cluster[c]);
    CHECK(c3->content.prepared.size() == 1);
    hand(c, b, *c3);
    REQUIRE(cluster[b].core.view().active);  // b decides with c and z: slot 1 is d
    const auto nv3 = last_sent<NewView>(cluster[b]);
    REQUIRE(nv3);
    hand(b, a, *nv3);
    hand(b, c, *nv3);
    for (const ReplicaId id : {a, b, c}) {
      REQUIRE(cluster[id].core.view().view == 3);
      REQUIRE(cluster[id].core.view().active);
    }
    // c is cut off until a and b have left the view: they lack the batch.
    forget_sent();
    const Passes apart = [&](ReplicaId from, ReplicaId to, const Message& message) {
      return from != c && to != c && from != z && to != z && !std::holds_alternative<Submit>(message);
    };
    for (int at = 0; at < 60 && cluster[a].core.view().view == 3; ++at) {
      cluster.pass(25'000);
      cluster.deliver_all(apart);
    }
    REQUIRE(cluster[a].core.view().view == 4);
    forget_sent();
  }
};

}  // namespace

TEST_CASE("after a restart the NEW-VIEW that dropped an entry is named when another one is entered too") {
  Story story;
  auto& cluster = story.cluster;
  story.c_alone_has_it_prepared();
  story.a_drops_it_in_view_1();
  story.a_returns_and_enters_view_2();
  story.view_3_chooses_it_and_ends_before_the_others_have_it();
  // From here on all correct replicas are connected, for ever; z is silent, nobody fails any more.
  const Passes healed = [&](ReplicaId from, ReplicaId to, const Message&) {
    return from != Story::z && to != Story::z;
  };
  for (const ReplicaId id : {Story::a, Story::b, Story::c}) cluster.submit(id, request(cluster[id], 1, 3));
  bool served = false;
  for (int round = 0; round < 12 && !served; ++round) {
    served = settle(
        cluster, [&] { return cluster[Story::a].core.view().executed >= 1; }, healed);
  }
  CHECK(served);
}
