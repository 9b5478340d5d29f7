#include "replica/core/request_pool.h"

#include <doctest/doctest.h>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

struct Pool {
  CoreConfig config = toy_config(4, 0);
  RequestPool pool{config};

  RequestPool::Admission offer(ClientId client, SessionId session, RequestNumber first, std::size_t operations = 1,
                               SessionProgress progress = {.open = true}, std::uint32_t relay = 4) {
    const auto bundle =
        toy_bundle(config.membership, client, session, first, std::vector<std::string>(operations, "get a"));
    const auto admission = pool.judge(*bundle, progress, relay);
    if (admission == RequestPool::Admission::admitted) pool.add(bundle, progress, relay, 0);
    return admission;
  }
};

constexpr auto admitted = RequestPool::Admission::admitted;
constexpr auto busy = RequestPool::Admission::busy;

}  // namespace

TEST_CASE("a session's bundles are handed out in the order of their numbers, gaps wait") {
  Pool pool;
  CHECK(pool.offer(1, 7, 3) == admitted);
  CHECK_FALSE(pool.pool.has_ready());
  CHECK(pool.offer(1, 7, 1, 2) == admitted);
  CHECK(pool.pool.has_ready());
  const auto taken = pool.pool.take(100, 1'000'000);
  REQUIRE(taken.size() == 2);
  CHECK(taken[0]->content.first == 1);
  CHECK(taken[1]->content.first == 3);
  CHECK_FALSE(pool.pool.has_ready());
  CHECK(pool.pool.operations() == 3);  // kept until executed
  pool.pool.executed(1, 7, 3, 0);
  CHECK(pool.pool.operations() == 0);
  CHECK(pool.pool.bytes() == 0);
}

TEST_CASE("sessions take turns") {
  Pool pool;
  for (RequestNumber number = 1; number <= 3; ++number) {
    REQUIRE(pool.offer(1, 7, number) == admitted);
    REQUIRE(pool.offer(2, 9, number) == admitted);
  }
  const auto taken = pool.pool.take(4, 1'000'000);
  REQUIRE(taken.size() == 4);
  CHECK(taken[0]->content.client == 1);
  CHECK(taken[1]->content.client == 2);
  CHECK(taken[2]->content.client == 1);
  CHECK(taken[3]->content.client == 2);
}

TEST_CASE("clients take turns, however many sessions one has") {
  Pool pool;
  for (SessionId session = 1; session <= 5; ++session) REQUIRE(pool.offer(1, session, 1) == admitted);
  for (RequestNumber number = 1; number <= 2; ++number) REQUIRE(pool.offer(2, 9, number) == admitted);
  const auto taken = pool.pool.take(4, 1'000'000);
  REQUIRE(taken.size() == 4);
  CHECK(taken[0]->content.session == 1);
  CHECK(taken[1]->content.client == 2);
  CHECK(taken[2]->content.session == 2);
  CHECK(taken[3]->content.client == 2);
  CHECK(pool.pool.take(9, 1'000'000).size() == 3);
  CHECK_FALSE(pool.pool.has_ready());
}

TEST_CASE("C3: a session keeps its place when something of it is executed") {
  Pool pool;
  for (const SessionId session : {SessionId{7}, SessionId{9}}) {
    REQUIRE(pool.offer(1, session, 1, 2) == admitted);
    REQUIRE(pool.offer(1, session, 3, 3) == admitted);
  }
  REQUIRE(pool.offer(2, 8, 1) == admitted);
  REQUIRE(pool.offer(2, 8, 2) == admitted);
  REQUIRE(pool.pool.take(5, 1'000'000).size() == 3);  // the first ones of 7, 8 and 9; 8 is next, then 7
  pool.pool.executed(2, 8, 1, 20);                    // its client is before the other one still
  pool.pool.executed(1, 7, 1, 20);                    // a part of a bundle
  pool.pool.executed(1, 7, 2, 20);                    // and it is before 9 still
  CHECK(pool.pool.ready_operations() == 7);
  CHECK(pool.pool.oldest_ready_us() == 0);
  const auto taken = pool.pool.take(100, 1'000'000);
  REQUIRE(taken.size() == 3);
  CHECK(taken[0]->content.session == 8);
  CHECK(taken[0]->content.first == 2);
  CHECK(taken[1]->content.session == 7);
  CHECK(taken[1]->content.first == 3);
  CHECK(taken[2]->content.session == 9);
}

TEST_CASE("a session that waits with what others ordered, or is refused, leaves the line") {
  Pool pool;
  REQUIRE(pool.offer(1, 7, 1, 4) == admitted);
  REQUIRE(pool.offer(1, 7, 3, 5) == admitted);
  REQUIRE(pool.offer(2, 8, 1) == admitted);
  pool.pool.executed(1, 7, 4, 20);  // nothing of it had been handed out: another bundle is its next one
  CHECK(pool.pool.ready_operations() == 6);
  const auto taken = pool.pool.take(1, 1'000'000);
  REQUIRE(taken.size() == 1);
  CHECK(taken[0]->content.session == 8);
  CHECK(pool.pool.ready_operations() == 5);
  pool.pool.executed(1, 7, 0, 20);
  CHECK_FALSE(pool.pool.has_ready());
  CHECK(pool.pool.ready_operations() == 0);
  REQUIRE(pool.pool.sessions().size() == 1);
}

TEST_CASE("P4: what is owed is each session's lowest unexecuted request, since it is here") {
  Pool pool;
  CHECK(pool.pool.waiting().empty());
  const auto add = [&](SessionId session, RequestNumber first, MonotonicUs now_us) {
    const auto bundle = toy_bundle(pool.config.membership, 1, session, first, {"get a"});
    pool.pool.add(bundle, {.open = true, .last_executed = 0}, 4, now_us);
  };
  add(7, 2, 100);
  CHECK(pool.pool.waiting().empty());  // number 1 is not here
  add(7, 1, 200);
  add(8, 1, 300);
  REQUIRE(pool.pool.waiting().size() == 2);
  CHECK(pool.pool.waiting()[0].since_us == 200);
  CHECK(pool.pool.waiting()[1].backlog_operations == 3);
  pool.pool.relayed(1, 8, 350);
  pool.pool.executed(1, 7, 1, 400);  // another session's progress changes nothing for this one
  REQUIRE(pool.pool.waiting().size() == 2);
  CHECK(pool.pool.waiting()[0].since_us == 400);
  CHECK(pool.pool.waiting()[0].bundle->content.first == 2);
  CHECK(pool.pool.waiting()[1].since_us == 300);
  CHECK(pool.pool.waiting()[1].relayed_us == 350);
}

TEST_CASE("C3: of the sessions that a client wants to open one is owed, the oldest") {
  Pool pool;
  for (SessionId session = 1; session <= 3; ++session) {
    const auto bundle = toy_bundle(pool.config.membership, 1, session, 1, {"get a"});
    pool.pool.add(bundle, {}, 4, static_cast<MonotonicUs>(100 * (4 - session)));
  }
  REQUIRE(pool.pool.waiting().size() == 1);
  CHECK(pool.pool.waiting()[0].session == 3);
}

TEST_CASE("another view hands out again what was not executed, but not what its batches hold") {
  Pool pool;
  for (RequestNumber number = 1; number <= 3; ++number) REQUIRE(pool.offer(1, 7, number) == admitted);
  REQUIRE(pool.offer(2, 9, 1) == admitted);
  const auto first = pool.pool.take(9, 1'000'000);
  REQUIRE(first.size() == 4);
  pool.pool.executed(1, 7, 1, 10);
  CHECK_FALSE(pool.pool.has_ready());
  pool.pool.hand_out_again(20);
  pool.pool.ordered(first[1]->content, 20);  // client 2's
  const auto again = pool.pool.take(9, 1'000'000);
  REQUIRE(again.size() == 2);
  CHECK(again[0]->content.first == 2);
  CHECK(again[1]->content.first == 3);
  CHECK_FALSE(pool.pool.has_ready());
}

TEST_CASE("what was decided above a missing number is handed out again, once that number has come") {
  Pool pool;
  for (RequestNumber number = 1; number <= 2; ++number) REQUIRE(pool.offer(1, 7, number) == admitted);
  const auto first = pool.pool.take(9, 1'000'000);
  REQUIRE(first.size() == 2);
  // The slot of number 1 became a null batch, the next one was decided as it was: nothing is executed.
  pool.pool.executed(1, 7, 0, 10);
  REQUIRE(pool.offer(1, 7, 1) == admitted);
  REQUIRE(pool.offer(1, 7, 2) == admitted);
  const auto second = pool.pool.take(9, 1'000'000);
  REQUIRE(second.size() == 2);
  pool.pool.executed(1, 7, 1, 20);
  pool.pool.decided(second[1]->content, 20);
  const auto again = pool.pool.take(9, 1'000'000);
  REQUIRE(again.size() == 1);
  CHECK(again[0]->content.first == 2);
  pool.pool.executed(1, 7, 2, 30);
  pool.pool.decided(second[1]->content, 30);
  CHECK_FALSE(pool.pool.has_ready());
}

TEST_CASE("C3, trace E: a full quota refuses more, never a session's lowest unexecuted number") {
  Pool pool;
  pool.config.session_pending_operations_max = 2;
  CHECK(pool.offer(1, 7, 2) == admitted);
  CHECK(pool.offer(1, 7, 3) == admitted);
  CHECK(pool.offer(1, 7, 4) == busy);
  CHECK(pool.offer(1, 7, 1) == admitted);  // reserved room
  CHECK(pool.offer(2, 9, 1) == admitted);
}

TEST_CASE("C3: the reserved room is for one bundle, however many hold the lowest number") {
  // Found by the simulator: bundles with other first numbers that overlap the lowest one had no limit.
  Pool pool;
  pool.config.session_pending_operations_max = 20;
  const SessionProgress progress{.open = true, .last_executed = 10};
  CHECK(pool.offer(1, 7, 12, 20, progress) == admitted);
  CHECK(pool.offer(1, 7, 11, 9, progress) == admitted);
  for (RequestNumber first = 2; first <= 10; ++first) CHECK(pool.offer(1, 7, first, 12, progress) == busy);
  CHECK(pool.pool.operations() == 29);
}

TEST_CASE("C3: bytes of one client and of all are bounded") {
  Pool pool;
  pool.config.client_pending_bytes_max = 700;
  std::size_t taken = 0;
  for (RequestNumber number = 2; number < 50; ++number) taken += pool.offer(1, 7, number) == admitted ? 1U : 0U;
  CHECK(taken >= 1);
  CHECK(taken < 10);
  CHECK(pool.pool.bytes() <= 700);
  CHECK(pool.offer(2, 9, 2) == admitted);  // another client has its own room
}

TEST_CASE("C6: the first payload of a number stays, another one is known already") {
  Pool pool;
  CHECK(pool.offer(1, 7, 1) == admitted);
  CHECK(pool.offer(1, 7, 1, 2) == RequestPool::Admission::known);
}

TEST_CASE("openings are bounded per client and relay, and given back when the session opens") {
  Pool pool;
  pool.config.openings_per_relay_max = 2;
  const SessionProgress unopened;
  CHECK(pool.offer(1, 1, 1, 1, unopened) == admitted);
  CHECK(pool.offer(1, 2, 1, 1, unopened) == admitted);
  CHECK(pool.offer(1, 3, 1, 1, unopened) == RequestPool::Admission::too_many_sessions);
  CHECK(pool.offer(1, 3, 1, 1, unopened, 2) == admitted);  // by way of replica 2
  CHECK(pool.offer(2, 3, 1, 1, unopened) == admitted);
  pool.pool.executed(1, 1, 1, 0);
  CHECK(pool.offer(1, 4, 1, 1, unopened) == admitted);
}

TEST_CASE("only number 1 opens a session: nothing else takes room that openings need") {
  Pool pool;
  const SessionProgress unopened;
  CHECK(pool.offer(1, 1, 2, 1, unopened) == busy);
  CHECK(pool.offer(1, 1, 1, 1, unopened) == admitted);
  CHECK(pool.offer(1, 1, 2, 1, unopened) == admitted);
}

TEST_CASE("overlapping bundles of a faulty client keep the accounts straight") {
  Pool pool;
  REQUIRE(pool.offer(1, 7, 1, 10) == admitted);
  REQUIRE(pool.offer(1, 7, 1 + 3, 20) == admitted);
  REQUIRE(pool.offer(1, 7, 1 + 2, 1) == admitted);
  const auto taken = pool.pool.take(100, 1'000'000);
  CHECK(taken.size() == 2);  // 1..10, then 4..23 from number 11 on
  CHECK(pool.pool.ready_operations() == 0);
  pool.pool.executed(1, 7, 23, 0);
  CHECK(pool.pool.operations() == 0);
  CHECK(pool.pool.bytes() == 0);
}
