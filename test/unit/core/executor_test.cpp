#include "replica/core/executor.h"

#include <doctest/doctest.h>

#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

struct Execute {
  CoreConfig config = toy_config(4, 0);
  ToyAuthenticator authenticator{toy_key({PrincipalKind::replica, 0})};
  ServiceRegistry services;
  MemoryStateStore store{[this](ByteView bytes) { return authenticator.digest(bytes); }};
  LayeredState state{store};
  std::unique_ptr<Executor> executor;
  Seq seq = 0;

  explicit Execute(std::size_t sessions_max = 64) {
    config.sessions_per_client_max = sessions_max;
    REQUIRE_FALSE(services.add(std::make_unique<ToyService>()).has_value());
    executor = std::make_unique<Executor>(config, authenticator, services, state);
  }

  std::vector<ReplyEntry> run(ClientId client, SessionId session, RequestNumber first,
                              const std::vector<std::string>& payloads, RequestNumber acknowledged = 0,
                              TimeUs time_us = 1) {
    const auto bundle = toy_bundle(config.membership, client, session, first, payloads, acknowledged);
    const auto execution = executor->execute(++seq, wire::encode_batch(time_us, {*bundle}), 0);
    const auto found = execution.replies.find({client, session});
    return found == execution.replies.end() ? std::vector<ReplyEntry>{} : found->second;
  }

  static std::string text(const ReplyEntry& entry) { return decode_reply(entry.result)->text; }
};

}  // namespace

TEST_CASE("O1: numbers execute once and in order; the first reply of a repeated one is kept") {
  Execute run;
  auto replies = run.run(1, 5, 1, {"set a 1", "get a"});
  REQUIRE(replies.size() == 2);
  CHECK(Execute::text(replies[1]) == "1");
  replies = run.run(1, 5, 2, {"get a", "set a 2"});  // number 2 again, then 3
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].number == 3);
  CHECK(replies[0].seq == 2);
  CHECK(run.executor->sessions().find_replies(1, 5, *run.executor->sessions().find(1, 5), 2, 3)[0].seq == 1);
  CHECK(Execute::text(run.run(1, 5, 4, {"get a"})[0]) == "2");
}

TEST_CASE("a number above a gap is not executed, the session goes on when the gap is filled") {
  Execute run;
  CHECK(run.run(1, 5, 2, {"set a 1"}).empty());  // the session does not even open
  CHECK_FALSE(run.executor->sessions().find(1, 5));
  CHECK(run.run(1, 5, 1, {"set a 0"}).size() == 1);
  CHECK(run.run(1, 5, 3, {"set a 9"}).empty());
  CHECK(Execute::text(run.run(1, 5, 2, {"get a"})[0]) == "0");
}

TEST_CASE("replies are kept until the whole run that one bundle executed is acknowledged") {
  Execute run;
  const auto& sessions = run.executor->sessions();
  const auto kept = [&](RequestNumber number) {
    return !sessions.find_replies(1, 5, *sessions.find(1, 5), number, number + 1).empty();
  };
  REQUIRE(run.run(1, 5, 1, {"set a 1", "set a 2", "set a 3"}).size() == 3);
  REQUIRE(run.run(1, 5, 4, {"get a"}, 2).size() == 1);
  CHECK(sessions.find(1, 5)->acknowledged == 2);
  CHECK(kept(3));
  REQUIRE(run.run(1, 5, 5, {"set a 5"}, 3).size() == 1);
  CHECK_FALSE(kept(1));
  CHECK_FALSE(kept(3));
  CHECK(kept(4));
  CHECK(kept(5));
  CHECK(run.run(1, 5, 3, {"set a 3", "get a", "set a 5"}).empty());  // a late copy, in another grouping
  const auto replies = sessions.find_replies(1, 5, *sessions.find(1, 5), 3, 6);
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].number == 4);
  CHECK(Execute::text(replies[0]) == "3");
  CHECK(replies[1].number == 5);
  REQUIRE(run.run(1, 5, 6, {"get a"}, 100).size() == 1);  // acknowledging more than was executed means all of it
  CHECK(sessions.find(1, 5)->acknowledged == 5);
  CHECK(sessions.find(1, 5)->reply_bytes == encode_reply({ReplyStatus::ok, "5"}).size());
}

TEST_CASE("sessions are capped; the one idle longest is evicted and never executes again") {
  Execute run(2);
  REQUIRE(run.run(1, 10, 1, {"set a 1"}).size() == 1);
  REQUIRE(run.run(1, 11, 1, {"set a 2"}).size() == 1);
  REQUIRE(run.run(1, 10, 2, {"get a"}).size() == 1);  // now 11 is idle longest
  REQUIRE(run.run(1, 12, 1, {"set a 3"}).size() == 1);
  const auto evicted = run.run(1, 11, 2, {"set a 9"});
  REQUIRE(evicted.size() == 1);
  CHECK(evicted[0].outcome == Outcome::session_evicted);
  CHECK(evicted[0].seq == 0);
  CHECK(run.run(1, 11, 1, {"set a 9"})[0].outcome == Outcome::session_evicted);
  CHECK(run.run(1, 9, 1, {"set a 9"})[0].outcome == Outcome::session_evicted);  // below the floor: never opens
  CHECK(Execute::text(run.run(1, 10, 3, {"get a"})[0]) == "3");
  CHECK(run.run(2, 1, 1, {"get a"})[0].outcome == Outcome::executed);  // another client has its own floor
}

TEST_CASE("C4: an exception or too long a reply undoes the operation and is a deterministic refusal") {
  Execute run;
  REQUIRE(run.run(1, 5, 1, {"set a 1"}).size() == 1);
  const auto failed = run.run(1, 5, 2, {"fail"});
  CHECK(decode_reply(failed[0].result)->status == ReplyStatus::refused);
  CHECK(Execute::text(failed[0]) == "failed on purpose");
  CHECK(decode_reply(run.run(1, 5, 3, {"long"})[0].result)->status == ReplyStatus::refused);
  CHECK(decode_reply(run.run(1, 5, 4, {"odd"})[0].result)->status == ReplyStatus::refused);
  CHECK(Execute::text(run.run(1, 5, 5, {"get a"})[0]) == "1");
}

TEST_CASE("C2: a number far above what was acknowledged is consumed without being executed") {
  Execute run;
  for (RequestNumber number = 1; number <= limits::session_window; ++number) {
    REQUIRE(run.run(1, 5, number, {"set a 1"})[0].outcome == Outcome::executed);
  }
  CHECK(run.run(1, 5, limits::session_window + 1, {"set a 2"})[0].outcome == Outcome::outside_window);
  CHECK(Execute::text(run.run(1, 5, limits::session_window + 2, {"get a"}, 1000)[0]) == "1");
}

TEST_CASE("agreed time never decreases and a null batch leaves it alone") {
  Execute run;
  CHECK(Execute::text(run.run(1, 5, 1, {"time"}, 0, 500)[0]) == "500");
  CHECK(Execute::text(run.run(1, 5, 2, {"time"}, 0, 400)[0]) == "500");
  static_cast<void>(run.executor->execute(++run.seq, Batch{}, 0));
  CHECK(run.executor->agreed_time_us() == 500);
  CHECK(Execute::text(run.run(1, 5, 3, {"time"}, 0, 600)[0]) == "600");
}

TEST_CASE("an operation for no service here, or for none at all, is refused in words") {
  Execute run;
  const auto bundle = toy_bundle(run.config.membership, 1, 5, 1, {"get a"});
  auto other = *bundle;
  other.content.operations = {encode_operation("nothing", "x"), Bytes{}};
  const auto execution = run.executor->execute(1, wire::encode_batch(1, {other}), 0);
  const auto& replies = execution.replies.at({1, 5});
  REQUIRE(replies.size() == 2);
  CHECK(decode_reply(replies[0].result)->status == ReplyStatus::refused);
  CHECK(decode_reply(replies[1].result)->status == ReplyStatus::refused);
}
