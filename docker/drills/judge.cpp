#include "docker/drills/judge.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

namespace tagma::drills {
namespace {

using checkers::KvKind;

constexpr double us_per_s = 1e6;

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

void expect(DrillResult& result, const std::string& text, bool met, const std::string& detail) {
  result.expectations.push_back({text, met, detail});
}

bool acknowledged(const Call& call) { return call.status == CallStatus::ok; }

/// The times of all acknowledgements, in their order, in seconds.
std::vector<double> acknowledgements(const std::vector<Call>& history) {
  std::vector<double> times_s;
  for (const auto& call : history) {
    if (acknowledged(call)) times_s.push_back(static_cast<double>(call.operation.returned_us) / us_per_s);
  }
  std::sort(times_s.begin(), times_s.end());
  return times_s;
}

std::int64_t quantile(const std::vector<std::int64_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

void fill_intervals(const Seen& seen, DrillResult& result) {
  const auto count = static_cast<std::size_t>(std::ceil(seen.load_s / result.interval_s));
  std::vector<std::vector<std::int64_t>> latencies(count);
  result.intervals.resize(count);
  for (std::size_t at = 0; at < count; ++at) result.intervals[at].at_s = static_cast<double>(at) * result.interval_s;
  for (const auto& call : seen.history) {
    const auto us = acknowledged(call) ? call.operation.returned_us : call.operation.invoked_us;
    const auto at = static_cast<std::size_t>(std::max(0.0, static_cast<double>(us) / us_per_s / result.interval_s));
    if (at >= count) continue;
    if (!acknowledged(call)) {
      ++result.intervals[at].unknown;
      continue;
    }
    ++result.intervals[at].acknowledged;
    latencies[at].push_back(call.operation.returned_us - call.operation.invoked_us);
  }
  for (std::size_t at = 0; at < count; ++at) {
    std::sort(latencies[at].begin(), latencies[at].end());
    auto& interval = result.intervals[at];
    interval.p50_us = quantile(latencies[at], 0.5);
    interval.p99_us = quantile(latencies[at], 0.99);
    interval.max_us = latencies[at].empty() ? 0 : latencies[at].back();
  }
}

/// The longest time between two acknowledgements from `from_s` to `to_s`, both of which count as one.
double longest_pause_s(const std::vector<double>& times_s, double from_s, double to_s) {
  double before = from_s;
  double longest = 0;
  for (const double at : times_s) {
    if (at < from_s || at > to_s) continue;
    longest = std::max(longest, at - before);
    before = at;
  }
  return std::max(longest, to_s - before);
}

/// A cut is in force from its mark on; what was under way may still come.
double outage_begins_s(const Scenario& scenario, const DrillResult& result) {
  constexpr double under_way_s = 0.5;
  double begins_s = scenario.expect.outage_s->first;
  for (const auto& mark : result.marks) {
    if (mark.heals || mark.at_s >= scenario.expect.outage_s->second) continue;
    begins_s = std::max(begins_s, mark.at_s + under_way_s);
  }
  return begins_s;
}

/// What the scenario mends, after which answers can come again.
double mended_s(const Scenario& scenario, const DrillResult& result) {
  const double planned_s = scenario.expect.outage_s->second;
  for (const auto& mark : result.marks) {
    if (mark.heals && mark.mends && mark.at_s >= planned_s) return mark.at_s;
  }
  return planned_s;
}

/// Returns the longest pause outside of the outage.
double judge_outage(const Scenario& scenario, const Seen& seen, DrillResult& result) {
  const auto times_s = acknowledgements(seen.history);
  const double from_s = outage_begins_s(scenario, result);
  const double to_s = mended_s(scenario, result);
  // What is mended works a moment before it is marked as mended.
  const double until_s = std::min(scenario.expect.outage_s->second, to_s);
  const auto inside =
      std::count_if(times_s.begin(), times_s.end(), [&](double at) { return at > from_s && at < until_s; });
  expect(result, "nothing is acknowledged without a quorum", inside == 0,
         std::to_string(inside) + " operations between " + seconds_text(from_s) + " and " + seconds_text(until_s));
  const auto next = std::lower_bound(times_s.begin(), times_s.end(), until_s);
  if (next != times_s.end()) result.recovery_ms = std::max(0.0, *next - to_s) * 1e3;
  const bool in_time = result.recovery_ms && *result.recovery_ms <= scenario.expect.recovery_s_max * 1e3;
  expect(result, "answers come again within " + seconds_text(scenario.expect.recovery_s_max), in_time,
         result.recovery_ms ? seconds_text(*result.recovery_ms / 1e3) + " after it was mended" : "they never do");
  const double before = longest_pause_s(times_s, 0, std::min(from_s, seen.load_s));
  return next == times_s.end() ? before : std::max(before, longest_pause_s(times_s, *next, seen.load_s));
}

/// Whom the scenario cuts off may wait.
std::optional<std::uint64_t> client_cut_off(const Scenario& scenario) {
  for (const auto& step : scenario.steps) {
    if (step.who.kind == Selector::Kind::client || step.to.kind == Selector::Kind::client) {
      return scenario.load.clients - 1;
    }
  }
  return std::nullopt;
}

double longest_wait_of_one_s(const Scenario& scenario, const Seen& seen) {
  std::map<std::uint64_t, std::vector<double>> by_client;
  for (const auto& call : seen.history) {
    if (acknowledged(call)) {
      by_client[call.operation.process].push_back(static_cast<double>(call.operation.returned_us) / us_per_s);
    }
  }
  double longest = 0;
  for (auto& [client, times_s] : by_client) {
    if (client_cut_off(scenario) == client) continue;
    std::sort(times_s.begin(), times_s.end());
    longest = std::max(longest, longest_pause_s(times_s, 0, seen.load_s));
  }
  return longest;
}

void judge_pauses(const Scenario& scenario, const Seen& seen, DrillResult& result) {
  const double allowed_s = scenario.expect.pause_s_max;
  double longest = 0;
  if (scenario.expect.outage_s) {
    longest = judge_outage(scenario, seen, result);
  } else {
    longest = longest_pause_s(acknowledgements(seen.history), 0, seen.load_s);
    const double of_one = longest_wait_of_one_s(scenario, seen);
    expect(result, "no client waits longer than " + seconds_text(allowed_s), of_one <= allowed_s,
           "the longest was " + seconds_text(of_one));
  }
  result.longest_pause_ms = longest * 1e3;
  expect(result, "no pause longer than " + seconds_text(allowed_s), longest <= allowed_s,
         "the longest was " + seconds_text(longest));
}

/// Every write to a key that only one operation ever wrote is there.
void judge_journal(const Seen& seen, DrillResult& result) {
  const auto unread =
      std::count_if(seen.reads.begin(), seen.reads.end(), [](const Call& call) { return !acknowledged(call); });
  expect(result, "everything can be read back", unread == 0 && !seen.reads.empty(),
         std::to_string(unread) + " of " + std::to_string(seen.reads.size()) + " reads without an answer");
  std::set<Bytes> absent;
  for (const auto& call : seen.reads) {
    if (acknowledged(call) && !call.operation.found) absent.insert(call.operation.key);
  }
  std::uint64_t written = 0;
  std::uint64_t lost = 0;
  std::string first;
  for (const auto& call : seen.history) {
    if (!acknowledged(call) || call.operation.key.rfind("journal-", 0) != 0) continue;
    ++written;
    if (!absent.contains(call.operation.key)) continue;
    ++lost;
    if (first.empty()) first = "; the first: " + call.operation.key;
  }
  expect(result, "nothing acknowledged is lost", lost == 0 && written > 0,
         std::to_string(lost) + " of " + std::to_string(written) + " acknowledged writes lost" + first);
}

void judge_history(const Seen& seen, DrillResult& result) {
  const auto operations = history_to_check(seen);
  const auto checked = checkers::check_linearizable(operations);
  const std::string count = std::to_string(operations.size()) + " operations";
  expect(result, "the history is linearizable", checked.linearizable && !checked.undecided,
         !checked.linearizable ? checked.explanation
         : checked.undecided   ? count + ": the check gave up"
                               : count);
}

void judge_answers(const Seen& seen, DrillResult& result) {
  const auto impossible =
      std::count_if(seen.history.begin(), seen.history.end(), [](const Call& call) { return !call.in_order; });
  expect(result, "every answer is one that the service can give", impossible == 0,
         std::to_string(impossible) + " others");
}

void judge_own(const Seen& seen, DrillResult& result) {
  const auto total = seen.own_total;
  const bool within = total && *total >= result.acknowledged && *total <= result.acknowledged + result.unknown;
  expect(result, "the service's total is what was acknowledged: nothing lost, nothing twice", within,
         (total ? std::to_string(*total) : std::string("no number")) + " in the service, " +
             std::to_string(result.acknowledged) + " acknowledged, " + std::to_string(result.unknown) + " unknown");
}

/// The views that the correct replicas went through, and when they first were in each.
std::map<View, double> views_of(const DrillResult& result, std::optional<ReplicaId> byzantine) {
  std::map<View, double> views;
  for (const auto& sample : result.samples) {
    if (sample.answered && sample.voting && sample.id != byzantine) views.emplace(sample.view, sample.at_s);
  }
  return views;
}

/// The highest view that a correct replica told of from one time to another; nothing where none told.
std::optional<View> view_between(const Scenario& scenario, const DrillResult& result, double from_s, double to_s) {
  std::optional<View> highest;
  for (const auto& sample : result.samples) {
    const bool lies = scenario.byzantine && scenario.byzantine->id == sample.id;
    if (lies || !sample.answered || !sample.voting || sample.at_s < from_s || sample.at_s > to_s) continue;
    highest = std::max(highest.value_or(0), sample.view);
  }
  return highest;
}

void judge_views(const Scenario& scenario, const Seen& seen, DrillResult& result) {
  if (!scenario.expect.primary_stays && !scenario.expect.primary_replaced) return;
  const double first_s = result.marks.empty() ? 0 : result.marks.front().at_s;
  const auto before = view_between(scenario, result, 0, first_s);
  const auto after = view_between(scenario, result, first_s, seen.load_s);
  const bool known = before && after;
  const std::string detail = known ? "view " + std::to_string(*before) + " before, then up to " + std::to_string(*after)
                                   : "too few replicas told their view";
  if (scenario.expect.primary_stays) expect(result, "the primary stays", known && *after == *before, detail);
  if (scenario.expect.primary_replaced) expect(result, "the primary is replaced", known && *after > *before, detail);
}

/// When the attack began and ended: the first mark of one, and the first that heals after it.
std::optional<std::pair<double, double>> attack_of(const DrillResult& result, double end_s) {
  const auto begins =
      std::find_if(result.marks.begin(), result.marks.end(), [](const Mark& mark) { return mark.attacks; });
  if (begins == result.marks.end()) return std::nullopt;
  const auto ends = std::find_if(begins, result.marks.end(), [](const Mark& mark) { return mark.heals; });
  return std::pair(begins->at_s, ends == result.marks.end() ? end_s : ends->at_s);
}

double per_second(const DrillResult& result, double from_s, double to_s) {
  std::uint64_t sum = 0;
  double length_s = 0;
  for (const auto& interval : result.intervals) {
    if (interval.at_s < from_s || interval.at_s + result.interval_s > to_s) continue;
    sum += interval.acknowledged;
    length_s += result.interval_s;
  }
  return length_s > 0 ? static_cast<double>(sum) / length_s : 0;
}

/// The worst whole second of the attack in which no primary was being replaced.
double worst_second(const Scenario& scenario, const DrillResult& result, double from_s, double to_s) {
  constexpr double around_view_change_s = 2;
  const auto views = views_of(result, scenario.byzantine ? std::optional(scenario.byzantine->id) : std::nullopt);
  double worst = -1;
  for (double at = std::ceil(from_s); at + 1 <= to_s; at += 1) {
    const bool replacing = std::any_of(views.begin(), views.end(), [&](const auto& view) {
      return view.first > 0 && std::abs(view.second - at) <= around_view_change_s;
    });
    if (replacing) continue;
    const double rate = per_second(result, at, at + 1 + 1e-9);
    if (worst < 0 || rate < worst) worst = rate;
  }
  return std::max(worst, 0.0);
}

void judge_cost(const Scenario& scenario, const Seen& seen, DrillResult& result) {
  constexpr double warm_up_s = 2;
  constexpr double over_after_s = 2;
  constexpr double after_min_s = 4;  // less says nothing
  constexpr double settled_after_s = 10;
  constexpr double ratio_aim = 0.9;
  constexpr double worst_aim = 0.5;
  const auto attack = attack_of(result, seen.load_s);
  if (!scenario.expect.cost || !attack) return;
  Cost cost;
  cost.before_per_s = cost.baseline_per_s = per_second(result, warm_up_s, attack->first);
  if (seen.load_s >= attack->second + over_after_s + after_min_s) {
    cost.after_per_s = per_second(result, attack->second + over_after_s, seen.load_s);
    // What stays slow afterwards is no measure.
    cost.baseline_per_s = std::max(cost.before_per_s, (cost.before_per_s + cost.after_per_s) / 2);
  }
  cost.attacked_per_s = per_second(result, attack->first + settled_after_s, attack->second);
  if (cost.baseline_per_s > 0) {
    cost.worst_second_ratio = worst_second(scenario, result, attack->first, attack->second) / cost.baseline_per_s;
  }
  cost.within_aim = cost.ratio() >= ratio_aim && cost.worst_second_ratio >= worst_aim;
  result.cost = cost;
}

/// Of a soak. A replica keeps up to 64 MiB of decided batches for those who lack them, and as much of what waits
/// (replica/core/config.h), beside tables and buffers: it grows to that in each of its lives, and no further.
void judge_memory(const Scenario& scenario, DrillResult& result) {
  constexpr double most_mb = 256;
  if (!scenario.random_faults_s) return;
  std::map<ReplicaId, double> highest_mb;
  for (const auto& sample : result.samples) {
    highest_mb[sample.id] = std::max(highest_mb[sample.id], sample.resident_mb);
  }
  bool below = !highest_mb.empty();
  std::string detail;
  for (const auto& [id, size_mb] : highest_mb) {
    below = below && size_mb > 0 && size_mb <= most_mb;
    char text[64];
    std::snprintf(text, sizeof text, "%sreplica %u: %.0f MB", detail.empty() ? "at most, " : "; ", id, size_mb);
    detail += text;
  }
  expect(result, "no replica takes more than 256 MB of memory", below, detail);
}

void judge_replicas(const Seen& seen, DrillResult& result) {
  const auto none = [](const std::string& text, const char* good) { return text.empty() ? std::string(good) : text; };
  expect(result, "all correct replicas have the same state", seen.states.empty(), none(seen.states, "the same root"));
  expect(result, "all correct replicas vote and have caught up", seen.did_not_settle.empty(),
         none(seen.did_not_settle, "in time"));
  expect(result, "no correct replica ends by itself", seen.unexpected_end.empty(),
         none(seen.unexpected_end, "all run"));
  if (seen.stopped) {
    expect(result, "all correct replicas stop cleanly", seen.unclean_stop.empty(), none(seen.unclean_stop, "status 0"));
  }
}

}  // namespace

std::vector<checkers::KvOperation> history_to_check(const Seen& seen) {
  std::vector<checkers::KvOperation> operations;
  operations.reserve(seen.history.size() + seen.reads.size());
  for (const auto& call : seen.history) {
    operations.push_back(call.operation);
    // One that was refused before it was sent, or that f+1 replicas say was not executed, would be none; there is no
    // such thing in a drill, and to hold it for unknown is safe.
    if (!acknowledged(call)) operations.back().returned_us = checkers::never;
  }
  for (const auto& call : seen.reads) {
    if (acknowledged(call)) operations.push_back(call.operation);
  }
  return operations;
}

void judge(const Scenario& scenario, const Seen& seen, DrillResult& result) {
  for (const auto& call : seen.history) ++(acknowledged(call) ? result.acknowledged : result.unknown);
  fill_intervals(seen, result);
  if (seen.own) {
    judge_own(seen, result);
  } else {
    judge_journal(seen, result);
    judge_history(seen, result);
  }
  judge_answers(seen, result);
  expect(result, "every call has an outcome", result.unknown <= scenario.expect.unknown_max,
         std::to_string(result.unknown) + " unknown");
  judge_replicas(seen, result);
  judge_views(scenario, seen, result);
  judge_pauses(scenario, seen, result);
  judge_memory(scenario, result);
  judge_cost(scenario, seen, result);
}

}  // namespace tagma::drills
