#include "test/checkers/life_model.h"

#include <doctest/doctest.h>

#include "test/unit/checkers/samples.h"

namespace {

using namespace tagma;
using namespace tagma::checkers;

std::vector<Rejoin> rejoin(ReplicaId replica, Incarnation incarnation, std::uint8_t nonce) {
  Rejoin made;
  made.content.replica = replica;
  made.content.incarnation = incarnation;
  made.content.nonce = digest_of(nonce);
  return {made};
}

}  // namespace

TEST_CASE("a life votes above its boundary, the one before it nowhere once the next is ordered") {
  LifeModel model(4, 10);
  CHECK(model.may_vote(2, {}, 1));
  CHECK_FALSE(model.may_vote(2, digest_of(1), 1));
  model.decided(5, rejoin(2, 0, 1));  // boundary 8 + 10
  CHECK_FALSE(model.may_vote(2, {}, 30));
  CHECK_FALSE(model.may_vote(2, digest_of(1), 18));
  CHECK(model.may_vote(2, digest_of(1), 19));
  CHECK(model.may_vote(1, {}, 6));
}

TEST_CASE("a REJOIN of a life that is over changes nothing, nor one that comes too early") {
  LifeModel model(4, 10);
  model.decided(4, rejoin(2, 0, 1));  // boundary 4 + 10
  model.decided(20, rejoin(2, 0, 2));
  CHECK(model.may_vote(2, digest_of(1), 15));
  model.decided(24, rejoin(2, 1, 3));
  CHECK(model.may_vote(2, digest_of(1), 30));
  model.decided(25, rejoin(2, 1, 4));  // boundary 28 + 10
  CHECK_FALSE(model.may_vote(2, digest_of(1), 30));
  CHECK(model.may_vote(2, digest_of(4), 39));
}
