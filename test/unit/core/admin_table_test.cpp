// Administration as replicated state: who must want a change, what it does, and what it cannot.
#include "replica/core/admin_table.h"

#include <doctest/doctest.h>

#include "messages/state_key.h"
#include "replica/core/executor.h"
#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

Words words(const std::string& text) {
  Words made;
  std::string word;
  for (const char letter : text + " ") {
    if (letter != ' ') {
      word.push_back(letter);
    } else if (!word.empty()) {
      made.push_back(std::exchange(word, {}));
    }
  }
  return made;
}

/// Executes requests as replicas do, each in a slot of its own.
struct Play {
  CoreConfig config = toy_config(4, 0);
  ToyAuthenticator authenticator{toy_key({PrincipalKind::replica, 0})};
  ServiceRegistry services;
  MemoryStateStore store{[this](ByteView bytes) { return authenticator.digest(bytes); }};
  LayeredState state{store};
  std::unique_ptr<Executor> executor;
  Seq seq = 0;
  std::map<ClientId, RequestNumber> numbers;

  explicit Play(std::uint32_t administrators = 3) {
    config.membership.admins.clear();
    for (AdminId id = 0; id < administrators; ++id) {
      config.membership.admins.push_back({id, toy_key({PrincipalKind::admin, id})});
    }
    GroupDefinition group;
    group.name = "heat";
    group.rule = GroupRule::median;
    group.value = GroupValue::real;
    group.members = {0, 1, 2};
    group.faulty_max = 1;
    group.deadline_us = 60'000'000;
    group.rounds_max = 4;
    config.groups = {group};
    REQUIRE_FALSE(services.add(std::make_unique<ToyService>()).has_value());
    executor = std::make_unique<Executor>(config, authenticator, services, state);
  }

  /// Nothing where there is no reply.
  std::optional<ServiceReply> request(ClientId requester, const Bytes& operation) {
    Bundle bundle;
    bundle.cluster = config.membership.cluster;
    bundle.epoch = config.membership.epoch;
    bundle.client = requester;
    bundle.session = 1;
    bundle.first = numbers[requester] + 1;
    bundle.acknowledged = bundle.first - 1;
    bundle.operations = {operation};
    SignedBundle made;
    made.body = wire::encode_bundle_body(bundle);
    made.content = bundle;
    made.signature = "s";
    ++seq;
    const auto execution = executor->execute(seq, wire::encode_batch(1'000 * static_cast<TimeUs>(seq), {made}), 0);
    const auto found = execution.replies.find({requester, 1});
    if (found == execution.replies.end() || found->second.empty()) return std::nullopt;
    ++numbers[requester];
    return *decode_reply(found->second.front().result);
  }
  ServiceReply admin(AdminId id, const std::string& text) {
    return request(requester_of(id), encode_operation("admin", encode_words(words(text)))).value();
  }
  ServiceReply group(ClientId id, const std::string& text) {
    return request(id, encode_operation("group", encode_words(words(text)))).value();
  }
  /// Two administrators want it.
  ServiceReply change(const std::string& text) {
    CHECK(admin(0, "propose " + text).status == ReplyStatus::ok);
    return admin(1, "propose " + text);
  }
  /// Everything again from the state alone.
  void reload() { executor = std::make_unique<Executor>(config, authenticator, services, state); }
};

bool says(const ServiceReply& reply, const std::string& line) {
  return ("\n" + reply.text + "\n").find("\n" + line + "\n") != Bytes::npos;
}

std::string new_key() { return "ed25519:" + std::string(64, 'b'); }

}  // namespace

TEST_CASE("one administrator changes nothing; the word of a second one does") {
  Play play;
  const auto made = play.admin(0, "propose permission set 3 none");
  CHECK(says(made, "proposal\t1"));
  CHECK(says(made, "state\topen"));
  CHECK(says(made, "approved\t0"));
  CHECK(says(made, "needed\t2"));
  CHECK(says(made, "change\tpermission\tset\t3\tnone"));
  CHECK(says(play.admin(0, "approve 1"), "approved\t0"));
  CHECK(says(play.admin(0, "propose permission set 3 none"), "state\topen"));
  CHECK(play.request(3, toy_operation("get a"))->status != ReplyStatus::refused);
  const auto applied = play.admin(2, "approve 1");
  CHECK(says(applied, "state\tapplied"));
  CHECK(says(applied, "approved\t0 2"));
  CHECK(play.request(3, toy_operation("get a"))->text == "client 3 may not call 'toy'");
  CHECK(play.request(2, toy_operation("get a"))->status != ReplyStatus::refused);
  CHECK(play.admin(1, "approve 1").text == "proposal 1 is over: applied");
}

TEST_CASE("one of two changes nothing, and one of one does") {
  Play two(2);
  CHECK(says(two.admin(1, "propose client remove 3"), "state\topen"));
  CHECK(says(two.admin(0, "propose client remove 3"), "state\tapplied"));
  Play one(1);
  CHECK(says(one.admin(0, "propose client remove 3"), "state\tapplied"));
}

TEST_CASE("clients and administrators keep to what is theirs") {
  Play play;
  CHECK(play.request(1, encode_operation("admin", encode_words(words("propose client remove 0"))))->text ==
        "only administrators call admin");
  CHECK(play.request(requester_of(0), toy_operation("set a b"))->text == "administrators call no service but admin");
  CHECK(play.request(requester_of(0), encode_operation("group", encode_words({"list"})))->status ==
        ReplyStatus::refused);
  CHECK_FALSE(play.request(requester_of(3), encode_operation("admin", encode_words({"list"}))).has_value());
  CHECK_FALSE(play.request(0xffffffff, encode_operation("admin", encode_words({"list"}))).has_value());
}

TEST_CASE("a client that is added is known from there on, one that is removed is not served any more") {
  Play play;
  CHECK_FALSE(play.request(9, toy_operation("get a")).has_value());
  CHECK(says(play.change("client add 9 " + new_key()), "state\tapplied"));
  REQUIRE(play.executor->administration().find_key(9) != nullptr);
  CHECK(public_key_text(*play.executor->administration().find_key(9)) == new_key());
  CHECK(play.request(9, toy_operation("get a"))->status != ReplyStatus::refused);
  CHECK(says(play.change("client remove 9"), "state\tapplied"));
  CHECK(play.request(9, toy_operation("get a"))->text == "client 9 has been removed");
  CHECK(play.executor->administration().is_removed(9));
  // What it signed must mean the same for ever: its key stays known, and its number is not given again.
  CHECK(play.executor->administration().find_key(9) != nullptr);
  CHECK(play.admin(0, "propose client add 9 " + new_key()).text ==
        "client 9 has been removed, and a number is given once");
  play.reload();
  CHECK(play.executor->administration().is_removed(9));
  CHECK(play.executor->administration().clients().size() == 1);
  CHECK(play.admin(1, "clients").text == "9\tremoved\t" + new_key());
}

TEST_CASE("what cannot be is refused when it is proposed, and again when it would take effect") {
  Play play;
  const auto refused = [&play](const std::string& change, const std::string& why) {
    CAPTURE(change);
    const auto reply = play.admin(0, "propose " + change);
    CHECK(reply.status == ReplyStatus::refused);
    CHECK(reply.text.find(why) != Bytes::npos);
  };
  refused("client add 1 " + new_key(), "there is a client 1 already");
  refused("client add 9 " + public_key_text(toy_key({PrincipalKind::client, 1})), "not a public key");
  refused("client remove 9", "there is no client 9");
  refused("client remove 1", "is a member of the group heat");
  refused("group remove cold", "there is no group cold");
  refused("group set cold rule=exact value=bytes members=9 faulty_max=0", "there is no client 9");
  refused("group set cold rule=median value=real members=0,1,2 faulty_max=1 deadline_ms=100", "deadline_ms: is below");
  refused("group set heat rule=median value=real members=0,1,2 faulty_max=1 deadline_ms=60000 rounds_max=4",
          "like that already");
  CHECK(says(play.admin(0, "propose client add 9 " + new_key()), "state\topen"));
  CHECK(says(play.change("client add 8 " + new_key()), "state\tapplied"));
  const auto late = play.admin(2, "approve 1");
  CHECK(says(late, "state\trefused"));
  CHECK(says(late, "why\tthat key is somebody's; everybody needs a key of their own"));
  play.reload();
  CHECK(play.admin(1, "show 1").text == late.text);
}

TEST_CASE("a replica that returns says of each proposal what it said before, to the byte") {
  Play play;
  const auto add_twice = "client add 9 " + new_key();
  CHECK(says(play.admin(0, "propose " + add_twice), "state\topen"));
  CHECK(says(play.admin(0, "propose client add 8 " + new_key()), "state\topen"));
  CHECK(says(play.admin(1, "propose " + add_twice), "state\tapplied"));
  CHECK(says(play.admin(1, "approve 2"), "state\trefused"));
  CHECK(says(play.admin(2, "propose permission set 3 kv"), "state\topen"));
  CHECK(says(play.admin(0, "propose group set cold rule=exact value=bytes members=0 faulty_max=0 operation toy a"),
             "state\topen"));
  CHECK(says(play.admin(0, "withdraw 4"), "state\twithdrawn"));
  CHECK(says(play.change("permission set 2 none"), "state\tapplied"));
  const auto told = [&play] {
    std::vector<Bytes> texts{play.admin(2, "list").text, play.admin(2, "clients").text};
    for (int number = 1; number <= 5; ++number) {
      texts.push_back(play.admin(2, "show " + std::to_string(number)).text);
    }
    return texts;
  };
  const auto before = told();
  play.reload();
  CHECK(told() == before);
  CHECK(says(play.admin(1, "propose client remove 3"), "proposal\t6"));
}

TEST_CASE("a word can be taken back, and a proposal that nobody wants is over") {
  Play play;
  CHECK(says(play.admin(0, "propose client remove 3"), "state\topen"));
  CHECK(play.admin(1, "withdraw 1").text == "administrator 1 has not approved proposal 1");
  CHECK(says(play.admin(0, "withdraw 1"), "state\twithdrawn"));
  CHECK(play.admin(1, "approve 1").status == ReplyStatus::refused);
  CHECK(says(play.admin(1, "propose client remove 3"), "proposal\t2"));
  CHECK(says(play.admin(1, "show 1"), "state\twithdrawn"));
  CHECK(play.admin(1, "show 3").status == ReplyStatus::refused);
}

TEST_CASE("one administrator's proposals leave room for the others', and what is over is forgotten in the end") {
  Play play;
  for (std::size_t at = 0; at < AdminTable::open_max; ++at) {
    CHECK(says(play.admin(0, "propose permission set " + std::to_string(at) + " none"), "state\topen"));
  }
  CHECK(play.admin(0, "propose permission set 99 none").text.find("withdraw one first") != Bytes::npos);
  CHECK(says(play.admin(1, "propose permission set 99 none"), "state\topen"));
  for (std::size_t at = 0; at < 2 * AdminTable::over_max; ++at) {
    const auto number = play.admin(2, "propose client remove 3").text.substr(9);
    const auto end = number.find('\n');
    CHECK(says(play.admin(2, "withdraw " + number.substr(0, end)), "state\twithdrawn"));
  }
  const auto list = play.admin(2, "list").text;
  CHECK(std::count(list.begin(), list.end(), '\n') + 1 ==
        static_cast<std::ptrdiff_t>(AdminTable::over_max + AdminTable::open_max + 1));
  std::size_t kept = 0;
  const Bytes from(1, state_key::admin_proposal_prefix);
  const Bytes to(1, static_cast<char>(state_key::admin_proposal_prefix + 1));
  play.state.scan(from, to, [&kept](ByteView, ByteView) { return ++kept != 0; });
  CHECK(kept == AdminTable::over_max + AdminTable::open_max + 1);
}

TEST_CASE("what came to something is not pushed out by what was taken back, however old its number is") {
  Play play;
  CHECK(says(play.admin(0, "propose client remove 3"), "proposal\t1"));
  for (std::size_t at = 0; at < 2 * AdminTable::over_max; ++at) {
    const auto number = std::to_string(at + 2);
    CHECK(says(play.admin(2, "propose permission set 1 none"), "proposal\t" + number));
    CHECK(says(play.admin(2, "withdraw " + number), "state\twithdrawn"));
  }
  CHECK(says(play.admin(1, "approve 1"), "state\tapplied"));
  CHECK(says(play.admin(0, "show 1"), "state\tapplied"));
  for (std::size_t at = 0; at <= AdminTable::over_max; ++at) {
    const auto number = std::to_string(at + 2 * AdminTable::over_max + 2);
    CHECK(says(play.admin(2, "propose permission set 1 none"), "proposal\t" + number));
    CHECK(says(play.admin(2, "withdraw " + number), "state\twithdrawn"));
  }
  CHECK(says(play.admin(0, "show 1"), "state\tapplied"));
  play.reload();
  CHECK(says(play.admin(0, "show 1"), "state\tapplied"));
}

TEST_CASE("a proposal that its proposer takes back is another's, who must have room for it") {
  Play play(5);
  CHECK(says(play.admin(0, "propose client remove 3"), "state\topen"));
  CHECK(says(play.admin(1, "approve 1"), "state\topen"));
  CHECK(says(play.admin(0, "withdraw 1"), "proposer\t1"));
  for (std::size_t at = 1; at < AdminTable::open_max; ++at) {
    CHECK(says(play.admin(1, "propose permission set " + std::to_string(at) + " none"), "state\topen"));
  }
  CHECK(play.admin(1, "propose permission set 99 none").status == ReplyStatus::refused);
  // Two in league leave nothing behind.
  CHECK(says(play.admin(0, "propose permission set 99 none"), "state\topen"));
  CHECK(says(play.admin(1, "propose permission set 99 none"), "approved\t0 1"));
  CHECK(says(play.admin(0, "propose permission set 99 none"), "state\topen"));
  const auto number = play.admin(0, "propose permission set 99 none").text.substr(9, 1);
  CHECK(says(play.admin(0, "withdraw " + number), "state\twithdrawn"));
  CHECK(says(play.admin(0, "propose permission set 98 none"), "state\topen"));
}

TEST_CASE("long changes of a faulty administrator hide nobody's from the list") {
  Play play;
  CHECK(says(play.admin(0, "propose client remove 3"), "proposal\t1"));
  for (std::size_t at = 0; at < AdminTable::open_max; ++at) {
    const Words words{
        "propose",      "group",     "set", "g" + std::to_string(at), "rule=exact", "value=bytes", "members=0",
        "faulty_max=0", "operation", "toy", Bytes(4'000, '\1')};
    CHECK(play.request(requester_of(AdminId{1}), encode_operation("admin", encode_words(words)))->status ==
          ReplyStatus::ok);
  }
  const auto list = play.admin(0, "list").text;
  CHECK(list.size() < 32'768);
  CHECK(list.find("\n1\topen\t0\t0\t2\tclient\tremove\t3") != Bytes::npos);
  CHECK(play.admin(0, "show 2").text.size() > 16'000);
}

TEST_CASE("malformed requests are answered alike and change nothing") {
  Play play;
  const auto before = play.admin(0, "list").text;
  for (const auto& text : {"", "propose", "approve", "approve x", "approve 18446744073709551616", "show 0", "list 1",
                           "vote 1", "withdraw 1 2", "propose client add 4000000000 key"}) {
    CAPTURE(text);
    CHECK(play.admin(0, text).status == ReplyStatus::refused);
  }
  CHECK(play.request(requester_of(0), encode_operation("admin", "\xff"))->status == ReplyStatus::refused);
  CHECK(play.admin(0, "list").text == before);
}

TEST_CASE("a group laid down anew gives up what is open, and no vote for what it was counts, not even one under way") {
  Play play;
  CHECK(play.group(0, "vote heat 1 20").status == ReplyStatus::ok);
  CHECK(play.group(1, "vote heat 2 21").status == ReplyStatus::ok);
  CHECK(says(play.change("group set heat rule=exact value=bytes members=0,1,2 faulty_max=1 rounds_max=2"),
             "state\tapplied"));
  CHECK(play.group(0, "next heat").text == "5");
  for (const auto* const round : {"1", "2", "3", "4"}) {  // all that could be voted in before
    CHECK(play.group(2, "vote heat " + std::string(round) + " 20").text ==
          "late: round " + std::string(round) + " is over, the next is 5");
  }
  CHECK(play.group(0, "result heat 1").status == ReplyStatus::refused);
  CHECK(play.group(0, "result heat 4").status == ReplyStatus::refused);
  CHECK(play.group(0, "vote heat 5 same").status == ReplyStatus::ok);
  CHECK(play.group(1, "vote heat 5 same").text.find("value\tsame") != Bytes::npos);
  play.reload();
  CHECK(play.group(0, "next heat").text == "6");
  CHECK(play.group(0, "show heat").text.find("rule\texact") != Bytes::npos);
}

TEST_CASE("results of before a change are kept as long as the new definition says, and no longer") {
  Play play;
  const auto decide = [&play](std::uint64_t round) {
    for (ClientId id = 0; id < 3; ++id) {
      CHECK(play.group(id, "vote heat " + std::to_string(round) + " 20").status == ReplyStatus::ok);
    }
  };
  const auto kept = [&play] {
    std::size_t results = 0;
    play.state.scan(state_key::group_result("heat", 0), state_key::group_result("heat", 1'000),
                    [&results](ByteView, ByteView) { return ++results != 0; });
    return results;
  };
  for (std::uint64_t round = 1; round <= 6; ++round) decide(round);
  CHECK(kept() == 4);
  CHECK(says(play.change("group set heat rule=median value=real members=0,1,2 faulty_max=1 deadline_ms=60000 "
                         "rounds_max=3"),
             "state\tapplied"));
  CHECK(kept() == 3);
  CHECK(play.group(0, "result heat 6").text.find("value\t20") != Bytes::npos);
  CHECK(play.group(0, "next heat").text == "11");
  decide(11);
  CHECK(kept() == 1);  // the newest three numbers
  for (std::uint64_t round = 12; round <= 16; ++round) decide(round);
  CHECK(kept() == 3);
}

TEST_CASE("a group that is removed is gone, after a restart too, though the configuration names it") {
  Play play;
  CHECK(play.group(0, "vote heat 1 20").status == ReplyStatus::ok);
  CHECK(says(play.change("group remove heat"), "state\tapplied"));
  CHECK(play.group(0, "vote heat 2 20").status == ReplyStatus::refused);
  play.reload();
  CHECK(play.group(0, "next heat").status == ReplyStatus::refused);
  CHECK(says(play.change("client remove 1"), "state\tapplied"));
  // No round of any group that was removed comes again.
  CHECK(says(play.change("group set heat rule=exact value=bytes members=0 faulty_max=0"), "state\tapplied"));
  CHECK(play.group(0, "vote heat 1 a").text == "late: round 1 is over, the next is 5");
  CHECK(play.group(0, "vote heat 5 a").text.find("value\ta") != Bytes::npos);
}

TEST_CASE("a group that is not configured leaves nothing behind") {
  Play play;
  std::size_t keys = 0;
  const auto count = [&] {
    keys = 0;
    const Bytes from(1, state_key::group_prefix);
    const Bytes to(1, static_cast<char>(state_key::group_member_prefix + 1));
    play.state.scan(from, to, [&keys](ByteView, ByteView) { return ++keys != 0; });
    return keys;
  };
  CHECK(count() == 0);
  CHECK(says(play.change("group set cold rule=exact value=bytes members=0 faulty_max=0"), "state\tapplied"));
  CHECK(play.group(0, "vote cold 1 a").text.find("value\ta") != Bytes::npos);
  CHECK(count() == 3);
  CHECK(says(play.change("group remove cold"), "state\tapplied"));
  CHECK(count() == 0);
}

TEST_CASE("a group's operation may not administer") {
  Play play;
  CHECK(says(play.change("group set cold rule=exact value=operation members=0 faulty_max=0"), "state\tapplied"));
  const auto reply = play.group(0, "vote cold 1 admin propose client remove 1");
  CHECK(reply.text.find("reply\trefused\ta group does not vote in admin") != Bytes::npos);
}
