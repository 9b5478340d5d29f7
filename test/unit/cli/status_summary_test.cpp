#include "client_lib/cli/status_summary.h"

#include <doctest/doctest.h>

using namespace tagma;
using tagma::cli::accusations;
using tagma::cli::faults_text;
using tagma::cli::no_room;
using tagma::cli::summarise;
using tagma::cli::why_not_voting;

namespace {

Membership four_replicas() {
  Membership membership;
  membership.faults = 1;
  for (ReplicaId id = 0; id < 4; ++id) {
    ReplicaMember member;
    member.id = id;
    membership.replicas.push_back(member);
  }
  return membership;
}

/// A replica that answered with a digest made of one repeated byte.
ReplicaReport answer(ReplicaId id, Seq seq, std::uint8_t digest) {
  ReplicaReport replica;
  replica.id = id;
  replica.answered = true;
  replica.report.state_digest_seq = seq;
  replica.report.state_digest.bytes.fill(digest);
  return replica;
}

ReplicaReport silence(ReplicaId id) {
  ReplicaReport replica;
  replica.id = id;
  return replica;
}

}  // namespace

TEST_CASE("four that agree") {
  const auto summary =
      summarise(four_replicas(), {answer(0, 128, 7), answer(1, 128, 7), answer(2, 128, 7), answer(3, 128, 7)});
  CHECK(summary.answered == 4);
  CHECK(summary.quorum_agrees);
  CHECK(summary.differing.empty());
  CHECK(summary.agreed_seq == 128);
  CHECK(summary.agreeing_at_seq == 4);
}

TEST_CASE("one silent leaves a quorum, two do not") {
  CHECK(summarise(four_replicas(), {answer(0, 0, 0), silence(1), answer(2, 0, 0), answer(3, 0, 0)}).quorum_agrees);
  CHECK_FALSE(summarise(four_replicas(), {answer(0, 0, 0), silence(1), silence(2), answer(3, 0, 0)}).quorum_agrees);
}

TEST_CASE("the one that differs is named, the others are a quorum") {
  const auto summary =
      summarise(four_replicas(), {answer(0, 128, 7), answer(1, 128, 7), answer(2, 128, 9), answer(3, 128, 7)});
  CHECK(summary.differing == std::vector<ReplicaId>{2});
  CHECK(summary.quorum_agrees);
}

TEST_CASE("digests are compared at the same seq only") {
  const auto summary =
      summarise(four_replicas(), {answer(0, 256, 8), answer(1, 256, 8), answer(2, 128, 7), answer(3, 0, 0)});
  CHECK(summary.differing.empty());
  CHECK(summary.quorum_agrees);
  CHECK(summary.agreed_seq == 256);
  CHECK(summary.agreeing_at_seq == 2);
}

TEST_CASE("where two stand against two nobody is right") {
  const auto summary =
      summarise(four_replicas(), {answer(0, 128, 7), answer(1, 128, 7), answer(2, 128, 9), answer(3, 128, 9)});
  CHECK(summary.differing == std::vector<ReplicaId>{0, 1, 2, 3});
  CHECK_FALSE(summary.quorum_agrees);
}

TEST_CASE("an answer from another epoch is no agreement") {
  auto other = answer(1, 0, 0);
  other.report.epoch = 5;
  const auto summary = summarise(four_replicas(), {answer(0, 0, 0), other, silence(2), answer(3, 0, 0)});
  CHECK(summary.answered == 3);
  CHECK_FALSE(summary.quorum_agrees);
}

TEST_CASE("a replica of another epoch that also differs is not subtracted twice") {
  auto other = answer(3, 128, 9);
  other.report.epoch = 5;
  const auto summary = summarise(four_replicas(), {answer(0, 128, 7), answer(1, 128, 7), answer(2, 128, 7), other});
  CHECK(summary.differing == std::vector<ReplicaId>{3});
  CHECK(summary.quorum_agrees);
}

TEST_CASE("a quorum that agrees need not vote") {
  std::vector<ReplicaReport> reports{answer(0, 0, 0), answer(1, 0, 0), answer(2, 0, 0), answer(3, 0, 0)};
  CHECK(summarise(four_replicas(), reports).voting == 0);
  CHECK(summarise(four_replicas(), reports).quorum_agrees);
  for (const ReplicaId id : {0U, 1U}) reports[id].report.voting = true;
  CHECK_FALSE(summarise(four_replicas(), reports).quorum_votes);
  reports[3].report.voting = true;
  CHECK(summarise(four_replicas(), reports).voting == 3);
  CHECK(summarise(four_replicas(), reports).quorum_votes);
  reports[3].report.epoch = 5;
  CHECK_FALSE(summarise(four_replicas(), reports).quorum_votes);
}

TEST_CASE("why a replica does not vote, as its counters tell") {
  const auto why = [](std::vector<std::pair<std::string, std::uint64_t>> counters) {
    Report report;
    report.incarnation = 2;
    report.counters = std::move(counters);
    return why_not_voting(report);
  };
  CHECK(why({{"rejoin boundary slot", 0}}) == "it has lost its memory, and asks the others to take it back");
  CHECK(why({{"rejoin boundary slot", 300}}).starts_with("taken back as incarnation 2, it votes on slots above 300"));
  CHECK(why({{"view not begun", 7}}) == "it wants view 7, which has not begun");
  CHECK(
      why({{"rejoin boundary slot", 0}, {"transfer target slot", 128}}).starts_with("it fetches the state after slot"));
  CHECK(why({{"view not begun", 7}, {"no room on the disk", 1}}).starts_with("its disk has no room"));
  CHECK(why({{"view not begun", 7}, {"no room on the disk", 0}}).starts_with("it wants view 7"));
  CHECK(why({{"alarms", 1}, {"view not begun", 7}}).starts_with("it has raised the alarm"));
  CHECK(why({}).starts_with("it has stopped, or it seeks somebody"));
}

TEST_CASE("what of a disk has no room, what is free and what is needed") {
  Report report;
  CHECK_FALSE(no_room(report));
  report.counters = {{"no room on the disk", 1}, {"no room for the state", 1}};
  CHECK(no_room(report) == "its disk has no room for the state");
  report.counters = {{"no room on the disk", 1},     {"no room for the log", 1},       {"no room for the state", 1},
                     {"disk bytes free", 1'200'000}, {"log bytes needed", 16'777'216}, {"state bytes needed", 300'000}};
  CHECK(no_room(report) ==
        "its disk has no room for the log and the state (1.2 MB free, about 16.8 MB needed for the log and more than "
        "0.3 MB needed for the state)");
  CHECK(why_not_voting(report).ends_with("; it goes on by itself once there is enough"));
}

TEST_CASE("who has raised the alarm is named, though its newest checkpoint is older than the others'") {
  std::vector<ReplicaReport> reports{answer(0, 384, 7), answer(1, 384, 7), answer(2, 256, 9), answer(3, 384, 7)};
  reports[2].report.counters = {{"alarms", 1}};
  reports[3].report.counters = {{"alarms", 0}};
  const auto summary = summarise(four_replicas(), reports);
  CHECK(summary.differing.empty());
  CHECK(summary.alarmed == std::vector<ReplicaId>{2});
}

TEST_CASE("who has lost its memory, and how many others may fail until it is taken back") {
  std::vector<ReplicaReport> reports{answer(0, 0, 0), answer(1, 0, 0), silence(2), answer(3, 0, 0)};
  CHECK(summarise(four_replicas(), reports).forgetful.empty());
  for (const ReplicaId id : {1U, 2U, 3U}) reports[id].report.counters = {{"rejoin boundary slot", id == 1 ? 0 : 300}};
  CHECK(summarise(four_replicas(), reports).forgetful == std::vector<ReplicaId>{1, 3});

  CHECK(faults_text(four_replicas(), {}) == "answers correctly while 1 replica lies");
  CHECK(faults_text(four_replicas(), {3}) ==
        "replica 3 has lost its memory and is being taken back: until then no other may fail");
  Membership seven;
  seven.faults = 2;
  for (ReplicaId id = 0; id < 7; ++id) {
    seven.replicas.emplace_back();
    seven.replicas.back().id = id;
  }
  CHECK(faults_text(seven, {}) == "answers correctly while 2 replicas lie");
  CHECK(faults_text(seven, {5}) ==
        "replica 5 has lost its memory and is being taken back: until then at most 1 other may fail");
  CHECK(faults_text(seven, {1, 5}) ==
        "replicas 1 and 5 have lost their memory and are being taken back: until then no other may fail");
}

TEST_CASE("who contradicts himself, who says so, and what was heard first") {
  auto first = answer(0, 128, 7);
  first.report.counters = {{"batches", 3},
                           {"contradictions of replica 3, first two PREPAREs for view 1 slot 9: ab and cd", 2},
                           {"contradictions of replica 1", 1},
                           {"contradictions of replica ", 4},
                           {"contradictions of replica 0, first a lie about itself", 1}};
  auto second = answer(2, 128, 7);
  second.report.counters = {{"contradictions of replica 3, first two COMMITs for view 1 slot 8: ab and cd", 1}};
  auto silent = silence(1);
  silent.report.counters = second.report.counters;
  const auto found = accusations({first, silent, second});
  REQUIRE(found.size() == 2);
  CHECK(found[0].accused == 1);
  CHECK(found[0].accusers == std::vector<ReplicaId>{0});
  CHECK(found[0].first.empty());
  CHECK(found[1].accused == 3);
  CHECK(found[1].accusers == std::vector<ReplicaId>{0, 2});
  CHECK(found[1].first == "two PREPAREs for view 1 slot 9: ab and cd");
}

TEST_CASE(
    "of a member of a group that is told which f+1 replicas reach, and a lone replica's word counts for nothing") {
  const auto told = [](ReplicaId id, std::uint64_t votes, std::uint64_t suspected) {
    auto replica = answer(id, 0, 0);
    const std::string who = "group heat, member 2 (client 5): ";
    replica.report.counters = {{who + "votes", votes},
                               {who + "late", 1},
                               {who + "disagreeing", 0},
                               {who + "suspected", suspected},
                               {"group heat, member x (client 5): votes", 1},
                               {"group ): , member (client ", 1}};
    return replica;
  };
  auto liar = told(3, 1'000'000, 1);
  liar.report.counters.emplace_back("group false, member 0 (client 0): votes", 7);
  liar.report.counters.emplace_back("group heat, member 2 (client 5): suspected", 1);
  liar.report.counters.emplace_back("group false, member 0 (client 0): votes", 8);
  const auto members = tagma::cli::member_reports(four_replicas(), {told(0, 40, 0), silence(1), told(2, 41, 0), liar});
  REQUIRE(members.size() == 1);
  CHECK(members[0].group == "heat");
  CHECK(members[0].member == 2);
  CHECK(members[0].client == 5);
  CHECK(members[0].votes == 41);
  CHECK(members[0].late == 1);
  CHECK_FALSE(members[0].suspected);
  CHECK(tagma::cli::member_reports(four_replicas(), {told(0, 1, 1), told(1, 1, 1)})[0].suspected);
}
