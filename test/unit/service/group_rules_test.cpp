// Groups: which can be, how votes are read, what they come to. The arithmetic itself is voting_test.cpp's.
#include "replica/service/group_rules.h"

#include <doctest/doctest.h>

using namespace tagma;

namespace {

GroupDefinition group_of(GroupRule rule, GroupValue value, std::uint32_t members, std::uint32_t faulty_max,
                         TimeUs deadline_us = 0) {
  GroupDefinition group;
  group.name = "g";
  group.rule = rule;
  group.value = value;
  group.faulty_max = faulty_max;
  group.deadline_us = deadline_us;
  for (ClientId id = 0; id < members; ++id) group.members.push_back(10 + id);
  if (value == GroupValue::reals) group.components = 2;
  return group;
}

std::string fault(const GroupDefinition& group) { return group_fault(group).value_or(""); }

Bytes vote(const GroupDefinition& group, const Bytes& text) {
  const auto read = read_group_vote(group, {text});
  return read.ok() ? *read : "refused: " + read.reason();
}

std::vector<GroupVote> votes(const GroupDefinition& group, const std::vector<Bytes>& texts) {
  std::vector<GroupVote> made;
  for (const auto& text : texts) made.push_back({static_cast<std::uint32_t>(made.size()), vote(group, text)});
  return made;
}

}  // namespace

TEST_CASE("a group that the arithmetic does not bear is refused with the formula") {
  CHECK(fault(group_of(GroupRule::median, GroupValue::real, 3, 1, 1)).empty());
  CHECK(fault(group_of(GroupRule::median, GroupValue::real, 3, 1)) ==
        "members: the median rule without a deadline needs m >= 3t+1: for t = 1 that is 4 members, not 3");
  CHECK(fault(group_of(GroupRule::exact, GroupValue::bytes, 2, 1)) ==
        "members: the exact rule without a deadline needs m >= 2t+1: for t = 1 that is 3 members, not 2");
  CHECK(fault(group_of(GroupRule::interval, GroupValue::real_interval, 4, 1)).empty());
  auto group = group_of(GroupRule::interval, GroupValue::real_interval, 4, 1);
  group.width_of_correct = true;
  CHECK(fault(group).find("4t+1") != std::string::npos);
}

TEST_CASE("each field of a group has its rule") {
  auto group = group_of(GroupRule::median, GroupValue::bytes, 4, 1);
  CHECK(fault(group) == "value: the median rule does not vote on bytes; choose another value or rule");
  group = group_of(GroupRule::exact, GroupValue::bytes, 3, 1);
  group.members[2] = group.members[0];
  CHECK(fault(group) == "members: a client stands twice among them; name each once");
  group = group_of(GroupRule::median, GroupValue::real, 4, 1);
  group.width_max = "3";
  CHECK(fault(group) == "width_max, width: only intervals have a width");
  group = group_of(GroupRule::interval, GroupValue::integer_interval, 4, 1);
  group.width_max = "1.5";
  CHECK(fault(group) == "width_max: \"1.5\" is no number from 0 on; write one in quotation marks");
  group = group_of(GroupRule::component_median, GroupValue::reals, 4, 1);
  group.components = 0;
  CHECK(fault(group).starts_with("components: "));
  group = group_of(GroupRule::exact, GroupValue::operation, 3, 1);
  group.operation = {"kv", "put", "a", "{value}"};
  CHECK(fault(group) == "operation: the members vote on it; leave it out");
  group = group_of(GroupRule::exact, GroupValue::bytes, 3, 1);
  group.rounds_max = 65;
  CHECK(fault(group) == "rounds_max: 1 to 64; write one of these");
  group.name = "Not a name";
  CHECK(fault(group).starts_with("name: "));
}

TEST_CASE("a timely group's deadline outlasts f+1 primaries, or it takes unconditional values alone") {
  const GroupTiming timing{.faults = 1, .clock_window_us = 250'000, .view_change_timeout_us = 400'000};
  CHECK(group_deadline_min_us(timing) == 750'000 + 1'200'000 + 500'000);
  auto group = group_of(GroupRule::median, GroupValue::real, 7, 2, 2'449'000);
  CHECK(first_group_fault({group}, timing).value_or("").starts_with("groups[0].deadline_ms: is below 2450"));
  group.unconditional_only = true;
  CHECK_FALSE(first_group_fault({group}, timing));
  group.unconditional_only = false;
  group.deadline_us = 2'450'000;
  CHECK_FALSE(first_group_fault({group}, timing));
}

TEST_CASE("whoever takes unconditional values alone must get them with t members silent") {
  auto group = group_of(GroupRule::median, GroupValue::real, 6, 2, 1'000'000);
  group.unconditional_only = true;
  CHECK(fault(group) ==
        "grade: values that hold in any case, with t members silent, need m >= 3t+1: for t = 2 that is 7 "
        "members, not 6");
  group = group_of(GroupRule::interval, GroupValue::real_interval, 7, 2, 1'000'000);
  group.unconditional_only = true;
  CHECK_FALSE(group_fault(group));
  group.width_of_correct = true;
  CHECK(fault(group).find("4t+1") != std::string::npos);
  group = group_of(GroupRule::interval, GroupValue::real_interval, 4, 1);
  group.width_max = Bytes(65, '1');
  CHECK(fault(group) == "width_max: has more than 64 characters");
}

TEST_CASE("votes have one spelling, and what is no value is refused") {
  const auto real = group_of(GroupRule::median, GroupValue::real, 4, 1);
  CHECK(vote(real, "20.50") == "20.5");
  CHECK(vote(real, "+3") == "3");
  CHECK(vote(real, "-0.0") == "-0");
  CHECK(vote(real, "1e400") == "refused: the vote is no finite number");
  for (const auto* const text : {"nan", "inf", "-inf", "", "1 ", "1,5", "0x10"}) {
    CAPTURE(text);
    CHECK(vote(real, text).starts_with("refused"));
  }
  const auto whole = group_of(GroupRule::median, GroupValue::integer, 4, 1);
  CHECK(vote(whole, "-9223372036854775808") == "-9223372036854775808");
  CHECK(vote(whole, "9223372036854775808") == "refused: the vote is no whole number of 64 bits");
  auto interval = group_of(GroupRule::interval, GroupValue::real_interval, 4, 1);
  interval.width_max = "2";
  CHECK(vote(interval, "1..2.50") == "1..2.5");
  CHECK(vote(interval, "4") == "4..4");
  CHECK(vote(interval, "2..1").starts_with("refused"));
  CHECK(vote(interval, "1..3.5").starts_with("refused"));
  const auto tuple = group_of(GroupRule::component_median, GroupValue::reals, 4, 1);
  CHECK(vote(tuple, "1,2.0") == "1,2");
  CHECK(vote(tuple, "1,2,3").starts_with("refused"));
  CHECK(vote(group_of(GroupRule::exact, GroupValue::bytes, 3, 1), Bytes(group_vote_bytes_max + 1, 'x'))
            .starts_with("refused"));
}

TEST_CASE("what votes come to: the lower median, the covered interval, t+1 alike, each component for itself") {
  const auto real = group_of(GroupRule::median, GroupValue::real, 4, 1);
  auto made = decide_group(real, votes(real, {"1", "100", "2"}), false);
  CHECK(made.over);
  CHECK(made.grade == voting::Grade::unconditional);
  CHECK(*made.value == "2");
  made = decide_group(real, votes(real, {"1", "100", "2", "3"}), false);
  CHECK(*made.value == "2");
  CHECK_FALSE(decide_group(real, votes(real, {"1", "100"}), false).over);

  const auto interval = group_of(GroupRule::interval, GroupValue::real_interval, 4, 1);
  made = decide_group(interval, votes(interval, {"1..3", "2..4", "90..95", "2..3"}), false);
  CHECK(*made.value == "2..3");
  CHECK(made.disagreeing == std::vector<std::uint32_t>{2});

  const auto exact = group_of(GroupRule::exact, GroupValue::bytes, 3, 1);
  CHECK_FALSE(decide_group(exact, votes(exact, {"a", "b"}), false).over);
  made = decide_group(exact, votes(exact, {"a", "b", "a"}), false);
  CHECK(*made.value == "a");
  CHECK(made.disagreeing == std::vector<std::uint32_t>{1});
  made = decide_group(exact, votes(exact, {"a", "b", "c"}), false);
  CHECK(made.over);
  CHECK_FALSE(made.value);
  CHECK(made.contradictory);

  const auto tuple = group_of(GroupRule::component_median, GroupValue::reals, 4, 1);
  made = decide_group(tuple, votes(tuple, {"1,30", "2,10", "3,20"}), false);
  CHECK_MESSAGE(*made.value == "2,20", "which nobody has sent");
}

TEST_CASE("a value becomes the operation that the group names") {
  auto group = group_of(GroupRule::interval, GroupValue::real_interval, 4, 1);
  group.operation = {"kv", "put", "{group} {round}", "{low} to {high}, {grade}: {value}"};
  VotedInput voted{.group = "g", .round = 7, .value = "1..2", .unconditional = false, .present = {}, .disagreeing = {}};
  auto operation = group_operation(group, voted);
  REQUIRE(operation);
  auto parts = decode_operation(*operation);
  CHECK(parts->service == "kv");
  CHECK(*decode_words(parts->payload) == Words{"put", "g 7", "1 to 2, timely: 1..2"});

  group = group_of(GroupRule::exact, GroupValue::bytes, 3, 1);
  CHECK_FALSE(group_operation(group, voted));
  group.operation = {"kv", "put", "a", "{value}"};
  group.operation[3] = "{low}{high} {value} {else";
  voted.value = "{group}{high}";
  operation = group_operation(group, voted);
  const auto word = (*decode_words(decode_operation(*operation)->payload))[2];
  CHECK_MESSAGE(word == "{group}{high}{group}{high} {group}{high} {else", "a member's marks mean nothing");

  group = group_of(GroupRule::exact, GroupValue::operation, 3, 1);
  const auto read = read_group_vote(group, {"kv", "put", "a", "1"});
  REQUIRE(read.ok());
  voted.value = *read;
  CHECK(*group_operation(group, voted) == encode_operation("kv", encode_words({"put", "a", "1"})));
  CHECK_FALSE(read_group_vote(group, {"Not a service"}).ok());
}
