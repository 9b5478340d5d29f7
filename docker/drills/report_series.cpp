#include "docker/drills/report_series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

namespace tagma::drills {
namespace {

/// Of one replica, or of all, in order of time.
std::vector<ReplicaSample> ordered_samples(const DrillResult& drill, std::optional<ReplicaId> id) {
  std::vector<ReplicaSample> samples;
  for (const auto& sample : drill.samples) {
    if (!id || sample.id == *id) samples.push_back(sample);
  }
  std::stable_sort(samples.begin(), samples.end(), [](const auto& a, const auto& b) { return a.at_s < b.at_s; });
  return samples;
}

/// What a sample says holds until the next one, the last one's as long as the one's before it.
double end_of(const std::vector<ReplicaSample>& samples, std::size_t at) {
  if (at + 1 < samples.size()) return samples[at + 1].at_s;
  return samples[at].at_s + (at > 0 ? samples[at].at_s - samples[at - 1].at_s : 0);
}

/// The view of most; the one of before where none has more than it.
std::optional<View> view_of_most(const std::map<ReplicaId, View>& reported, std::optional<View> before) {
  std::map<View, std::size_t> counts;
  for (const auto& [id, view] : reported) ++counts[view];
  std::optional<View> most = before;
  for (const auto& [view, count] : counts) {
    if (!most || count > counts[*most]) most = view;
  }
  return most;
}

LaneState state_of(const ReplicaSample& sample) {
  if (!sample.answered) return LaneState::silent;
  return sample.voting ? LaneState::voting : LaneState::not_voting;
}

}  // namespace

TimeAxis::TimeAxis(double from_s, double to_s) : from_s_(from_s), to_s_(to_s > from_s ? to_s : from_s + 1) {}

double TimeAxis::part_of(double at_s) const {
  const double part = (at_s - from_s_) / length_s();
  return std::isfinite(part) ? std::clamp(part, 0.0, 1.0) : 0;
}

TimeAxis::Columns TimeAxis::columns_of(double begin_s, double end_s, std::size_t count) const {
  const auto whole = static_cast<double>(count);
  const auto column = [&](double at_s) { return static_cast<std::size_t>(std::llround(part_of(at_s) * whole)); };
  const std::size_t from = std::min(column(begin_s), count - 1);
  return {from, std::clamp(column(end_s), from + 1, count)};
}

double TimeAxis::moment_of(std::size_t column, std::size_t count) const {
  return from_s_ + length_s() * static_cast<double>(column) / static_cast<double>(count);
}

TimeAxis axis_of(const DrillResult& drill) {
  constexpr double before_part_max = 0.1;
  double from_s = 0;
  double to_s = 0;
  const auto include = [&](double begin_s, double end_s) {
    if (!std::isfinite(begin_s) || !std::isfinite(end_s)) return;
    from_s = std::min(from_s, begin_s);
    to_s = std::max(to_s, end_s);
  };
  for (const auto& interval : drill.intervals) include(interval.at_s, interval.at_s + interval_s_of(drill));
  for (const auto& sample : drill.samples) include(sample.at_s, sample.at_s);
  for (const auto& mark : drill.marks) include(mark.at_s, mark.at_s);
  if (to_s <= 0) include(0, drill.duration_s);
  return {std::max(from_s, -before_part_max * to_s), to_s};
}

std::vector<Column> columns_of(const TimeAxis& axis, const std::vector<Stretch>& stretches, std::size_t count) {
  std::vector<Column> columns(count);
  for (const auto& stretch : stretches) {
    if (!std::isfinite(stretch.value) || stretch.to_s < axis.from_s()) continue;
    const auto [from, to] = axis.columns_of(stretch.from_s, stretch.to_s, count);
    for (std::size_t at = from; at < to; ++at) {
      auto& column = columns[at];
      column.low = column.known ? std::min(column.low, stretch.value) : stretch.value;
      column.high = column.known ? std::max(column.high, stretch.value) : stretch.value;
      column.known = true;
    }
  }
  return columns;
}

double greatest_of(const std::vector<Column>& columns) {
  double greatest = 0;
  for (const auto& column : columns) {
    if (column.known) greatest = std::max(greatest, column.high);
  }
  return greatest;
}

std::vector<Interval> ordered(const std::vector<Interval>& intervals) {
  auto result = intervals;
  std::stable_sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.at_s < b.at_s; });
  return result;
}

double interval_s_of(const DrillResult& drill) {
  return std::isfinite(drill.interval_s) && drill.interval_s > 0 ? drill.interval_s : 1;
}

std::vector<Stretch> throughput_of(const DrillResult& drill) {
  const double interval_s = interval_s_of(drill);
  std::vector<Stretch> stretches;
  for (const auto& interval : drill.intervals) {
    const double per_s = static_cast<double>(interval.acknowledged) / interval_s;
    stretches.push_back({interval.at_s, interval.at_s + interval_s, per_s});
  }
  return stretches;
}

std::vector<Stretch> latency_of(const DrillResult& drill, std::int64_t Interval::*latency) {
  std::vector<Stretch> stretches;
  for (const auto& interval : drill.intervals) {
    if (interval.*latency <= 0) continue;
    stretches.push_back({interval.at_s, interval.at_s + interval_s_of(drill), static_cast<double>(interval.*latency)});
  }
  return stretches;
}

std::vector<Stretch> memory_of(const DrillResult& drill, ReplicaId id) {
  const auto samples = ordered_samples(drill, id);
  std::vector<Stretch> stretches;
  for (std::size_t at = 0; at < samples.size(); ++at) {
    if (samples[at].resident_mb <= 0) continue;
    stretches.push_back({samples[at].at_s, end_of(samples, at), samples[at].resident_mb});
  }
  return stretches;
}

std::vector<ViewStretch> views_of(const DrillResult& drill, const TimeAxis& axis) {
  const auto samples = ordered_samples(drill, std::nullopt);
  std::vector<ViewStretch> views;
  std::map<ReplicaId, View> reported;
  std::optional<View> current;
  for (std::size_t at = 0; at < samples.size(); ++at) {
    const auto& sample = samples[at];
    if (sample.answered) {
      reported[sample.id] = sample.view;
    } else {
      reported.erase(sample.id);
    }
    // What was asked at one moment counts together.
    if (at + 1 < samples.size() && samples[at + 1].at_s <= sample.at_s) continue;
    const auto view = view_of_most(reported, current);
    if (!view || view == current) continue;
    current = view;
    const auto column = [&axis](double at_s) { return axis.columns_of(at_s, at_s).from; };
    if (!views.empty() && column(views.back().from_s) == column(sample.at_s)) {
      views.back().view = *view;  // the one before was too short to be seen
      continue;
    }
    if (!views.empty()) views.back().to_s = sample.at_s;
    views.push_back({sample.at_s, axis.to_s(), *view});
  }
  return views;
}

std::vector<LaneStretch> lane_of(const DrillResult& drill, const TimeAxis& axis, ReplicaId id) {
  const auto samples = ordered_samples(drill, id);
  std::array<LaneState, columns_max> states{};
  for (std::size_t at = 0; at < samples.size(); ++at) {
    const auto [from, to] = axis.columns_of(samples[at].at_s, end_of(samples, at));
    for (std::size_t column = from; column < to; ++column) {
      states[column] = std::max(states[column], state_of(samples[at]));
    }
  }
  std::vector<LaneStretch> lane;
  for (std::size_t column = 0; column < columns_max; ++column) {
    if (lane.empty() || lane.back().state != states[column]) lane.push_back({column, column, states[column]});
    lane.back().to = column + 1;
  }
  return lane;
}

std::vector<std::size_t> checkpoints_of(const DrillResult& drill, const TimeAxis& axis, ReplicaId id) {
  std::vector<std::size_t> columns;
  std::optional<Seq> before;
  for (const auto& sample : ordered_samples(drill, id)) {
    if (!sample.answered) continue;
    if (before && sample.stable_checkpoint > *before) {
      const std::size_t column = axis.columns_of(sample.at_s, sample.at_s).from;
      if (columns.empty() || columns.back() != column) columns.push_back(column);
    }
    before = sample.stable_checkpoint;
  }
  return columns;
}

}  // namespace tagma::drills
