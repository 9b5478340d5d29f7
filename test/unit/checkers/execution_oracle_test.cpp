#include "test/checkers/execution_oracle.h"

#include <doctest/doctest.h>

#include "test/unit/checkers/samples.h"

namespace {

using namespace tagma;
using namespace tagma::checkers;

Executed call(Seq seq, RequestNumber number, std::uint64_t reply = 7, ClientId client = 1) {
  Executed executed;
  executed.seq = seq;
  executed.request = {client, 1, number};
  executed.operation_hash = number;
  executed.reply_hash = reply;
  return executed;
}

struct Fixture {
  Fixture() { oracle.may_agree_on(100); }
  Verdict verdict;
  ExecutionOracle oracle{verdict};
  [[nodiscard]] bool violates(Oracle which) const { return verdict.violated() && verdict.first().oracle == which; }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "equal logs are fine, also when one is a prefix of the other") {
  for (ReplicaId replica = 0; replica < 3; ++replica) {
    oracle.executed(replica, call(1, 1));
    oracle.executed(replica, call(1, 2));
    oracle.advanced(replica, 1);
    oracle.executed_digest(replica, 1, digest_of(1));
  }
  oracle.executed(0, call(2, 3));
  oracle.advanced(0, 2);
  CHECK_FALSE(verdict.violated());
  CHECK(oracle.length() == 3);
  CHECK(oracle.was_executed({1, 1, 3}));
  CHECK_FALSE(oracle.was_executed({1, 1, 4}));
}

TEST_CASE_FIXTURE(Fixture, "another operation in the same place is a disagreement") {
  oracle.executed(0, call(1, 1));
  oracle.executed(1, call(1, 1, 7, 2));
  CHECK(violates(Oracle::agreement));
}

TEST_CASE_FIXTURE(Fixture, "another agreed time is a disagreement") {
  oracle.executed(0, call(1, 1));
  auto other = call(1, 1);
  other.agreed_time_us = 1;
  oracle.executed(1, other);
  CHECK(violates(Oracle::agreement));
}

TEST_CASE_FIXTURE(Fixture, "agreed time stands still or goes on, as far as a correct clock lets it") {
  const auto at = [](Seq seq, TimeUs agreed_time_us) {
    auto executed = call(seq, seq);
    executed.agreed_time_us = agreed_time_us;
    return executed;
  };
  oracle.executed(0, at(1, 90));
  oracle.executed(0, at(2, 90));
  oracle.executed(0, at(3, 100));
  CHECK_FALSE(verdict.violated());
  SUBCASE("back") { oracle.executed(0, at(4, 99)); }
  SUBCASE("too far") { oracle.executed(0, at(4, 101)); }
  CHECK(violates(Oracle::agreement));
}

TEST_CASE_FIXTURE(Fixture, "a slot that is passed without executing its content is a disagreement") {
  oracle.executed(0, call(1, 1));
  oracle.advanced(0, 1);
  oracle.advanced(1, 1);
  CHECK(violates(Oracle::agreement));
}

TEST_CASE_FIXTURE(Fixture, "slots go up, and their digests agree") {
  SUBCASE("order of executions") {
    oracle.executed(0, call(2, 1));
    oracle.executed(0, call(1, 2));
  }
  SUBCASE("order of progress") {
    oracle.advanced(0, 2);
    oracle.advanced(0, 1);
  }
  SUBCASE("digests") {
    oracle.executed_digest(0, 1, digest_of(1));
    oracle.executed_digest(1, 1, digest_of(2));
  }
  CHECK(violates(Oracle::agreement));
}

TEST_CASE_FIXTURE(Fixture, "a different answer to the same operation is a different state") {
  oracle.executed(0, call(1, 1, 7));
  oracle.executed(1, call(1, 1, 8));
  CHECK(violates(Oracle::state_digest));
}

TEST_CASE_FIXTURE(Fixture, "a number is executed once, in order, without gaps") {
  oracle.executed(0, call(1, 1));
  SUBCASE("twice") { oracle.executed(0, call(2, 1)); }
  SUBCASE("gap") { oracle.executed(0, call(2, 3)); }
  CHECK(violates(Oracle::exactly_once));
}

TEST_CASE_FIXTURE(Fixture, "numbers that no service sees may be missing") {
  oracle.expect_unseen({1, 1, 2});
  oracle.executed(0, call(1, 1));
  oracle.executed(0, call(2, 3));
  CHECK_FALSE(verdict.violated());
}

TEST_CASE_FIXTURE(Fixture, "an accepted answer was executed, with that result") {
  oracle.executed(0, call(1, 1, 7));
  oracle.accepted({1, 1, 1}, 7);
  CHECK_FALSE(verdict.violated());
  SUBCASE("other result") { oracle.accepted({1, 1, 1}, 8); }
  SUBCASE("never executed") { oracle.accepted({1, 1, 2}, 7); }
  CHECK(violates(Oracle::acknowledged));
}

TEST_CASE_FIXTURE(Fixture, "a verdict keeps the first violation and can be narrowed") {
  verdict.listen_to({Oracle::agreement});
  oracle.executed(0, call(1, 1));
  oracle.executed(0, call(1, 1));
  CHECK_FALSE(verdict.violated());
  oracle.advanced(0, 2);
  oracle.advanced(0, 1);
  CHECK(violates(Oracle::agreement));
}
