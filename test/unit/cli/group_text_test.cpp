// The texts around groups: periods, readings, answers of the group service; and the options that lay groups down.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "client_lib/cli/group/group_report.h"
#include "client_lib/cli/group/reading_source.h"
#include "client_lib/cli/group/sense_text.h"
#include "messages/cluster_file/cluster_file.h"
#include "test/unit/cli/support.h"

using namespace tagma;
using namespace tagma::cli;
using tagma::cli::test::contains;
using tagma::cli::test::Ran;
using tagma::cli::test::run;
using tagma::cli::test::TemporaryFolder;

namespace {

constexpr std::chrono::milliseconds patience(20'000);

std::string group_text(const std::string& deadline_ms, const std::string& members = "0, 1, 2") {
  return "[[groups]]\nname = \"load\"\nrule = \"median\"\nvalue = \"real\"\nmembers = [" + members +
         "]\nfaulty_max = 1\ndeadline_ms = " + deadline_ms + "\n";
}

GroupDefinition group_of(GroupRule rule, GroupValue value) {
  GroupDefinition group;
  group.rule = rule;
  group.value = value;
  return group;
}

Ran init(const TemporaryFolder& folder, const std::string& groups, const Arguments& more = {}) {
  std::ofstream(folder / "groups.toml") << groups;
  Arguments arguments{"init", "--dir", folder / "c", "--clients", "3", "--groups", folder / "groups.toml"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run(arguments);
}

}  // namespace

TEST_CASE("a period is a number of milliseconds or seconds") {
  CHECK(*read_period("500ms") == std::chrono::milliseconds(500));
  CHECK(*read_period("2s") == std::chrono::milliseconds(2'000));
  CHECK(*read_period("3600s") == std::chrono::hours(1));
  for (const std::string text :
       {"", "500", "ms", "9ms", "0s", "3601s", "-1s", "1.5s", "2 s", "2sec", "99999999999999999999s"}) {
    CAPTURE(text);
    const auto refused = read_period(text);
    REQUIRE_FALSE(refused);
    CHECK(contains(refused.reason(), "--every"));
  }
}

TEST_CASE("a vote is the first word of a line, and of operations all words") {
  auto group = group_of(GroupRule::median, GroupValue::real);
  CHECK(*vote_of_line(group, " 0.42 0.38 0.30 1/345 6789") == Words{"0.42"});
  CHECK_FALSE(vote_of_line(group, "warm"));
  CHECK_FALSE(vote_of_line(group, "nan"));
  CHECK(vote_of_line(group, " \t\r").reason() == "the line is empty");
  group = group_of(GroupRule::interval, GroupValue::real_interval);
  CHECK(*vote_of_line(group, "20.1..20.3\tkitchen") == Words{"20.1..20.3"});
  CHECK_FALSE(vote_of_line(group, "3..2"));
  group = group_of(GroupRule::exact, GroupValue::operation);
  CHECK(*vote_of_line(group, "kv put  valve open\r") == Words{"kv", "put", "valve", "open"});
}

TEST_CASE("what the group service answers to a vote") {
  const auto refused = [](const std::string& text) { return read_vote_answer({ReplyStatus::refused, text}); };
  CHECK(read_vote_answer({ReplyStatus::ok, "counted: round 3, 1 of 3"}).outcome == VoteOutcome::counted);
  CHECK(refused("late: round 3 is over, the next is 12").outcome == VoteOutcome::late);
  CHECK(refused("late: round 3 is over, the next is 12").next == 12);
  CHECK(refused("round 40 is too far ahead: the next is 7").outcome == VoteOutcome::ahead);
  CHECK(refused("round 40 is too far ahead: the next is 7").next == 7);
  CHECK(refused("has voted in round 3: the first vote counts").outcome == VoteOutcome::repeated);
  CHECK(refused("client 4 is no member of load").outcome == VoteOutcome::refused);
  CHECK(refused("late: round 3 is over").outcome == VoteOutcome::refused);
}

TEST_CASE("a round's result is read, and shown on a line, in a table and as JSON") {
  const auto result = read_round_result(
      "round\t12\ngrade\ttimely\nvalue\ta\\tb\\x01\\\\\npresent\t4 0\ndisagreeing\t4\ncontradictory\tno\n"
      "reply\trefused\tno room");
  REQUIRE(result);
  CHECK(*result->value == "a\tb\x01\\");
  CHECK(result->present == std::vector<ClientId>{4, 0});
  CHECK(to_json(*result).dump() ==
        R"({"contradictory":false,"disagreeing":[4],"grade":"timely","present":[4,0],"reply":{"status":"refused",)"
        R"("text":"no room"},"round":12,"value":"a\tb\u0001\\"})");
  CHECK(
      contains(round_line(*result, 3), "  timely  present 2 of 3  disagreeing: client 4  operation refused: no room"));
  const auto none = read_round_result("round\t3\ngrade\tnone\npresent\t\ndisagreeing\t\ncontradictory\tyes");
  REQUIRE(none);
  CHECK(round_line(*none, 3) ==
        "round 3  -  none  present 0 of 3  contradictory: more are faulty than faulty_max says");
  CHECK(round_table(*none) ==
        "round          3\ngrade          none\npresent        \ndisagreeing    \ncontradictory  yes\n");
  CHECK(to_json(*none)["value"].is_null());
  for (const std::string text : {"", "round\t0\ngrade\tnone", "round\t1", "round\t1\ngrade\tnone\npresent\tx",
                                 "round\t1\ngrade\tnone\nvalue\t\\", "round\t1\ngrade\tnone\nvalue\t\\q"}) {
    CAPTURE(text);
    CHECK_FALSE(read_round_result(text));
  }
}

TEST_CASE("what is known of a group and of all groups") {
  const auto report = read_group_report(
      "group\t7\nrule\tmedian\nmembers\t2\nnext\t9\nmember\t0\tclient\t4\tvotes\t112\tsuspected\tno\n"
      "member\t1\tclient\t5\tvotes\t3\tsuspected\tyes");
  REQUIRE(report);
  CHECK(group_table(*report) ==
        "group        7\nrule         median\nmembers      2\nnext         9\n\n"
        "member  client  votes  suspected\n     0       4    112  no\n     1       5      3  yes\n");
  const auto json = to_json(*report);
  CHECK(json["group"] == "7");
  CHECK(json["next"] == 9);
  CHECK(json["per_member"][1]["suspected"] == true);
  CHECK_FALSE(read_group_report("group"));
  CHECK_FALSE(read_group_report("member\t0\tclient\t4\nmember\t1"));
  const auto list = read_group_list("load\tmedian\treal\tm 3\tt 1\tnext round 5");
  REQUIRE(list);
  CHECK(list_table(*list) ==
        "group  rule    value  members  faulty_max  next\nload   median  real         3           1     5\n");
  CHECK(to_json(*list)["groups"][0]["faulty_max"] == 1);
  CHECK(read_group_list("")->empty());
  CHECK_FALSE(read_group_list("load\tmedian"));
}

TEST_CASE("readings of a file: its first line, each time anew") {
  const TemporaryFolder folder;
  StopSignals stop;
  const auto source = readings_of_file(folder / "reading");
  CHECK(contains(source->newest(stop, patience).reason(), "cannot be read"));
  std::ofstream(folder / "reading") << "20.1 hall\n99\n";
  CHECK(*source->newest(stop, patience) == "20.1 hall");
  std::ofstream(folder / "reading") << "20.2";
  CHECK(*source->newest(stop, patience) == "20.2");
  std::ofstream(folder / "reading") << "";
  CHECK(contains(source->newest(stop, patience).reason(), "is empty"));
}

TEST_CASE("readings of a program that ends are those of one run each; its end without a line is none") {
  StopSignals stop;
  const auto once = readings_of_program("echo $$ hall");
  const auto first = once->newest(stop, patience);
  const auto second = once->newest(stop, patience);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first != *second);
  CHECK(*readings_of_program("printf 20.5")->newest(stop, patience) == "20.5");
  CHECK(readings_of_program("exit 3")->newest(stop, patience).reason() == "the program has ended and printed nothing");
}

TEST_CASE("a program that goes on printing is left to it; a silent one is ended") {
  StopSignals stop;
  const auto streaming = readings_of_program("for n in 1 2 3; do echo $$; sleep 0.1; done; sleep 60");
  const auto first = streaming->newest(stop, patience);
  const auto second = streaming->newest(stop, patience);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first == *second);
  const auto silent = readings_of_program("sleep 60");
  CHECK(contains(silent->newest(stop, std::chrono::milliseconds(20)).reason(), "has printed nothing for 20 ms"));
}

TEST_CASE("init lays groups down, and refuses what the replicas would refuse before it writes anything") {
  const TemporaryFolder folder;
  const auto refuse = [&](const std::string& groups, const Arguments& more, const std::string& expected) {
    const Ran ran = init(folder, groups, more);
    CHECK(ran.status == exit_usage);
    CHECK_MESSAGE(contains(ran.err, expected), ran.err);
    CHECK_FALSE(std::filesystem::exists(folder / "c"));
  };
  refuse(group_text("3000"), {}, "groups.toml: groups[0].deadline_ms: is below 16700");
  refuse(group_text("3000", "0, 1, 3"), {"--clock-window-ms", "250"}, "there is no client 3 among 3 clients");
  refuse(group_text("3000", "0, 1"), {"--clock-window-ms", "250"}, "needs m >= 2t+1");
  refuse("groups = 1", {}, "groups.toml: groups");
  refuse(group_text("3000"), {"--clock-window-ms", "49"}, "--clock-window-ms");
  const Ran ran = init(folder, group_text("3000"), {"--clock-window-ms", "250", "--base-port", "21000"});
  CHECK_MESSAGE(ran.status == exit_ok, ran.err);
  CHECK(contains(ran.out, "Groups: load."));
  const auto file = read_cluster_file(folder / "c/cluster.toml");
  REQUIRE(file);
  CHECK(file->clock_window_ms == 250);
  REQUIRE(file->groups.size() == 1);
  CHECK(file->groups[0].deadline_us == 3'000'000);
  const auto sense = [&](Arguments more, const std::string& expected) {
    more.insert(more.begin(), {"sense", "--dir", folder / "c"});
    const Ran wrong = run(more);
    CHECK(wrong.status == exit_usage);
    CHECK_MESSAGE(contains(wrong.err, expected), wrong.err);
  };
  sense({"lead", "--member", "0", "--file", "f"}, "there is none of the name lead; there is load");
  sense({"load", "--member", "3", "--file", "f"}, "has 3 members, numbered from 0");
  sense({"load", "--member", "0"}, "--command PROGRAM or --file FILE");
  sense({"load", "--member", "0", "--file", "f", "--every", "5"}, "--every 5");
  sense({"load", "--member", "0", "--file", "f", "--command", "c"}, "excludes");
  const Ran asked = run({"group", "show", "--dir", folder / "c"});
  CHECK(asked.status == exit_usage);
  CHECK(contains(asked.err, "usage: ./tagma group show NAME"));
}
