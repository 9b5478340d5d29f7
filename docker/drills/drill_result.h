// What a drill found, as plain values: the runner fills them, the report shows them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messages/membership.h"

namespace tagma::drills {

/// A moment on a drill's time line at which something was done to the cluster. Times are seconds from the start of the
/// load; what happened before it is negative.
struct Mark {
  double at_s = 0;
  std::string text;      ///< "replica 0 killed"
  bool heals = false;    ///< it ends a fault: healed, started again, continued
  bool mends = true;     ///< of those that heal: something was done; false: it was seen that all is well
  bool attacks = false;  ///< an attack begins, whose cost may be asked for; the next one that heals ends it
};

/// What the clients saw in one interval of the time line.
struct Interval {
  double at_s = 0;  ///< its beginning; all intervals of a drill are DrillResult::interval_s long
  std::uint64_t acknowledged = 0;
  std::uint64_t unknown = 0;  ///< calls that ended without an outcome
  std::int64_t p50_us = 0;    ///< latencies of those that were acknowledged; 0 where there were none
  std::int64_t p99_us = 0;
  std::int64_t max_us = 0;
};

/// What one replica said about itself, and what its process cost, at one moment.
struct ReplicaSample {
  double at_s = 0;
  ReplicaId id = 0;
  bool answered = false;  ///< where it did not, the fields up to `voting` are empty
  View view = 0;
  Seq executed = 0;
  Seq stable_checkpoint = 0;
  bool voting = false;
  double resident_mb = 0;  ///< 0: not running, or not known
  double cpu_cores = 0;    ///< used since the sample before
};

/// The proof that a fault of the drill took place. A drill whose fault did not happen has failed.
struct Evidence {
  std::string text;  ///< "replica 0 killed"
  bool happened = false;
  std::string detail;  ///< what was seen: "ended by signal 9"
};

/// Something that the drill promises, and whether it was kept.
struct Expectation {
  std::string text;  ///< "every acknowledged write is there, the history is linearizable"
  bool met = false;
  std::string detail;  ///< what was seen: "41,220 operations on 64 keys"
};

/// Throughput under attack and without, in one run and through the same proxy.
struct Cost {
  double before_per_s = 0;        ///< operations a second before the attack
  double after_per_s = 0;         ///< after its end; 0 where there is none
  double baseline_per_s = 0;      ///< fault-free: the mean of the two, but no less than before
  double attacked_per_s = 0;      ///< from ten seconds after its beginning to its end
  double worst_second_ratio = 0;  ///< its worst second to the baseline, primaries' replacements aside
  bool within_aim = false;        ///< at most 10% after ten seconds, and no such second below half

  /// attacked to baseline; 0 where there is no baseline.
  [[nodiscard]] double ratio() const { return baseline_per_s > 0 ? attacked_per_s / baseline_per_s : 0; }
};

/// A time in which the drill's own network, not the cluster, did not run: what passes through it stood still.
struct Stall {
  double at_s = 0;    ///< its beginning
  double ms = 0;      ///< how long
  double cpu_ms = 0;  ///< what the network's thread computed meanwhile: nothing means that it was not scheduled
};

struct DrillResult {
  std::string name;               ///< of the scenario: "kill_primary"
  std::string title;              ///< one line
  std::string about;              ///< what is done and what must hold, a few sentences
  std::vector<std::string> rows;  ///< of the catalogue of attacks: "B1"
  std::string backend;            ///< "process" or "docker"
  std::string skipped;            ///< why it was not run; empty: it was
  double duration_s = 0;
  double interval_s = 0.5;
  std::uint32_t replicas = 4;
  std::uint32_t clients = 0;
  std::string load;  ///< "6 clients, 8 operations outstanding each: put, get, compare-and-set on 64 keys"

  std::vector<Mark> marks;
  std::vector<Interval> intervals;
  std::vector<ReplicaSample> samples;
  std::vector<Evidence> evidence;
  std::vector<Expectation> expectations;
  std::optional<Cost> cost;

  std::uint64_t acknowledged = 0;
  std::uint64_t unknown = 0;
  double longest_pause_ms = 0;         ///< between two acknowledgements, where the scenario allows the load to go on
  std::optional<double> recovery_ms;   ///< from the last heal to the next acknowledgement, where there was an outage
  std::optional<Stall> network_stall;  ///< the longest one under load, where it was worth a word
  /// Counters of the correct replicas that rose during the drill, summed: refusals by reason, messages, slots.
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  std::string kept;  ///< folder of logs and data that was kept; empty: none

  /// Whether everything happened and everything promised was kept.
  [[nodiscard]] bool passed() const {
    for (const auto& one : evidence) {
      if (!one.happened) return false;
    }
    for (const auto& one : expectations) {
      if (!one.met) return false;
    }
    return skipped.empty() && !expectations.empty() && !evidence.empty();
  }
};

/// One run of the drill program.
struct RunResult {
  std::string command;     ///< as typed
  std::string started_at;  ///< "2026-11-30 12:00:00 UTC"
  std::string backend;
  std::uint64_t seed = 0;
  double duration_s = 0;
  /// In this order: "machine", "2 cores, ..."; versions of the product, the kernel, the engine.
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<DrillResult> drills;
};

}  // namespace tagma::drills
