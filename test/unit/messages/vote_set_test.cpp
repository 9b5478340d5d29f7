#include "messages/vote_set.h"

#include <doctest/doctest.h>

namespace tagma {
namespace {

using Votes = VoteSet<int>;

TEST_CASE("votes of distinct members count, repeated ones once") {
  Votes votes;
  CHECK(votes.add(0, 7) == Votes::Outcome::counted);
  CHECK(votes.add(0, 7) == Votes::Outcome::repeated);
  CHECK(votes.add(0, 7) == Votes::Outcome::repeated);
  CHECK(votes.count(7) == 1);
  CHECK(votes.size() == 1);
  CHECK_FALSE(votes.reached(2));
  CHECK(votes.add(3, 7) == Votes::Outcome::counted);
  CHECK(votes.count(7) == 2);
  CHECK(votes.reached(2) == 7);
  CHECK_FALSE(votes.reached(3));
}

TEST_CASE("a contradiction is reported and the first vote stays") {
  Votes votes;
  CHECK(votes.add(1, 7) == Votes::Outcome::counted);
  CHECK(votes.add(1, 8) == Votes::Outcome::contradiction);
  CHECK(votes.count(7) == 1);
  CHECK(votes.count(8) == 0);
  REQUIRE(votes.find(1) != nullptr);
  CHECK(*votes.find(1) == 7);
  CHECK(votes.add(1, 7) == Votes::Outcome::repeated);
}

TEST_CASE("votes for other values do not help a value") {
  Votes votes;
  for (ReplicaId member = 0; member < 6; ++member) votes.add(member, member % 2 == 0 ? 1 : 2);
  CHECK(votes.size() == 6);
  CHECK_FALSE(votes.reached(4));
  votes.add(6, 2);
  CHECK(votes.reached(4) == 2);
}

TEST_CASE("of several values that reach the threshold the smallest is named") {
  Votes votes;
  votes.add(0, 9);
  votes.add(1, 9);
  votes.add(2, 4);
  votes.add(3, 4);
  CHECK(votes.reached(2) == 4);
}

TEST_CASE("an erased member may vote anew, and clear forgets all") {
  Votes votes;
  votes.add(0, 1);
  votes.add(1, 1);
  votes.erase(0);
  CHECK(votes.find(0) == nullptr);
  CHECK(votes.count(1) == 1);
  CHECK(votes.add(0, 2) == Votes::Outcome::counted);
  CHECK(votes.votes().size() == 2);
  votes.clear();
  CHECK(votes.size() == 0);
  CHECK_FALSE(votes.reached(1));
}

}  // namespace
}  // namespace tagma
