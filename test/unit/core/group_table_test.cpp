// Groups as replicated state: rounds in their order, deadlines in agreed time, and what members are told.
#include "replica/core/group_table.h"

#include <doctest/doctest.h>

#include "replica/core/executor.h"
#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

constexpr TimeUs second_us = 1'000'000;

GroupDefinition sensors(std::uint32_t faulty_max, TimeUs deadline_us, std::uint32_t members = 3) {
  GroupDefinition group;
  group.name = "heat";
  group.rule = GroupRule::median;
  group.value = GroupValue::real;
  group.faulty_max = faulty_max;
  group.deadline_us = deadline_us;
  for (ClientId id = 0; id < members; ++id) group.members.push_back(id);
  group.rounds_max = 4;
  return group;
}

/// Executes votes as replicas do, each in a slot of its own.
struct Play {
  CoreConfig config = toy_config(4, 0);
  ToyAuthenticator authenticator{toy_key({PrincipalKind::replica, 0})};
  ServiceRegistry services;
  MemoryStateStore store{[this](ByteView bytes) { return authenticator.digest(bytes); }};
  LayeredState state{store};
  std::unique_ptr<Executor> executor;
  Seq seq = 0;
  std::map<ClientId, RequestNumber> numbers;
  TimeUs time_us = 100 * second_us;

  explicit Play(const GroupDefinition& group) {
    config.groups = {group};
    REQUIRE_FALSE(services.add(std::make_unique<ToyService>()).has_value());
    executor = std::make_unique<Executor>(config, authenticator, services, state);
  }

  ServiceReply ask(ClientId client, const Words& words) {
    Bundle bundle;
    bundle.cluster = config.membership.cluster;
    bundle.epoch = config.membership.epoch;
    bundle.client = client;
    bundle.session = 1;
    bundle.first = ++numbers[client];
    bundle.acknowledged = bundle.first - 1;
    bundle.operations = {encode_operation("group", encode_words(words))};
    SignedBundle made;
    made.body = wire::encode_bundle_body(bundle);
    made.content = bundle;
    made.signature = "s";
    const auto execution = executor->execute(++seq, wire::encode_batch(time_us, {made}), 0);
    return *decode_reply(execution.replies.at({client, 1}).front().result);
  }
  ServiceReply vote(ClientId client, std::uint64_t round, const Bytes& value) {
    return ask(client, {"vote", "heat", std::to_string(round), value});
  }
  Bytes result(std::uint64_t round) { return ask(0, {"result", "heat", std::to_string(round)}).text; }
  /// A batch that only tells the time.
  std::uint64_t tell(TimeUs at_us) {
    time_us = at_us;
    return executor->execute(++seq, wire::encode_batch(time_us, {}), 0).expired;
  }
};

bool says(const Bytes& text, const std::string& line) {
  return ("\n" + text + "\n").find("\n" + line + "\n") != Bytes::npos;
}

}  // namespace

TEST_CASE("a round is decided with the last vote, becomes an operation, and everybody can have the result") {
  auto group = sensors(1, 5 * second_us);
  group.operation = {"toy", "set heat {value}"};
  Play play(group);
  CHECK(play.vote(0, 1, "20").text == "counted: round 1, 1 of 3");
  CHECK(play.ask(0, {"result", "heat", "1"}).status == ReplyStatus::absent);
  CHECK(play.vote(2, 1, "900").text == "counted: round 1, 2 of 3");
  const auto last = play.vote(1, 1, "21.0");
  CHECK(says(last.text, "value\t21"));
  CHECK(says(last.text, "grade\tunconditional"));
  CHECK(says(last.text, "present\t0 1 2"));
  CHECK(play.result(1) == last.text);
  CHECK(play.ask(2, {"next", "heat"}).text == "2");
}

TEST_CASE("a member votes once in a round, and nobody votes for it") {
  Play play(sensors(1, 5 * second_us));
  CHECK(play.vote(0, 1, "20").status == ReplyStatus::ok);
  CHECK(play.vote(0, 1, "30").text == "has voted in round 1: the first vote counts");
  CHECK(play.vote(3, 1, "30").text == "client 3 is no member of heat");
  CHECK(play.vote(1, 1, "nan").text == "the vote is no finite number");
  CHECK(play.vote(1, 5, "20").text == "round 5 is too far ahead: the next is 1");
  CHECK(play.vote(1, 18446744073709551615ULL, "20").status == ReplyStatus::refused);
  CHECK(play.ask(1, {"vote", "cold", "1", "20"}).text == "no such group: cold; there are heat");
}

TEST_CASE("a deadline ends a round without the silent, and late votes change nothing") {
  Play play(sensors(1, 5 * second_us));
  CHECK(play.vote(0, 1, "20").status == ReplyStatus::ok);
  CHECK_FALSE_MESSAGE(play.executor->groups().next_deadline_us(), "t members alone begin no time");
  CHECK(play.vote(2, 1, "900").status == ReplyStatus::ok);
  REQUIRE(play.executor->groups().next_deadline_us() == 105 * second_us);
  CHECK(play.tell(105 * second_us - 1) == 0);
  CHECK(play.tell(105 * second_us) == 1);
  CHECK(says(play.result(1), "value\t20"));
  CHECK(says(play.result(1), "grade\ttimely"));
  CHECK(says(play.result(1), "present\t0 2"));
  const auto late = play.vote(1, 1, "20");
  CHECK(late.text == "late: round 1 is over, the next is 2");
  CHECK(says(play.result(1), "present\t0 2"));
}

TEST_CASE("the end of a round precedes the votes of the batch that tells its time") {
  Play play(sensors(1, 5 * second_us));
  static_cast<void>(play.vote(0, 1, "20"));
  static_cast<void>(play.vote(2, 1, "900"));
  play.time_us = 105 * second_us;
  CHECK(play.vote(1, 1, "21").text == "late: round 1 is over, the next is 2");
}

TEST_CASE("a grade that the group does not want is no value") {
  auto group = sensors(1, 5 * second_us);
  group.unconditional_only = true;
  Play play(group);
  static_cast<void>(play.vote(0, 1, "20"));
  static_cast<void>(play.vote(2, 1, "900"));
  CHECK(play.tell(105 * second_us) == 1);
  const auto text = play.result(1);
  CHECK(says(text, "grade\ttimely"));
  CHECK(text.find("value") == Bytes::npos);
}

TEST_CASE("rounds are decided in their order, each with a time of its own") {
  Play play(sensors(1, 5 * second_us));
  // Round 2 is complete first.
  for (ClientId id = 0; id < 3; ++id) CHECK(play.vote(id, 2, "30").text.starts_with("counted"));
  play.time_us += second_us;
  static_cast<void>(play.vote(0, 1, "20"));
  CHECK(play.ask(0, {"next", "heat"}).text == "1");
  CHECK_MESSAGE(play.executor->groups().next_deadline_us() == 105 * second_us,
                "round 1 has its time from when more than t had passed it over");
  static_cast<void>(play.vote(1, 1, "20"));
  static_cast<void>(play.vote(2, 1, "20"));
  CHECK(play.ask(0, {"next", "heat"}).text == "3");
  CHECK(says(play.result(2), "value\t30"));
}

TEST_CASE("a round that all have passed over ends at its deadline, without a value") {
  Play play(sensors(1, 5 * second_us));
  for (ClientId id = 0; id < 3; ++id) static_cast<void>(play.vote(id, 2, "30"));
  CHECK(play.tell(105 * second_us) == 2);
  CHECK(says(play.result(1), "grade\tnone"));
  CHECK(says(play.result(2), "value\t30"));
}

TEST_CASE("results are kept for as many rounds as may be open, members are judged") {
  Play play(sensors(1, 5 * second_us));
  for (std::uint64_t round = 1; round <= 6; ++round) {
    static_cast<void>(play.vote(0, round, "20"));
    static_cast<void>(play.vote(1, round, "20"));
    play.time_us += 5 * second_us;
    static_cast<void>(play.tell(play.time_us));
  }
  CHECK(play.ask(0, {"result", "heat", "2"}).text == "the result of round 2 is not kept any more");
  CHECK(play.ask(0, {"result", "heat", "3"}).status == ReplyStatus::ok);
  const auto shown = play.ask(0, {"show", "heat"}).text;
  CHECK(says(shown, "member\t2\tclient\t2\tvotes\t0\tlate\t0\trefused\t0\tdisagreeing\t0\tabsent\t6\tsuspected\tyes"));
  CHECK(says(shown, "member\t0\tclient\t0\tvotes\t6\tlate\t0\trefused\t0\tdisagreeing\t0\tabsent\t0\tsuspected\tno"));
}

TEST_CASE("exact votes that differ give up at the deadline and do not leak") {
  auto group = sensors(1, 5 * second_us);
  group.rule = GroupRule::exact;
  group.value = GroupValue::bytes;
  group.operation = {"toy", "set a {value}"};
  Play play(group);
  static_cast<void>(play.vote(0, 1, "secret-x"));
  static_cast<void>(play.vote(1, 1, "secret-y"));
  CHECK(play.tell(105 * second_us) == 1);
  CHECK(play.result(1).find("secret") == Bytes::npos);
  CHECK(play.ask(0, {"show", "heat"}).text.find("secret") == Bytes::npos);
}

TEST_CASE("what a group has voted may not be a vote, and a service that refuses leaves the round decided") {
  auto group = sensors(0, 0, 1);
  group.rule = GroupRule::exact;
  group.value = GroupValue::operation;
  Play play(group);
  CHECK(says(play.ask(0, {"vote", "heat", "1", "group", "vote", "heat", "2", "toy"}).text,
             "reply\trefused\ta group does not vote in group"));
  CHECK(says(play.ask(0, {"vote", "heat", "2", "nosuch", "x"}).text,
             "reply\trefused\tno such service here: nosuch; there are toy"));
  CHECK(play.ask(0, {"next", "heat"}).text == "3");
}

TEST_CASE("a new executor on the same state goes on in the middle of a round") {
  Play play(sensors(1, 5 * second_us));
  static_cast<void>(play.vote(0, 1, "20"));
  static_cast<void>(play.vote(2, 1, "900"));
  play.executor = std::make_unique<Executor>(play.config, play.authenticator, play.services, play.state);
  REQUIRE(play.executor->groups().next_deadline_us() == 105 * second_us);
  CHECK(play.vote(0, 1, "22").text == "has voted in round 1: the first vote counts");
  CHECK(says(play.vote(1, 1, "21").text, "value\t21"));
}

namespace {

/// A member's vote to these replicas.
void cast(Cluster& cluster, const std::vector<ReplicaId>& to, ClientId client, const Bytes& value) {
  Bundle bundle;
  bundle.cluster = cluster[0].config.membership.cluster;
  bundle.epoch = cluster[0].config.membership.epoch;
  bundle.client = client;
  bundle.session = 1;
  bundle.first = 1;
  bundle.operations = {encode_operation("group", encode_words({"vote", "heat", "1", value}))};
  SignedBundle made;
  made.body = wire::encode_bundle_body(bundle);
  made.content = bundle;
  made.signature = ToyAuthenticator(toy_key({PrincipalKind::client, client})).sign(wire::bundle_statement(made.body));
  const auto shared = std::make_shared<const SignedBundle>(made);
  for (const auto id : to) cluster.submit(id, shared);
}

}  // namespace

TEST_CASE("X3: a primary cannot begin a round's time with an old hour and end it with a new one") {
  auto group = sensors(1, 30 * second_us);
  Cluster cluster(4, [&](CoreConfig& config) { config.groups = {group}; });
  cluster.pass(1'000'000);
  cluster.deliver_all();
  // The vote of client 2 has reached all correct replicas; the primary keeps it back.
  const Passes kept_back = [](ReplicaId, ReplicaId to, const Message& message) {
    return !(to == 0 && std::holds_alternative<Submit>(message));
  };
  cast(cluster, {1, 2, 3}, 2, "21");
  cluster.deliver_all(kept_back);
  const auto wall_us = cluster[0].now.wall_us;
  cluster[0].now.wall_us = 1;
  cast(cluster, {0}, 0, "-900");
  cluster.deliver_all(kept_back);
  cast(cluster, {0}, 1, "20");
  cluster.deliver_all(kept_back);
  CHECK_MESSAGE(cluster[2].core.view().executed == 0, "nobody PREPAREs it");
  cluster[0].now.wall_us = wall_us;
  for (int at = 0; at < 40 && cluster[2].core.view().executed == 0; ++at) {
    cluster.pass(100'000);
    cluster.deliver_all(kept_back);
  }
  CHECK(cluster[2].core.view().view >= 1);
  CHECK_MESSAGE(cluster[2].core.view().executed > 0, "the next primary orders the vote that was kept back");
  CHECK(cluster[2].core.view().agreed_time_us > wall_us - 1'000'000);
}

TEST_CASE("clocks that are all set back blame no primary for rounds that do not end") {
  auto group = sensors(1, second_us);
  Cluster cluster(4, [&](CoreConfig& config) {
    config.groups = {group};
    config.clock_window_us = 200'000;
  });
  cast(cluster, {0}, 0, "19");
  cluster.deliver_all();
  for (ReplicaId id = 0; id < 4; ++id) cluster[id].now.wall_us -= 3'600 * second_us;
  cast(cluster, {0}, 1, "20");
  cluster.deliver_all();
  REQUIRE(cluster[2].core.view().executed == 2);
  for (int at = 0; at < 100; ++at) {
    cluster.pass(100'000);
    cluster.deliver_all();
  }
  CHECK(cluster[2].core.view().view == 0);
}

TEST_CASE("one batch ends a bounded number of rounds, the next one goes on") {
  auto group = sensors(1, 5 * second_us);
  group.rounds_max = 64;
  Play play(group);
  for (std::uint64_t round = 1; round <= 40; ++round) {
    static_cast<void>(play.vote(0, round, "1"));
    static_cast<void>(play.vote(1, round, "1"));
  }
  CHECK(play.tell(200 * second_us) == GroupTable::expiries_max);
  CHECK(play.vote(2, 20, "1").text == "late: round 20 is over, the next is 33");
  CHECK(play.tell(200 * second_us + 1) == 40 - 2 * GroupTable::expiries_max);
}

TEST_CASE("an idle primary tells the time when a round ends, and one that does not is replaced") {
  auto group = sensors(1, second_us);
  Cluster cluster(4, [&](CoreConfig& config) {
    config.groups = {group};
    config.clock_window_us = 200'000;
  });
  for (const ClientId client : {ClientId{0}, ClientId{1}}) {
    cast(cluster, {0}, client, "20");
    cluster.deliver_all();
  }
  REQUIRE(cluster[2].core.view().executed == 2);
  SUBCASE("told") {
    for (int at = 0; at < 12; ++at) {
      cluster.pass(100'000);
      cluster.deliver_all();
    }
    CHECK(cluster[0].counted("time told"));
    CHECK(cluster[2].core.view().executed == 3);
    CHECK(cluster[2].core.view().view == 0);
  }
  SUBCASE("kept back") {
    for (int at = 0; at < 60 && cluster[2].core.view().executed < 3; ++at) {
      cluster.pass(100'000);
      cluster.deliver_all([](ReplicaId from, ReplicaId, const Message& message) {
        return !(from == 0 && std::holds_alternative<PrePrepare>(message));
      });
    }
    CHECK(cluster[2].core.view().view == 1);
    CHECK(cluster[2].core.view().executed >= 3);
  }
}
