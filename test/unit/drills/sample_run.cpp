#include "test/unit/drills/sample_run.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

namespace tagma::drills::test {
namespace {

/// What the made-up cluster does at a moment.
struct Moment {
  double load = 1;  ///< part of the usual throughput
  double slowness = 1;
  View view = 0;
  std::uint64_t unknown = 0;
  std::int64_t longest_us = 0;  ///< 0: as usual
};

enum class Condition : std::uint8_t { fine, mute, cut, dead };

struct Plan {
  double usual_per_s = 10'400;
  double sample_s = 0.5;
  double leak_mb_per_s = 0;
  std::function<Moment(double at_s)> moment;
  std::function<Condition(ReplicaId id, double at_s)> condition;
};

void play(DrillResult& drill, const Plan& plan, std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto noise = [&random] { return static_cast<double>(random() % 1000U) / 1000.0; };
  double executed = 0;
  std::vector<double> resident_mb(drill.replicas, 0);
  std::vector<Seq> executed_by(drill.replicas, 0);
  double next_sample_s = -1;
  for (double at_s = -1; at_s < drill.duration_s; at_s += drill.interval_s) {
    const Moment moment = at_s < 0 ? Moment{0, 1, 0, 0, 0} : plan.moment(at_s);
    const double rate = plan.usual_per_s * moment.load * (0.95 + noise() * 0.1);
    if (at_s >= 0) {
      Interval interval{at_s, static_cast<std::uint64_t>(rate * drill.interval_s), moment.unknown, 0, 0, 0};
      if (interval.acknowledged > 0) {
        interval.p50_us = static_cast<std::int64_t>(4'300 * moment.slowness * (0.95 + noise() * 0.1));
        interval.p99_us = static_cast<std::int64_t>(9'500 * moment.slowness * (0.85 + noise() * 0.4));
        interval.max_us = std::max(moment.longest_us, interval.p99_us + static_cast<std::int64_t>(12'000 * noise()));
      }
      drill.acknowledged += interval.acknowledged;
      drill.unknown += interval.unknown;
      drill.intervals.push_back(interval);
    }
    executed += rate * drill.interval_s / 20;
    if (at_s + 1e-9 < next_sample_s) continue;
    next_sample_s = at_s + plan.sample_s;
    for (ReplicaId id = 0; id < drill.replicas; ++id) {
      const Condition condition = plan.condition(id, at_s);
      ReplicaSample sample;
      sample.at_s = at_s;
      sample.id = id;
      sample.answered = condition == Condition::fine || condition == Condition::mute;
      if (condition == Condition::fine) executed_by[id] = static_cast<Seq>(executed);
      if (sample.answered) {
        sample.view = moment.view;
        sample.executed = executed_by[id];
        sample.stable_checkpoint = executed_by[id] / 1000 * 1000;
        sample.voting = condition == Condition::fine;
      }
      if (condition == Condition::dead) {
        resident_mb[id] = 0;
      } else {
        const double full_mb = 46 + 3.0 * id + plan.leak_mb_per_s * std::max(at_s, 0.0);
        resident_mb[id] += (full_mb - resident_mb[id]) * 0.15 + (resident_mb[id] <= 0 ? 18 : noise());
        sample.cpu_cores = 0.15 + 0.2 * moment.load + 0.05 * noise();
      }
      sample.resident_mb = resident_mb[id];
      drill.samples.push_back(sample);
    }
  }
}

bool within(double at_s, double from_s, double to_s) { return at_s >= from_s && at_s < to_s; }

DrillResult drill_of(const std::string& name, const std::string& title, const std::string& about,
                     std::vector<std::string> rows, double duration_s) {
  DrillResult drill;
  drill.name = name;
  drill.title = title;
  drill.about = about;
  drill.rows = std::move(rows);
  drill.backend = "docker";
  drill.duration_s = duration_s;
  drill.clients = 6;
  drill.load = "6 clients, 8 operations outstanding each: put, get, compare-and-set on 64 keys";
  drill.expectations = {
      {"every acknowledged write is there, and the history is linearizable", true, "593,220 operations on 64 keys"},
      {"no correct replica was accused, none raised the alarm", true, "4 of 4 replicas asked"},
      {"all replicas agree on the state in the end", true, "digest of slot 31,000 the same at 4 of 4"}};
  drill.counters = {{"slots executed", 31'114},
                    {"checkpoints made stable", 31},
                    {"messages refused: wrong view", 1'208},
                    {"messages refused: old slot", 88},
                    {"requests sent again", 412}};
  return drill;
}

DrillResult killed_primary() {
  auto drill =
      drill_of("kill_primary", "The primary is killed, and comes back",
               "Under load the process of replica 0, the primary of view 0, is ended by SIGKILL. The others must "
               "elect replica 1 and go on; no acknowledged write may be lost. 20 seconds later it is started "
               "again on its data, catches up and votes.",
               {"A1", "A2"}, 60);
  drill.marks = {{20, "replica 0 killed (SIGKILL)", false}, {40, "replica 0 started again on its data", true}};
  drill.evidence = {{"replica 0 was the primary when it was killed", true, "view 0 at 3 of 3 other replicas"},
                    {"replica 0 killed", true, "ended by signal 9"},
                    {"another primary was elected", true, "view 1 after 431 ms"}};
  drill.longest_pause_ms = 450;
  drill.recovery_ms = 12;
  play(drill,
       {10'400, 0.5, 0,
        [](double at_s) {
          Moment moment;
          moment.view = at_s >= 20.5 ? 1 : 0;
          if (within(at_s, 20, 20.5)) moment = {0.09, 2.2, 0, 6, 453'000};
          if (within(at_s, 20.5, 21.5)) moment.slowness = 1.8;
          if (within(at_s, 40.5, 42)) moment = {0.82, 1.5, 1, 0, 61'000};
          return moment;
        },
        [](ReplicaId id, double at_s) {
          if (id == 0 && within(at_s, 20, 40)) return Condition::dead;
          if (id == 0 && within(at_s, 40, 42.5)) return Condition::mute;
          return Condition::fine;
        }},
       1);
  return drill;
}

DrillResult majority_cut() {
  auto drill =
      drill_of("cut_majority", "Two of four replicas are cut off: nothing goes on, and nothing is lost",
               "With two replicas unreachable there is no quorum. The cluster must not acknowledge anything, and "
               "must go on by itself once the network heals.",
               {"B3"}, 50);
  drill.marks = {{15, "replicas 2 and 3 cut off from all others and from the clients", false},
                 {30, "the network heals", true}};
  drill.evidence = {{"replicas 2 and 3 were cut off", true, "41,022 messages dropped"},
                    {"the load stood still", true, "0 acknowledged from 15.4 s to 30.0 s"}};
  drill.longest_pause_ms = 96;
  drill.recovery_ms = 1'412;
  play(drill,
       {10'400, 0.5, 0,
        [](double at_s) {
          Moment moment;
          moment.view = at_s >= 31.5 ? 3 : 0;
          if (within(at_s, 15, 31.5)) moment = {0, 1, 0, within(at_s, 25, 30) ? 4U : 0U, 0};
          if (within(at_s, 31.5, 33)) moment = {0.6, 6, 3, 0, 15'900'000};
          return moment;
        },
        [](ReplicaId id, double at_s) {
          if (id >= 2 && within(at_s, 15, 30)) return Condition::cut;
          return within(at_s, 17, 31.5) ? Condition::mute : Condition::fine;
        }},
       2);
  return drill;
}

DrillResult attack(const std::string& name, const std::string& title, double attacked_part, const Cost& cost) {
  auto drill = drill_of(name, title,
                        "Thirty seconds without an attack are the measure; then replica 3 lies until the end. From ten "
                        "seconds after its beginning on throughput may fall by at most 10%.",
                        {"C4", "C5", "D1"}, 90);
  drill.marks = {{30, "replica 3 begins to lie: it signs what it did not execute", false},
                 {75, "replica 3 stopped and started as a correct one", true}};
  drill.evidence = {{"replica 3 lied", true, "18,210 forged votes were refused"}};
  drill.cost = cost;
  drill.longest_pause_ms = 212;
  drill.counters.insert(drill.counters.begin(), {"messages refused: signature does not verify", 1'118'210});
  play(drill,
       {cost.baseline_per_s, 0.5, 0,
        [attacked_part](double at_s) {
          Moment moment;
          if (within(at_s, 30, 75)) moment = {attacked_part, 1 / attacked_part, 0, 0, 0};
          if (within(at_s, 30, 34)) moment = {attacked_part * 0.75, 1.9, 0, 0, 212'000};
          return moment;
        },
        [](ReplicaId id, double at_s) { return id == 3 && within(at_s, 75, 77) ? Condition::dead : Condition::fine; }},
       3);
  return drill;
}

DrillResult failed_drill() {
  auto drill =
      drill_of("slow_disk", "A replica's disk takes 200 ms for each write, then fills up",
               "The disk of replica 2 is slowed down, and from the middle on it has no room. It must stop voting "
               "and say why; the others go on.",
               {"E2"}, 40);
  drill.marks = {{8, "writes of replica 2 take 200 ms", false},
                 {20, "no room on the disk of replica 2", false},
                 {20.6, "replica 2 paused (SIGSTOP)", false},
                 {21.0, "replica 2 continued", true},
                 {30, "room made", true}};
  drill.evidence = {{"writes were slow", true, "mean of 203 ms over 88 writes"},
                    {"the disk was full", false, "112 MB were still free at the end"}};
  drill.expectations[2] = {"all replicas agree on the state in the end", false,
                           "replica 2: slot 11,000 has digest 4f1c…, the others say 90aa… & <none> agrees"};
  drill.longest_pause_ms = 2'210;
  drill.kept = "/tmp/tagma-drills/2026-11-30/slow_disk";
  play(drill,
       {9'800, 0.5, 1.4,
        [](double at_s) {
          Moment moment;
          if (within(at_s, 8, 30)) moment = {0.9, 1.3, 0, 0, 240'000};
          if (within(at_s, 20, 22)) moment = {0, 1, 0, 3, 0};
          if (at_s >= 22) moment.view = 1;
          return moment;
        },
        [](ReplicaId id, double at_s) {
          if (id == 2 && within(at_s, 20.5, 21.5)) return Condition::cut;
          return id == 2 && within(at_s, 10, 36) ? Condition::mute : Condition::fine;
        }},
       4);
  return drill;
}

}  // namespace

DrillResult sample_soak() {
  auto drill =
      drill_of("soak", "Half an hour of everything at once",
               "Replicas are killed, paused, cut off and delayed by chance, at most one at a time, for half an "
               "hour. Throughput, memory and the state must hold.",
               {"A1", "A3", "B1", "B2", "B5", "E1"}, 1800);
  std::mt19937 random(11);
  struct Fault {
    double from_s;
    double to_s;
    ReplicaId id;
    std::uint32_t kind;
  };
  std::vector<Fault> faults;
  const std::vector<std::pair<std::string, std::string>> kinds = {{"killed", "started again"},
                                                                  {"paused", "continued"},
                                                                  {"cut off", "connected again"},
                                                                  {"delayed by 40 ms", "in time again"}};
  for (double at_s = 40; at_s < 1740; at_s += 50 + static_cast<double>(random() % 25U)) {
    faults.push_back({at_s, at_s + 8 + static_cast<double>(random() % 20U), static_cast<ReplicaId>(random() % 4U),
                      static_cast<std::uint32_t>(random() % 4U)});
    const auto& fault = faults.back();
    const std::string who = "replica " + std::to_string(fault.id) + " ";
    drill.marks.push_back({fault.from_s, who + kinds[fault.kind].first, false});
    drill.marks.push_back({fault.to_s, who + kinds[fault.kind].second, true});
  }
  drill.evidence = {{"faults took place", true, std::to_string(faults.size()) + " of each kind counted by the runner"}};
  drill.longest_pause_ms = 618;
  drill.network_stall = Stall{71.5, 584, 2};
  drill.recovery_ms = 31;
  const auto view_at = [&faults](double at_s) {
    View view = 0;
    for (const auto& fault : faults) {
      if (fault.from_s + 0.5 <= at_s && fault.kind != 3 && view % 4 == fault.id) ++view;
    }
    return view;
  };
  play(drill,
       {10'100, 0.36, 0.002,
        [&](double at_s) {
          Moment moment;
          moment.view = view_at(at_s);
          for (const auto& fault : faults) {
            if (within(at_s, fault.from_s, fault.from_s + 0.6) && view_at(at_s) != view_at(at_s + 1)) {
              moment = {0.05, 2, moment.view, 5, 618'000};
            } else if (within(at_s, fault.from_s, fault.to_s) && fault.kind == 3) {
              moment.load = 0.8;
              moment.slowness = 1.6;
            }
          }
          return moment;
        },
        [&](ReplicaId id, double at_s) {
          for (const auto& fault : faults) {
            if (fault.id != id || fault.kind == 3) continue;
            if (within(at_s, fault.from_s, fault.to_s)) return fault.kind == 0 ? Condition::dead : Condition::cut;
            if (within(at_s, fault.to_s, fault.to_s + 3)) return Condition::mute;
          }
          return Condition::fine;
        }},
       5);
  return drill;
}

RunResult sample_run() {
  RunResult run;
  run.command = "./tagma drill --backend docker --seed 20261130 --soak 1800 --report out/drills";
  run.started_at = "2026-11-30 12:00:00 UTC";
  run.backend = "docker";
  run.seed = 20261130;
  run.duration_s = 2'174;
  run.facts = {{"machine", "2 cores, Intel Xeon at 2.60 GHz, 7.8 GB"},
               {"tagma", "0.1.0, RelWithDebInfo, no sanitizers"},
               {"kernel", "Linux 6.1.0-28-amd64"},
               {"engine", "Docker 20.10.24"}};
  auto skipped = drill_of("clock_jump", "The clock of a replica jumps by an hour",
                          "The clock of one replica is set forward and back.", {"F1"}, 0);
  skipped.expectations.clear();
  skipped.counters.clear();
  skipped.skipped = "containers share the clock of the machine: only the backend \"vm\" can do it";
  run.drills = {
      killed_primary(),
      majority_cut(),
      attack("forged_votes", "A replica floods the others with forged votes", 0.93,
             {9'910, 9'830, 9'870, 9'187, 0.78, true}),
      attack("slow_primary", "The primary proposes as slowly as it dares", 0.81, {9'910, 0, 9'910, 8'034, 0.44, false}),
      failed_drill(),
      sample_soak(),
      skipped};
  return run;
}

}  // namespace tagma::drills::test
