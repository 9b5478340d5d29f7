// What is drawn of a time line: nothing that matters may get lost when it is thinned out.
#include "docker/drills/report_series.h"

#include <doctest/doctest.h>

#include <string>

#include "docker/drills/report_svg.h"
#include "docker/drills/report_text.h"

using namespace tagma::drills;

namespace {

ReplicaSample sample_of(double at_s, tagma::ReplicaId id, tagma::View view) {
  ReplicaSample sample;
  sample.at_s = at_s;
  sample.id = id;
  sample.answered = true;
  sample.voting = true;
  sample.view = view;
  return sample;
}

}  // namespace

TEST_CASE("stretches that adjoin share no column, and one shorter than a column still has one") {
  const TimeAxis axis(0, 60);
  CHECK(axis.columns_of(0, 0.5).to == axis.columns_of(0.5, 1).from);
  CHECK(axis.columns_of(60, 60).to == columns_max);
  const auto short_one = axis.columns_of(10, 10.001);
  CHECK(short_one.to == short_one.from + 1);
}

TEST_CASE("a single interval without an acknowledgement is seen among thousands") {
  DrillResult drill;
  for (int at = 0; at < 3600; ++at) drill.intervals.push_back({at * 0.5, at == 1801 ? 0U : 5000U, 0, 0, 0, 0});
  const auto columns = columns_of(axis_of(drill), throughput_of(drill));
  REQUIRE(columns.size() == columns_max);
  std::size_t pauses = 0;
  for (const auto& column : columns) {
    CHECK(column.known);
    CHECK(column.high == 10'000);
    pauses += column.low == 0 ? 1U : 0U;
  }
  CHECK(pauses >= 1);
  CHECK(pauses <= 2);
}

TEST_CASE("the view is that of most replicas, from the moment on when it is") {
  DrillResult drill;
  drill.samples = {sample_of(0, 0, 0),  sample_of(0, 1, 0),  sample_of(0, 2, 0),  sample_of(0, 3, 99),
                   sample_of(10, 0, 0), sample_of(10, 1, 1), sample_of(10, 2, 0), sample_of(10, 3, 99),
                   sample_of(20, 0, 0), sample_of(20, 1, 1), sample_of(20, 2, 1), sample_of(20, 3, 99),
                   sample_of(30, 0, 1), sample_of(30, 1, 1), sample_of(30, 2, 1), sample_of(30, 3, 99)};
  drill.samples[8].answered = false;  // replica 0 does not answer at 20 s
  const auto views = views_of(drill, axis_of(drill));
  REQUIRE(views.size() == 2);
  CHECK(views[0].view == 0);
  CHECK(views[0].to_s == 20);
  CHECK(views[1].view == 1);
  CHECK(views[1].from_s == 20);
  CHECK(views[1].to_s == 30);
}

TEST_CASE("one missed answer within a column counts for the column") {
  DrillResult drill;
  for (int at = 0; at <= 5000; ++at) drill.samples.push_back(sample_of(at * 0.36, 0, 0));
  drill.samples[2500].answered = false;
  std::size_t silent = 0;
  for (const auto& stretch : lane_of(drill, axis_of(drill), 0)) silent += stretch.state == LaneState::silent ? 1U : 0U;
  CHECK(silent == 1);
}

TEST_CASE("checkpoints are ticks where they rise") {
  DrillResult drill;
  for (int at = 0; at <= 10; ++at) {
    drill.samples.push_back(sample_of(at, 2, 0));
    drill.samples.back().stable_checkpoint = at < 5 ? 100 : 200;
  }
  CHECK(checkpoints_of(drill, axis_of(drill), 2) == std::vector<std::size_t>{500});
  CHECK(checkpoints_of(drill, axis_of(drill), 1).empty());
}

TEST_CASE("values that are no numbers leave a hole, no broken drawing") {
  const TimeAxis axis(0, 10);
  const auto columns = columns_of(axis, {{0, 5, 7}, {5, 10, std::stod("nan")}}, 10);
  CHECK(columns[4].known);
  CHECK_FALSE(columns[5].known);
  const auto scale = Scale::linear(7, 100);
  CHECK(scale.top() == 8);
  CHECK(area_points(columns, scale, &Column::low) == "M0 100V12.5H5V100z");
  CHECK(step_points(columns, scale) == "M0 12.5H5");
}

TEST_CASE("numbers and times as the page shows them") {
  CHECK(latency_text(481) == "481 µs");
  CHECK(latency_text(5'210) == "5.21 ms");
  CHECK(latency_text(453'000) == "453 ms");
  CHECK(latency_text(15'900'000) == "15.9 s");
  CHECK(duration_text(48.21) == "48.2 s");
  CHECK(duration_text(2'052) == "34 min 12 s");
  CHECK(duration_text(3'720) == "1 h 2 min");
  CHECK(moment_text(-1.5, 60) == "-1.5 s");
  CHECK(moment_text(-1.5, 1'800) == "-0:01.5");
  CHECK(moment_text(750.46, 1'800) == "12:30.5");
  CHECK(moment_text(1'199.97, 1'800) == "20:00.0");
  CHECK(percent_text(0.931) == "93.1%");
  CHECK(rate_text(1'234'567.4) == "1,234,567");
  CHECK(fixed(std::stod("inf"), 1) == "-");
  CHECK(coordinate(12.5) == "12.5");
  CHECK(coordinate(-0.001) == "0");
  CHECK(coordinate(100) == "100");
}
