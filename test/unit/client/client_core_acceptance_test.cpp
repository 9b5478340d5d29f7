// When the client believes a reply: attacks, section F, rules 1 to 6 and 9.
#include <doctest/doctest.h>

#include <limits>

#include "test/unit/client/core_harness.h"

namespace tagma {
namespace {

using test::Harness;
using test::make_config;

TEST_CASE("f+1 matching replies of distinct replicas complete a request, fewer do not") {
  for (const std::uint32_t n : {4U, 5U, 6U, 7U, 8U, 10U}) {
    CAPTURE(n);
    Harness client(make_config(n));
    const std::uint32_t needed = client.config().membership.weak_quorum();
    const auto number = client.submit_and_flush("put");
    for (ReplicaId from = 0; from + 1 < needed; ++from) client.reply(from, number, "ok");
    CHECK(client.take_completed().empty());
    CHECK(client.core().best_match(number) == needed - 1);
    CHECK(client.core().outstanding() == 1);
    client.reply(n - 1, number, "ok", 10);
    const auto completed = client.take_completed();
    REQUIRE(completed.size() == 1);
    CHECK(completed[0].number == 1);
    CHECK(completed[0].result == "ok");
    CHECK(completed[0].seq == 10);
    CHECK(completed[0].outcome == Outcome::executed);
    CHECK(completed[0].matching == needed);
    CHECK(client.core().outstanding() == 0);
  }
}

TEST_CASE("latency runs from submission to acceptance") {
  Harness client;
  const auto number = client.submit_and_flush("put");
  client.run_until(client.now_us() + 1'234);
  client.accept(number);
  CHECK(client.take_completed().at(0).latency_us == 1'234);
}

TEST_CASE("one replica counts once, however often it speaks") {
  Harness client;
  const auto number = client.submit_and_flush("put");
  for (int i = 0; i < 10; ++i) client.reply(2, number, "lie");
  const auto entry = client.entry(number, "lie");
  client.reply(2, {entry, entry, entry});
  CHECK(client.take_completed().empty());
  CHECK(client.core().best_match(number) == 1);
}

TEST_CASE("a replica that changes its mind is held to its newest reply only") {
  Harness client;
  const auto number = client.submit_and_flush("put");
  client.reply(2, number, "x");
  client.reply(2, number, "y");
  CHECK(client.core().best_match(number) == 1);
  client.reply(1, number, "x");
  CHECK(client.take_completed().empty());
  client.reply(3, number, "y");
  CHECK(client.take_completed().at(0).result == "y");
}

TEST_CASE("replies match only with the same result, slot, outcome and request") {
  Harness client;
  const auto number = client.submit_and_flush("put");
  const auto honest = client.entry(number, "ok", 10);
  client.reply(0, {honest});
  SUBCASE("another result") { client.reply(1, number, "OK", 10); }
  SUBCASE("another slot") { client.reply(1, number, "ok", 11); }
  SUBCASE("another outcome") {
    auto entry = honest;
    entry.outcome = Outcome::outside_window;
    client.reply(1, {entry});
  }
  SUBCASE("the digest of another operation") {
    auto entry = honest;
    entry.request_digest = client.authenticator().digest("another");
    client.reply(1, {entry});
  }
  CHECK(client.take_completed().empty());
  CHECK(client.core().best_match(number) == 1);
  client.reply(2, {honest});
  CHECK(client.take_completed().at(0).result == "ok");
}

TEST_CASE("f+1 replies to an operation that was not sent are not believed") {
  Harness client;
  const auto number = client.submit_and_flush("put");
  auto entry = client.entry(number, "ok");
  entry.request_digest = client.authenticator().digest("another");
  for (ReplicaId from = 0; from < 4; ++from) client.reply(from, {entry});
  CHECK(client.take_completed().empty());
  CHECK(client.core().best_match(number) == 0);
}

TEST_CASE("replies of another epoch, client or session are ignored") {
  Harness client;
  const auto number = client.submit_and_flush("put");
  const auto& config = client.config();
  Replies wrong{config.membership.epoch, 9, config.id, config.session, {client.entry(number, "ok")}};
  SUBCASE("epoch before") { wrong.epoch -= 1; }
  SUBCASE("epoch after") { wrong.epoch += 1; }
  SUBCASE("client") { wrong.client += 1; }
  SUBCASE("session") { wrong.session -= 1; }
  for (ReplicaId from = 0; from < 4; ++from) client.receive(from, wrong);
  CHECK(client.take_completed().empty());
  CHECK(client.core().best_match(number) == 0);
  CHECK(client.core().believed_primary() == 0);  // its view is no hint either
  client.accept(number);
  CHECK(client.take_completed().size() == 1);
}

TEST_CASE("votes of different epochs are never added up") {
  Harness client;
  const auto number = client.submit_and_flush("put");
  const auto& config = client.config();
  client.receive(0, Replies{config.membership.epoch + 1, 0, config.id, config.session, {client.entry(number, "ok")}});
  client.reply(1, number, "ok");
  CHECK(client.take_completed().empty());
}

TEST_CASE("a sender that is no member is ignored") {
  Harness client;
  const auto number = client.submit_and_flush("put");
  client.reply(4, number, "ok");
  client.reply(64, number, "ok");
  client.reply(0, number, "ok");
  CHECK(client.take_completed().empty());
}

TEST_CASE("an ordered reply without a slot is ignored") {
  Harness client;
  const auto number = client.submit_and_flush("put");
  for (ReplicaId from = 0; from < 4; ++from) client.reply(from, number, "ok", 0);
  CHECK(client.take_completed().empty());
}

TEST_CASE("late replies change nothing") {
  Harness client;
  const auto first = client.submit_and_flush("a");
  client.accept(first);
  CHECK(client.take_completed().size() == 1);
  client.reply(2, first, "done");
  client.reply(3, first, "lie");
  client.reply(0, first, "lie");
  CHECK(client.take_completed().empty());
  CHECK(client.core().best_match(first) == 0);
  // Also of a completed number above one that is still open.
  const auto second = client.submit_and_flush("b");
  const auto third = client.submit_and_flush("c");
  client.accept(third);
  CHECK(client.take_completed().size() == 1);
  client.reply(2, third, "done");
  client.reply(3, third, "done");
  CHECK(client.take_completed().empty());
  client.accept(second);
  CHECK(client.take_completed().at(0).number == second);
}

TEST_CASE("numbers that were never sent are unknown") {
  auto config = make_config();
  config.window = 1;
  Harness client(config);
  client.submit("a");
  client.submit("b");
  client.flush();  // sends number 1 only
  for (ReplicaId from = 0; from < 4; ++from) {
    client.reply(from, 2, "early");
    auto entry = client.entry(1, "early");
    entry.number = 3;
    client.reply(from, {entry});
    entry.number = 0;
    client.reply(from, {entry});
    entry.number = std::numeric_limits<RequestNumber>::max();
    client.reply(from, {entry});
  }
  CHECK(client.take_completed().empty());
  CHECK(client.core().outstanding() == 2);
  CHECK(client.core().best_match(0) == 0);
  CHECK(client.core().best_match(99) == 0);
}

TEST_CASE("an evicted session is believed with f+1 voices only, with or without a slot") {
  for (const Seq seq : {Seq{0}, Seq{12}}) {
    CAPTURE(seq);
    Harness client;
    const auto number = client.submit_and_flush("put");
    auto evicted = client.entry(number, "", seq);
    evicted.outcome = Outcome::session_evicted;
    client.reply(3, {evicted});
    CHECK(client.take_completed().empty());
    client.reply(1, {evicted});
    const auto completed = client.take_completed();
    REQUIRE(completed.size() == 1);
    CHECK(completed[0].outcome == Outcome::session_evicted);
    CHECK(completed[0].seq == seq);
  }
}

TEST_CASE("a replica that executed and was then asked again by a client of an evicted session still converges") {
  Harness client;
  const auto number = client.submit_and_flush("put");
  auto evicted = client.entry(number, "", 0);
  evicted.outcome = Outcome::session_evicted;
  client.reply(0, number, "ok");
  client.reply(1, {evicted});
  CHECK(client.take_completed().empty());
  client.reply(0, {evicted});
  CHECK(client.take_completed().at(0).outcome == Outcome::session_evicted);
}

TEST_CASE("one REPLIES message may complete many requests") {
  Harness client;
  std::vector<ReplyEntry> entries;
  for (int i = 0; i < 10; ++i) client.submit("operation " + std::to_string(i));
  client.flush();
  for (RequestNumber number = 1; number <= 10; ++number) entries.push_back(client.entry(number, "ok", number));
  client.reply(1, entries);
  CHECK(client.take_completed().empty());
  client.reply(2, entries);
  const auto completed = client.take_completed();
  REQUIRE(completed.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) CHECK(completed[i].number == i + 1);
}

TEST_CASE("the view hint is the (f+1)-th largest view reported and affects routing only") {
  Harness client(make_config(7));  // f = 2
  const auto number = client.submit_and_flush("a");
  constexpr View huge = std::numeric_limits<View>::max();
  client.reply(5, number, "x", 10, huge);
  client.reply(6, number, "y", 10, huge);
  CHECK(client.core().believed_primary() == 0);  // two liars cannot move it
  client.reply(1, number, "ok", 10, 8);
  CHECK(client.core().believed_primary() == 1);
  client.reply(2, number, "ok", 10, 9);
  CHECK(client.core().believed_primary() == 2);
  client.reply(3, number, "ok", 10, 3);  // an older view is outside of the match
  const auto completed = client.take_completed();
  REQUIRE(completed.size() == 1);
  CHECK(completed[0].view == 9);
  CHECK(completed[0].matching == 3);
  CHECK_FALSE(client.take_sent().empty());
  client.submit_and_flush("b");
  const auto sent = client.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].to == 2);
}

TEST_CASE("a replica's reported view never falls") {
  Harness client;
  const auto number = client.submit_and_flush("a");
  client.reply(1, number, "x", 10, 6);
  client.reply(2, number, "y", 10, 6);
  CHECK(client.core().believed_primary() == 2);
  client.reply(1, number, "x", 10, 0);
  client.reply(2, number, "y", 10, 0);
  CHECK(client.core().believed_primary() == 2);
}

TEST_CASE("ten thousand numbers, with a liar that answers first") {
  auto config = make_config();
  config.window = 512;
  Harness client(config);
  constexpr RequestNumber count = 10'000;
  for (RequestNumber number = 1; number <= count; ++number) client.submit("operation " + std::to_string(number));
  client.flush();
  RequestNumber next = 1;
  std::size_t sent_operations = 0;
  while (next <= count) {
    const auto sent = client.take_sent();
    REQUIRE_FALSE(sent.empty());
    for (const auto& send : sent) {
      CHECK(send.bundle->content.first == next);
      CHECK(send.bundle->content.acknowledged < next);
      sent_operations += send.bundle->content.operations.size();
      for (; next < send.bundle->content.end(); ++next) {
        const auto result = "result " + std::to_string(next);
        client.reply(3, next, "lie");
        client.reply(0, next, result, next);
        client.reply(1, next, result, next);
      }
    }
    for (const auto& completed : client.take_completed()) {
      CHECK(completed.result == "result " + std::to_string(completed.number));
    }
    client.run_until(client.now_us() + 10);  // the core has asked to be woken where there is room again
  }
  CHECK(sent_operations == count);
  CHECK(client.core().outstanding() == 0);
}

}  // namespace
}  // namespace tagma
