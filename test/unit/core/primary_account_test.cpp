// The rules by which one backup holds the primary to its work, alone: pressing, fair turns, the account, lenience.
#include "replica/core/primary_account.h"

#include <doctest/doctest.h>

#include "replica/core/lenience.h"
#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

constexpr MonotonicUs round_us = 10'000;
constexpr PressedRequests::Rules rules{.under_way_max = 4, .sessions_waiting_max = 8};

UnproposedRequest waiting(ClientId client, SessionId session, MonotonicUs since_us) {
  return {.client = client,
          .session = session,
          .number = 1,
          .bundle = toy_bundle(toy_config(4, 0).membership, client, session, 1, {"set a 1"}),
          .since_us = since_us};
}

Batch batch_of(const std::vector<std::pair<ClientId, SessionId>>& turns) {
  std::vector<SignedBundle> bundles;
  for (const auto& [client, session] : turns) {
    bundles.push_back(*toy_bundle(toy_config(4, 0).membership, client, session, 1, {"set a 1"}));
  }
  return wire::encode_batch(1, std::move(bundles));
}

/// Pressed, and past the proposals that may have been under way.
PressedRequests pressed(MonotonicUs& now_us, const std::vector<UnproposedRequest>& requests) {
  PressedRequests result(rules);
  for (int look = 0; look < 4; ++look, now_us += round_us) {
    result.update(now_us, requests);
    std::ignore = result.take_due(now_us, round_us);
  }
  REQUIRE(result.pressed_since_us());
  const auto batch = batch_of({{2, 9}});
  for (std::uint32_t at = 0; at < rules.under_way_max; ++at)
    result.proposed(now_us, {.seq = 1, .batch = batch, .full = false});
  REQUIRE_FALSE(result.passed_over_since_us(1));
  return result;
}

}  // namespace

TEST_CASE("a request is pressed on the primary, a round later on all, and counts two rounds after that") {
  PressedRequests requests(rules);
  std::vector<bool> to_all;
  std::vector<MonotonicUs> at_us;
  for (MonotonicUs now_us = 0; now_us <= 60'000; now_us += 2'000) {
    requests.update(now_us, {waiting(1, 5, 1)});
    for (const auto& press : requests.take_due(now_us, round_us)) {
      to_all.push_back(press.to_all);
      at_us.push_back(now_us);
    }
    CHECK(requests.pressed_since_us().has_value() == (now_us >= 3 * round_us));
  }
  CHECK(to_all == std::vector<bool>{false, true, false, false});
  CHECK(at_us == std::vector<MonotonicUs>{0, 10'000, 30'000, 50'000});
}

TEST_CASE("what was proposed or executed is pressed no more, and a session's next number begins anew") {
  MonotonicUs now_us = 0;
  auto requests = pressed(now_us, {waiting(1, 5, 1)});
  requests.update(now_us, {waiting(1, 5, 2)});
  CHECK_FALSE(requests.pressed_since_us());
  CHECK(requests.take_due(now_us, round_us).size() == 1);
  requests.update(now_us, {});
  CHECK(requests.take_due(now_us + 10 * round_us, round_us).empty());
}

TEST_CASE("few are pressed at the same time: of those that wait longest, and of the newest") {
  PressedRequests requests(rules);
  std::vector<UnproposedRequest> many;
  for (SessionId session = 1; session <= 100; ++session) many.push_back(waiting(1, session, 1));
  requests.update(0, many);
  CHECK(requests.take_due(0, round_us).size() == 8);
  for (SessionId session = 1; session <= 100; ++session) {
    CHECK(requests.tracks(1, session) == (session <= 4 || session > 96));
  }
  // Each kind has its own places: one that is starved among many that are not comes to be the oldest, and has one.
  for (MonotonicUs now_us = 1; now_us < 50; ++now_us) {
    many = {waiting(1, 50, 1)};
    for (SessionId session = 200; session < 300; ++session) many.push_back(waiting(1, session, now_us));
    requests.update(now_us, many);
    std::ignore = requests.take_due(now_us, round_us);
  }
  CHECK(requests.tracks(1, 50));
}

TEST_CASE("P7: a batch with room that leaves a pressed request out is wrong; a full one is not") {
  for (const bool full : {false, true}) {
    MonotonicUs now_us = 0;
    auto requests = pressed(now_us, {waiting(1, 5, 1)});
    requests.proposed(now_us, {.seq = 1, .batch = batch_of({{2, 5}}), .full = full});
    CHECK(requests.passed_over_since_us(1).has_value() == !full);
  }
}

TEST_CASE("P6: in full batches every client gets a turn before another one gets its third") {
  MonotonicUs now_us = 0;
  auto requests = pressed(now_us, {waiting(1, 5, 1)});
  requests.proposed(now_us, {.seq = 1, .batch = batch_of({{2, 5}, {3, 5}, {2, 6}, {3, 6}}), .full = true});
  CHECK_FALSE(requests.passed_over_since_us(1));
  requests.proposed(now_us, {.seq = 1, .batch = batch_of({{2, 7}}), .full = true});
  CHECK(requests.passed_over_since_us(1));
}

TEST_CASE("P6: turns of other sessions of the same client allow the others as many, and each session one before it") {
  MonotonicUs now_us = 0;
  auto requests = pressed(now_us, {waiting(1, 5, 1)});
  for (SessionId session = 6; session < 11; ++session) {
    requests.proposed(now_us, {.seq = 1, .batch = batch_of({{1, session}, {2, session}, {3, session}}), .full = true});
  }
  CHECK_FALSE(requests.passed_over_since_us(1));
  for (int turn = 0; turn < 2; ++turn) requests.proposed(now_us, {.seq = 1, .batch = batch_of({{1, 6}}), .full = true});
  CHECK(requests.passed_over_since_us(1));
  // More sessions than a client can have waiting.
  requests = pressed(now_us, {waiting(1, 5, 1)});
  for (SessionId session = 6; session < 17; ++session) {
    CHECK_FALSE(requests.passed_over_since_us(1));
    requests.proposed(now_us, {.seq = 1, .batch = batch_of({{1, session}}), .full = true});
  }
  CHECK(requests.passed_over_since_us(1));
}

TEST_CASE("P3: a primary may waste a tenth of the time, and the timeout at once") {
  constexpr MonotonicUs timeout_us = 400'000;
  WasteAccount account;
  for (int look = 0; look < 100'000; ++look) account.pass(10'000, 1'000, 0);
  CHECK_FALSE(account.overdrawn(timeout_us, 0));
  account.pass(390'000, 390'000, 0);
  CHECK_FALSE(account.overdrawn(timeout_us, 0));  // one stall
  account.begin();
  int looks = 0;
  for (; !account.overdrawn(timeout_us, 0); ++looks) account.pass(10'000, 5'000, 0);
  CHECK(looks == 100);  // half of the time: four tenths too much, so that 400 ms are reached after one second
  for (looks = 0; looks < 100'000; ++looks) account.pass(10'000, 2'000, 1);
  CHECK_FALSE(account.overdrawn(timeout_us, 1));  // the doubled allowance
}

TEST_CASE("the allowance doubles for f+1 different primaries only, and goes back where one serves well") {
  Lenience lenience(2, 4);
  for (int time = 0; time < 100; ++time) lenience.given_up(3);
  CHECK(lenience.doublings() == 0);  // a faulty one, again and again
  lenience.given_up(0);
  CHECK(lenience.doublings() == 1);
  lenience.given_up(1);
  CHECK(lenience.doublings() == 1);
  lenience.given_up(2);
  CHECK(lenience.doublings() == 2);
  lenience.served_well();
  CHECK(lenience.doublings() == 1);
  lenience.given_up(1);
  lenience.served_well();
  lenience.served_well();
  CHECK(lenience.doublings() == 0);
  lenience.given_up(2);  // the one before has been forgiven meanwhile
  CHECK(lenience.doublings() == 0);
  for (int time = 0; time < 100; ++time) lenience.given_up(static_cast<ReplicaId>(time));
  CHECK(lenience.doublings() == 4);
}
