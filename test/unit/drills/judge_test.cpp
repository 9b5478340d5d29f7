// The judge of drills: each thing that it can find fault with, found in a history that has that fault alone.
#include "docker/drills/judge.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

using namespace tagma;
using namespace tagma::drills;

namespace {

constexpr std::int64_t second_us = 1'000'000;

Call put(ClientId client, const std::string& key, std::int64_t at_us) {
  Call call;
  call.status = CallStatus::ok;
  call.operation.process = client;
  call.operation.kind = checkers::KvKind::put;
  call.operation.key = key;
  call.operation.value = key;
  call.operation.invoked_us = at_us - 1'000;
  call.operation.returned_us = at_us;
  return call;
}

Call read(const std::string& key, const std::string& value, std::int64_t at_us) {
  Call call = put(90, key, at_us);
  call.operation.kind = checkers::KvKind::get;
  call.operation.found = !value.empty();
  call.operation.value_seen = value;
  return call;
}

/// A hundred writes a second for so long, all of them there in the end.
Seen good(double seconds) {
  Seen seen;
  seen.load_s = seconds;
  const auto end_us = static_cast<std::int64_t>(seconds * 1e6);
  for (std::int64_t at_us = 10'000; at_us < end_us; at_us += 10'000) {
    const std::string key = "journal-" + std::to_string(at_us);
    seen.history.push_back(put(0, key, at_us));
    seen.reads.push_back(read(key, key, end_us + second_us));
  }
  return seen;
}

/// Without what was acknowledged from one time to another.
void leave_out(Seen& seen, double from_s, double to_s) {
  const auto within = [&](const Call& call) {
    const double at_s = static_cast<double>(call.operation.returned_us) / 1e6;
    return at_s >= from_s && at_s < to_s;
  };
  std::set<Bytes> keys;
  for (const auto& call : seen.history) {
    if (within(call)) keys.insert(call.operation.key);
  }
  const auto left_out = [&](const Call& call) { return keys.contains(call.operation.key); };
  for (auto* const calls : {&seen.history, &seen.reads}) {
    calls->erase(std::remove_if(calls->begin(), calls->end(), left_out), calls->end());
  }
}

/// The expectations that were not met.
std::string unmet(const Scenario& scenario, const Seen& seen, DrillResult result = {}) {
  judge(scenario, seen, result);
  std::string texts;
  for (const auto& one : result.expectations) {
    if (!one.met) texts += (texts.empty() ? "" : "; ") + one.text;
  }
  return texts;
}

ReplicaSample in_view(View view, double at_s) {
  ReplicaSample sample;
  sample.at_s = at_s;
  sample.answered = sample.voting = true;
  sample.view = view;
  return sample;
}

}  // namespace

TEST_SUITE_BEGIN("judge");

TEST_CASE("a good run is found good") {
  DrillResult result;
  judge({}, good(10), result);
  CHECK_FALSE(result.passed());  // nothing has happened in it
  result.evidence.push_back({"replica 0 killed", true, ""});
  CHECK(result.passed());
  CHECK(result.acknowledged == 999);
  CHECK(result.intervals.size() == 20);
  CHECK(result.intervals[3].acknowledged == 50);
  CHECK(result.intervals[3].p50_us == 1'000);
  CHECK(result.longest_pause_ms == doctest::Approx(10));
}

TEST_CASE("a lost write is found, by the journal and by the history") {
  auto seen = good(10);
  seen.reads[17] = read(seen.history[17].operation.key, "", 11 * second_us);
  const auto texts = unmet({}, seen);
  CHECK(texts.find("nothing acknowledged is lost") != std::string::npos);
  CHECK(texts.find("the history is linearizable") != std::string::npos);
}

TEST_CASE("a run in which nothing was acknowledged proves nothing") {
  Seen seen;
  seen.load_s = 10;
  CHECK(unmet({}, seen).find("nothing acknowledged is lost") != std::string::npos);
}

TEST_CASE("a stale answer is found") {
  auto seen = good(10);
  seen.history.push_back(put(1, "shared-1", 2 * second_us));
  seen.history.push_back(read("shared-1", "", 3 * second_us));
  CHECK(unmet({}, seen) == "the history is linearizable");
}

TEST_CASE("a call without an outcome may or may not have been executed, and is counted") {
  auto seen = good(10);
  auto call = put(2, "shared-2", 2 * second_us);
  call.status = CallStatus::unknown;
  seen.history.push_back(call);
  CHECK(unmet({}, seen) == "every call has an outcome");
  Scenario scenario;
  scenario.expect.unknown_max = 1;
  CHECK(unmet(scenario, seen).empty());
  seen.reads.push_back(read("shared-2", "shared-2", 11 * second_us));
  CHECK(unmet(scenario, seen).empty());
}

TEST_CASE("an answer that the service cannot give is found") {
  auto seen = good(10);
  seen.history[5].in_order = false;
  CHECK(unmet({}, seen) == "every answer is one that the service can give");
}

TEST_CASE("a pause that is too long is found, at the end too") {
  Scenario scenario;
  scenario.expect.pause_s_max = 2;
  auto seen = good(10);
  leave_out(seen, 4, 6.5);
  CHECK(unmet(scenario, seen) == "no client waits longer than 2.00 s; no pause longer than 2.00 s");
  seen = good(10);
  leave_out(seen, 7, 10);
  CHECK(unmet(scenario, seen) == "no client waits longer than 2.00 s; no pause longer than 2.00 s");
}

TEST_CASE("in an outage nothing may be acknowledged, and after it answers come again") {
  Scenario scenario;
  scenario.expect.outage_s = {4, 6};
  scenario.expect.recovery_s_max = 1;
  DrillResult result;
  result.marks = {{3.9, "cut", false}, {6.1, "all links whole again", true}};
  auto seen = good(10);
  CHECK(unmet(scenario, seen, result).find("nothing is acknowledged without a quorum") != std::string::npos);
  leave_out(seen, 4, 6.5);
  CHECK(unmet(scenario, seen, result).empty());
  DrillResult judged = result;
  judge(scenario, seen, judged);
  CHECK(*judged.recovery_ms == doctest::Approx(400));
  leave_out(seen, 4, 8);
  CHECK(unmet(scenario, seen, result) == "answers come again within 1.00 s");
  leave_out(seen, 4, 10);
  CHECK(unmet(scenario, seen, result).find("answers come again") != std::string::npos);
}

TEST_CASE("what replicas must not do is found") {
  auto seen = good(10);
  seen.states = "after 90 s: 0: checkpoint 256 aa; 1: checkpoint 256 bb";
  CHECK(unmet({}, seen) == "all correct replicas have the same state");
  seen = good(10);
  seen.did_not_settle = "not together";
  CHECK(unmet({}, seen) == "all correct replicas vote and have caught up");
  seen = good(10);
  seen.unexpected_end = "replica 1 was killed by signal 11";
  CHECK(unmet({}, seen) == "no correct replica ends by itself");
  seen = good(10);
  seen.unclean_stop = "replica 1 still runs";
  CHECK(unmet({}, seen) == "all correct replicas stop cleanly");
  seen.stopped = false;
  CHECK(unmet({}, seen).empty());
}

TEST_CASE("whether the primary stays is seen in what correct replicas say") {
  Scenario stays;
  stays.expect.primary_stays = true;
  Scenario replaced;
  replaced.expect.primary_replaced = true;
  DrillResult result;
  result.marks = {{1.5, "replica 0 killed", false}};
  result.samples = {in_view(3, 1), in_view(4, 2)};
  CHECK(unmet(stays, good(10), result) == "the primary stays");
  CHECK(unmet(replaced, good(10), result).empty());
  result.samples = {in_view(3, 1), in_view(3, 2), in_view(4, 12)};  // after the load it does not count
  CHECK(unmet(stays, good(10), result).empty());
  CHECK(unmet(replaced, good(10), result) == "the primary is replaced");
  result.samples = {in_view(3, 1)};  // nobody told it afterwards
  CHECK(unmet(stays, good(10), result) == "the primary stays");
  CHECK(unmet(replaced, good(10), result) == "the primary is replaced");
  result.samples = {in_view(3, 1), in_view(3, 2), in_view(9, 2)};
  result.samples.back().id = 3;
  stays.byzantine = Byzantine{3, "far_views", {}};
  CHECK(unmet(stays, good(10), result).empty());
}

TEST_CASE("a client that waits alone is found, unless it was cut off") {
  auto seen = good(10);
  for (auto call : good(3).history) {
    call.operation.process = 5;
    call.operation.key += "-of-another";
    seen.history.push_back(call);
    seen.reads.push_back(read(call.operation.key, call.operation.value, 11 * second_us));
  }
  Scenario scenario;
  scenario.expect.pause_s_max = 5;
  CHECK(unmet(scenario, seen) == "no client waits longer than 5.00 s");
  Step cut;
  cut.who.kind = Selector::Kind::client;
  scenario.steps = {cut};
  CHECK(unmet(scenario, seen).empty());
}

TEST_CASE("what cannot be read back is no loss, and is told") {
  auto seen = good(10);
  auto call = put(0, "shared-9", 2 * second_us);
  seen.history.push_back(call);
  seen.reads.push_back(read("shared-9", "", 11 * second_us));
  seen.reads.back().status = CallStatus::unknown;
  CHECK(unmet({}, seen) == "everything can be read back");
}

TEST_CASE("the cost of an attack is what it takes from ten seconds on") {
  Scenario scenario;
  scenario.expect.cost = true;
  DrillResult result;
  result.marks = {{8, "a client attacks: flood", false}, {30, "the attacking client ends", true}};
  result.marks.front().attacks = true;
  auto seen = good(32);
  DrillResult judged = result;
  judge(scenario, seen, judged);
  REQUIRE(judged.cost);
  CHECK(judged.cost->baseline_per_s == doctest::Approx(100));
  CHECK(judged.cost->ratio() == doctest::Approx(1));
  CHECK(judged.cost->within_aim);
  leave_out(seen, 20, 24);
  judged = result;
  judge(scenario, seen, judged);
  CHECK(judged.cost->ratio() == doctest::Approx(2.0 / 3));
  CHECK(judged.cost->worst_second_ratio == doctest::Approx(0));
  CHECK_FALSE(judged.cost->within_aim);
  // A second in which a primary is replaced is not held against the attack.
  seen = good(32);
  leave_out(seen, 9, 10);
  judged = result;
  judged.samples = {in_view(0, 1), in_view(1, 9.6)};
  judge(scenario, seen, judged);
  CHECK(judged.cost->within_aim);
  // What comes after it is fault-free as well, from two seconds on, and counts as much as what was before.
  seen = good(40);
  leave_out(seen, 30, 32);
  leave_out(seen, 36, 40);
  judged = result;
  judge(scenario, seen, judged);
  CHECK(judged.cost->before_per_s == doctest::Approx(100));
  CHECK(judged.cost->after_per_s == doctest::Approx(50));
  CHECK(judged.cost->baseline_per_s == doctest::Approx(100));  // what it has left behind is not fault-free
  leave_out(seen, 3, 6);
  judged = result;
  judge(scenario, seen, judged);
  CHECK(judged.cost->before_per_s == doctest::Approx(50));
}

TEST_CASE("memory above all caps is found in a soak") {
  Scenario scenario;
  scenario.random_faults_s = 300;
  const auto seen = good(30);
  DrillResult result;
  for (ReplicaId id = 0; id < 4; ++id) {
    auto sample = in_view(0, 1);
    sample.id = id;
    sample.resident_mb = id == 2 ? 300 : 60;
    result.samples.push_back(sample);
  }
  CHECK(unmet(scenario, seen, result) == "no replica takes more than 256 MB of memory");
  for (auto& sample : result.samples) sample.resident_mb = std::min(sample.resident_mb, 200.0);
  CHECK(unmet(scenario, seen, result).empty());
  result.samples.front().resident_mb = 0;  // it was never seen
  CHECK(unmet(scenario, seen, result) == "no replica takes more than 256 MB of memory");
}

TEST_CASE("the total of a service of one's own tells of losses and of repetitions") {
  Seen seen = good(10);
  seen.own = true;
  for (const std::uint64_t total : {998U, 1'000U}) {
    seen.own_total = total;
    CHECK(unmet({}, seen).find("the service's total") != std::string::npos);
  }
  seen.own_total = 999;
  CHECK(unmet({}, seen).empty());
  seen.own_total.reset();
  CHECK(unmet({}, seen).find("the service's total") != std::string::npos);
}

TEST_SUITE_END();
