// What is drawn of a drill's time line: thinned out to columns of equal width, so that half an hour draws as well as a
// minute and costs no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "docker/drills/drill_result.h"

namespace tagma::drills {

/// The whole width of a chart, in columns. More than this a screen does not show.
inline constexpr std::size_t columns_max = 1000;

/// The time that all panels of a chart share.
class TimeAxis {
 public:
  TimeAxis(double from_s, double to_s);

  [[nodiscard]] double from_s() const { return from_s_; }
  [[nodiscard]] double to_s() const { return to_s_; }
  [[nodiscard]] double length_s() const { return to_s_ - from_s_; }
  /// Where in the chart's width, 0 to 1; what lies outside stands at its edge.
  [[nodiscard]] double part_of(double at_s) const;
  /// The columns from one moment to another, the last not included: at least one, and none twice where stretches adjoin
  /// that are longer than a column.
  struct Columns {
    std::size_t from = 0;
    std::size_t to = 0;
  };
  [[nodiscard]] Columns columns_of(double begin_s, double end_s, std::size_t count = columns_max) const;
  /// The beginning of a column.
  [[nodiscard]] double moment_of(std::size_t column, std::size_t count = columns_max) const;

 private:
  double from_s_;
  double to_s_;
};

/// From the first to the last of all that the drill recorded. What happened long before the load stands at its edge.
[[nodiscard]] TimeAxis axis_of(const DrillResult& drill);

/// A value that held for a while.
struct Stretch {
  double from_s = 0;
  double to_s = 0;
  double value = 0;
};

/// The least and the greatest of the values within one column.
struct Column {
  bool known = false;  ///< false: no value
  double low = 0;
  double high = 0;

  bool operator==(const Column&) const = default;
};
[[nodiscard]] std::vector<Column> columns_of(const TimeAxis& axis, const std::vector<Stretch>& stretches,
                                             std::size_t count = columns_max);
/// The greatest value; 0 where there is none.
[[nodiscard]] double greatest_of(const std::vector<Column>& columns);

/// The intervals in order of time, and their length, which is always above 0.
[[nodiscard]] std::vector<Interval> ordered(const std::vector<Interval>& intervals);
[[nodiscard]] double interval_s_of(const DrillResult& drill);

/// Operations a second in each interval.
[[nodiscard]] std::vector<Stretch> throughput_of(const DrillResult& drill);
/// One of an interval's latencies, in those that have one.
[[nodiscard]] std::vector<Stretch> latency_of(const DrillResult& drill, std::int64_t Interval::*latency);
/// Megabytes that the replica's process holds, while it runs.
[[nodiscard]] std::vector<Stretch> memory_of(const DrillResult& drill, ReplicaId id);

/// The view that most of the replicas that answered reported, from when to when. Of several that began within one
/// column the last counts.
struct ViewStretch {
  double from_s = 0;
  double to_s = 0;
  View view = 0;
};
[[nodiscard]] std::vector<ViewStretch> views_of(const DrillResult& drill, const TimeAxis& axis);

/// In order of what is told of a column in which several held: the later one.
enum class LaneState : std::uint8_t { unknown, voting, not_voting, silent };
struct LaneStretch {
  std::size_t from = 0;  ///< columns
  std::size_t to = 0;
  LaneState state = LaneState::unknown;
};
[[nodiscard]] std::vector<LaneStretch> lane_of(const DrillResult& drill, const TimeAxis& axis, ReplicaId id);

/// The columns in which the replica's stable checkpoint rose.
[[nodiscard]] std::vector<std::size_t> checkpoints_of(const DrillResult& drill, const TimeAxis& axis, ReplicaId id);

}  // namespace tagma::drills
