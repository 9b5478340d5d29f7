#include "test/checkers/vote_oracle.h"

#include <doctest/doctest.h>

#include "test/unit/checkers/samples.h"

namespace {

using namespace tagma;
using namespace tagma::checkers;

/// n = 4, quorum 3, replica 3 faulty.
struct Fixture {
  Verdict verdict;
  VoteOracle oracle{verdict, 3, {3}};
  Digest d = digest_of(1);
  Digest e = digest_of(2);

  void expect_violation() const {
    REQUIRE(verdict.violated());
    CHECK(verdict.first().oracle == Oracle::durable_votes);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a slot that rests on a quorum passes") {
  for (ReplicaId replica = 0; replica < 2; ++replica) {
    oracle.pre_prepared(replica, 0, 1, d);
    oracle.sent_prepare(replica, 0, 1, d);
  }
  for (ReplicaId replica = 0; replica < 2; ++replica) {
    oracle.claims_prepared(replica, 0, 1, d);
    oracle.prepared(replica, 0, 1, d);
    oracle.sent_commit(replica, 0, 1, d);
  }
  oracle.executed(0, 1, d);
  oracle.executed(2, 1, d);  // because others decided it
  for (ReplicaId replica = 0; replica < 2; ++replica) {
    oracle.checkpoint_durable(replica, 1, e);
    oracle.sent_checkpoint(replica, 1, e);
  }
  oracle.claims_stable(2, 1, e);
  CHECK_FALSE(verdict.violated());
}

TEST_CASE_FIXTURE(Fixture, "prepared needs a quorum of durable records") {
  oracle.pre_prepared(0, 0, 1, d);
  oracle.pre_prepared(1, 0, 1, e);
  oracle.pre_prepared(2, 1, 1, d);
  oracle.claims_prepared(0, 0, 1, d);
  expect_violation();
}

TEST_CASE_FIXTURE(Fixture, "execution needs a quorum of durable COMMITs of one view") {
  oracle.prepared(0, 0, 1, d);
  oracle.prepared(1, 1, 1, d);
  oracle.executed(0, 1, d);
  expect_violation();
}

TEST_CASE_FIXTURE(Fixture, "stable needs a quorum of durable checkpoints") {
  oracle.checkpoint_durable(0, 8, d);
  oracle.claims_stable(0, 8, d);
  expect_violation();
}

TEST_CASE_FIXTURE(Fixture, "votes wait for their records") {
  SUBCASE("PREPARE") { oracle.sent_prepare(0, 0, 1, d); }
  SUBCASE("COMMIT") {
    oracle.pre_prepared(0, 0, 1, d);
    oracle.sent_commit(0, 0, 1, d);
  }
  SUBCASE("CHECKPOINT") { oracle.sent_checkpoint(0, 8, d); }
  expect_violation();
}

TEST_CASE_FIXTURE(Fixture, "one digest per slot and view") {
  oracle.pre_prepared(0, 0, 1, d);
  SUBCASE("record") { oracle.pre_prepared(0, 0, 1, e); }
  SUBCASE("PREPARE") {
    oracle.sent_prepare(0, 0, 1, d);
    oracle.sent_prepare(0, 0, 1, e);
  }
  SUBCASE("COMMIT") {
    oracle.prepared(0, 0, 1, d);
    oracle.sent_commit(0, 0, 1, d);
    oracle.prepared(0, 0, 1, e);
    oracle.sent_commit(0, 0, 1, e);
  }
  expect_violation();
}

TEST_CASE_FIXTURE(Fixture, "another digest in a later view is legal, and faulty replicas are not judged") {
  oracle.pre_prepared(0, 0, 1, d);
  oracle.sent_prepare(0, 0, 1, d);
  oracle.pre_prepared(0, 1, 1, e);
  oracle.sent_prepare(0, 1, 1, e);
  oracle.sent_prepare(3, 0, 1, d);
  oracle.sent_prepare(3, 0, 1, e);
  oracle.executed(3, 1, e);
  CHECK_FALSE(verdict.violated());
}

TEST_CASE_FIXTURE(Fixture, "who forgot what it voted does not vote there again") {
  oracle.pre_prepared(0, 0, 7, d);
  oracle.sent_prepare(0, 0, 7, d);
  oracle.forgets(0);
  SUBCASE("the same") { oracle.pre_prepared(0, 0, 7, d); }
  SUBCASE("below") { oracle.pre_prepared(0, 0, 6, d); }
  expect_violation();
}

TEST_CASE_FIXTURE(Fixture, "who forgot what it voted votes above it, and what rested on its votes stands") {
  for (ReplicaId replica = 0; replica < 2; ++replica) oracle.pre_prepared(replica, 0, 7, d);
  oracle.forgets(0);
  oracle.claims_prepared(1, 0, 7, d);
  oracle.pre_prepared(0, 0, 8, d);
  oracle.sent_prepare(0, 0, 8, d);
  CHECK_FALSE(verdict.violated());
}

TEST_CASE_FIXTURE(Fixture, "who lost a checkpoint does not vote for it any more") {
  for (ReplicaId replica = 0; replica < 2; ++replica) oracle.checkpoint_durable(replica, 8, e);
  oracle.loses_state(0);
  oracle.claims_stable(1, 8, e);
  CHECK_FALSE(verdict.violated());
  oracle.sent_checkpoint(0, 8, e);
  expect_violation();
}

namespace {

/// A replica that recorded d in slot 1 and knows it to be prepared, and wants a view.
struct WishFixture : Fixture {
  ViewChangeStatement wish_for(View view) {
    for (const ReplicaId id : {0U, 1U, 2U}) oracle.pre_prepared(id, 0, 1, d);
    oracle.prepared(0, 0, 1, d);
    oracle.view_durable(0, view);
    ViewChangeStatement wish;
    wish.replica = 0;
    wish.view = view;
    wish.prepared = wish.recorded = {{.seq = 1, .view = 0, .digest = d}};
    return wish;
  }
  void leave_out(View view, std::optional<ViewChoices> choices, bool seen = true) {
    const NewViewName name{.view = 1, .digest = e};
    if (seen) oracle.saw_new_view(name, std::move(choices));
    auto wish = wish_for(view);
    wish.prepared.clear();
    wish.recorded.clear();
    wish.dropped_by = {name};
    oracle.sent_view_change(0, wish);
  }
};

}  // namespace

TEST_CASE_FIXTURE(WishFixture, "a VIEW-CHANGE says what is durable, with its digest") {
  oracle.sent_view_change(0, wish_for(1));
  CHECK_FALSE(verdict.violated());
}

TEST_CASE_FIXTURE(WishFixture, "another batch is claimed as prepared than the one that is") {
  auto wish = wish_for(1);
  wish.prepared.front().digest = e;
  oracle.sent_view_change(0, wish);
  expect_violation();
}

TEST_CASE_FIXTURE(WishFixture, "a batch is vouched for that was never recorded") {
  auto wish = wish_for(1);
  wish.recorded.push_back({.seq = 2, .view = 0, .digest = e});
  oracle.sent_view_change(0, wish);
  expect_violation();
}

TEST_CASE_FIXTURE(WishFixture, "who knows a batch to be prepared may vouch for it without having recorded it") {
  auto wish = wish_for(1);
  oracle.prepared(0, 0, 2, e);
  wish.prepared.push_back({.seq = 2, .view = 0, .digest = e});
  wish.recorded.push_back({.seq = 2, .view = 0, .digest = e});
  oracle.sent_view_change(0, wish);
  CHECK_FALSE(verdict.violated());
}

TEST_CASE_FIXTURE(WishFixture, "a NEW-VIEW that chose another batch, or none, excuses what is left out") {
  SUBCASE("another") { leave_out(2, ViewChoices{.start = 0, .chosen = {{1, e}}}); }
  SUBCASE("none") { leave_out(2, ViewChoices{}); }
  SUBCASE("not known") { leave_out(2, std::nullopt); }
  CHECK_FALSE(verdict.violated());
}

TEST_CASE_FIXTURE(WishFixture, "a NEW-VIEW that chose this batch, or that there is not, excuses nothing") {
  SUBCASE("this") { leave_out(2, ViewChoices{.start = 0, .chosen = {{1, d}}}); }
  SUBCASE("there is none") { leave_out(2, std::nullopt, false); }
  expect_violation();
}
