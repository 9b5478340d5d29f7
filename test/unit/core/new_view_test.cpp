// The decision of a new view, case by case; all small worlds are in new_view_enumeration_test.cpp.
#include "replica/core/new_view.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace tagma;

namespace {

Digest digest_named(std::uint8_t name) {
  Digest result;
  result.bytes[0] = name;
  return result;
}

const Digest null_batch = digest_named(200);
const Digest x = digest_named(1);
const Digest y = digest_named(2);

DecisionRules rules_of(std::uint32_t quorum, std::uint32_t weak_quorum, Seq window = 1) {
  return {.quorum = quorum, .weak_quorum = weak_quorum, .window = window, .null_digest = null_batch, .genesis_slot = 0};
}

/// The VIEW-CHANGEs of replicas 0, 1, ... by what they say.
struct ViewChanges {
  std::vector<ViewChangeStatement> all;

  explicit ViewChanges(std::size_t count) : all(count) {
    for (std::size_t i = 0; i < count; ++i) all[i].replica = static_cast<ReplicaId>(i);
  }
  ViewChanges& recorded(std::size_t replica, const Digest& digest, View view, Seq seq = 1) {
    all[replica].recorded.push_back({seq, view, digest});
    return *this;
  }
  ViewChanges& prepared(std::size_t replica, const Digest& digest, View view, Seq seq = 1) {
    all[replica].prepared.push_back({seq, view, digest});
    return recorded(replica, digest, view, seq);
  }
  [[nodiscard]] std::optional<ViewChoices> decide(
      const DecisionRules& rules, Seq settled = 0,
      const VoterOf& voter_of = [](ReplicaId, Seq) { return Incarnation{0}; }) const {
    std::vector<const ViewChangeStatement*> statements;
    for (const auto& statement : all) statements.push_back(&statement);
    return decide_new_view(statements, rules, settled, voter_of);
  }
};

}  // namespace

TEST_CASE("trace D: of two digests that satisfy both conditions in one view the smallest is chosen by everybody") {
  // n = 7. Replicas 0, 1 and 2 recorded one digest, which 0 prepared; 3 and 4 recorded the other. Liar 5 claims to have
  // prepared that one, liar 6 says nothing.
  for (const auto& [honest, lied] : {std::pair(x, y), std::pair(y, x)}) {
    ViewChanges said(7);
    said.prepared(0, honest, 3).recorded(1, honest, 3).recorded(2, honest, 3);
    said.recorded(3, lied, 3).recorded(4, lied, 3).prepared(5, lied, 3);
    for (std::size_t turn = 0; turn < said.all.size(); ++turn) {
      std::rotate(said.all.begin(), said.all.begin() + 1, said.all.end());
      const auto choices = said.decide(rules_of(5, 3));
      REQUIRE(choices);
      CHECK(choices->chosen == std::map<Seq, Digest>{{1, x}});
    }
  }
}

TEST_CASE("B4: {nothing, nothing, a lying P} waits for the fourth VIEW-CHANGE") {
  ViewChanges said(3);
  said.prepared(2, x, 0);
  CHECK(!said.decide(rules_of(3, 2)));
  said.all.emplace_back().replica = 3;
  const auto choices = said.decide(rules_of(3, 2));
  REQUIRE(choices);
  CHECK(choices->chosen.empty());
}

TEST_CASE("a higher view beats a smaller digest, and a Q entry of a later view vouches for an earlier one") {
  ViewChanges said(4);
  said.prepared(0, x, 1).prepared(1, y, 2).recorded(2, y, 4).recorded(3, x, 1);
  const auto choices = said.decide(rules_of(3, 2));
  REQUIRE(choices);
  CHECK(choices->chosen == std::map<Seq, Digest>{{1, y}});
}

TEST_CASE("the VIEW-CHANGE of a life that does not vote on the slot is not counted") {
  // Slot 1 is still the old life's of replica 2, slot 2 the new one's.
  const VoterOf voter_of = [](ReplicaId replica, Seq seq) -> Incarnation { return replica == 2 && seq >= 2 ? 1 : 0; };
  const VoterOf untold = [](ReplicaId replica, Seq) -> std::optional<Incarnation> {
    if (replica == 2) return std::nullopt;
    return Incarnation{0};
  };
  ViewChanges said(3);
  CHECK(said.decide(rules_of(3, 2, 1), 0, voter_of));
  CHECK(!said.decide(rules_of(3, 2, 2), 0, voter_of));
  CHECK(!said.decide(rules_of(3, 2, 1), 0, untold));
  said.all[2].incarnation = 1;
  CHECK(!said.decide(rules_of(3, 2, 1), 0, voter_of));
  CHECK(said.decide(rules_of(3, 2, 2), 1, voter_of));

  // As a voucher it counts for the slots of its own life only.
  ViewChanges vouched(4);
  vouched.recorded(0, x, 0).prepared(3, x, 0).recorded(2, x, 0);
  CHECK(vouched.decide(rules_of(3, 2), 0, voter_of)->chosen == std::map<Seq, Digest>{{1, x}});
  vouched.all[0].recorded.clear();
  CHECK(vouched.decide(rules_of(3, 2), 0, voter_of)->chosen == std::map<Seq, Digest>{{1, x}});
  vouched.all[2].incarnation = 1;
  CHECK(!vouched.decide(rules_of(3, 2), 0, voter_of));
}

TEST_CASE("null batches fill the slots below the highest chosen one, those above it are free") {
  ViewChanges said(3);
  for (const Seq seq : {Seq{2}, Seq{4}}) said.prepared(0, x, 0, seq).recorded(1, x, 0, seq);
  const auto choices = said.decide(rules_of(3, 2, 6));
  REQUIRE(choices);
  CHECK(choices->start == 0);
  CHECK(choices->last() == 4);
  CHECK(choices->chosen == std::map<Seq, Digest>{{1, null_batch}, {2, x}, {3, null_batch}, {4, x}});
  CHECK(ViewChanges(3).decide(rules_of(3, 2, 6))->chosen.empty());
}

TEST_CASE("slots up to the highest certificate or the settled slot are not looked at") {
  ViewChanges said(3);
  said.prepared(0, x, 0, 1);  // alone it is undecided
  said.prepared(0, y, 0, 5).recorded(1, y, 0, 5);
  CHECK(!said.decide(rules_of(3, 2, 6)));
  const auto choices = said.decide(rules_of(3, 2, 6), 3);
  REQUIRE(choices);
  CHECK(choices->start == 0);
  CHECK(choices->chosen == std::map<Seq, Digest>{{4, null_batch}, {5, y}});

  // A certificate moves the window of the others too.
  CheckpointVote vote;
  vote.content.seq = 4;
  said.all[2].certificate.votes.push_back(vote);
  const auto later = said.decide(rules_of(3, 2, 6));
  REQUIRE(later);
  CHECK(later->start == 4);
  CHECK(later->chosen == std::map<Seq, Digest>{{5, y}});
}
