#include "docker/drills/report_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "docker/drills/report_panels.h"
#include "docker/drills/report_series.h"
#include "docker/drills/report_svg.h"
#include "docker/drills/report_text.h"

namespace tagma::drills {
namespace {

constexpr double mark_size = 18;  // a number's disc or square, with the gap to the next

/// In which row above the panels each mark's number stands, so that none covers another, and how wide the chart must be
/// for that.
struct Placement {
  double width_min = 0;  ///< pixels
  std::size_t rows = 0;
  std::vector<std::size_t> row_of;
};

/// `row_of` holds `rows_max` for a mark that finds no room.
Placement placed(const std::vector<double>& parts, double width, std::size_t rows_max) {
  Placement placement{width, 0, {}};
  std::vector<double> ends(rows_max, -mark_size);
  for (const double part : parts) {
    const double x = part * width;
    const auto row = std::find_if(ends.begin(), ends.end(), [x](double end) { return x - end >= mark_size; });
    const auto at = static_cast<std::size_t>(row - ends.begin());
    if (row != ends.end()) *row = x;
    placement.row_of.push_back(at);
    placement.rows = std::max(placement.rows, std::min(at + 1, rows_max));
  }
  return placement;
}

/// The narrowest chart in which all numbers find room; in the widest some may have none.
Placement placed(const std::vector<double>& parts) {
  struct Attempt {
    double width;
    std::size_t rows_max;
  };
  constexpr std::array<Attempt, 5> attempts{{{320, 3}, {480, 3}, {640, 4}, {800, 4}, {960, 5}}};
  Placement placement;
  for (const auto& attempt : attempts) {
    placement = placed(parts, attempt.width, attempt.rows_max);
    const auto& rows = placement.row_of;
    if (std::none_of(rows.begin(), rows.end(), [&](std::size_t row) { return row == attempt.rows_max; })) break;
  }
  return placement;
}

std::string mark_sign(const Mark& mark, std::size_t number, double y) {
  const std::string middle = coordinate(y);
  const std::string shape = mark.heals ? R"(<rect x="-8" width="16" height="16" y=")" + coordinate(y - 8) + "\"/>"
                                       : R"(<circle r="8.5" cy=")" + middle + "\"/>";
  return shape + R"(<text y=")" + coordinate(y + 3.5) + "\">" + std::to_string(number) + "</text>";
}

std::string marks_svg(const std::vector<Mark>& marks, const TimeAxis& axis, const Placement& placement, double height) {
  std::string lines;
  std::string signs;
  for (std::size_t at = 0; at < marks.size(); ++at) {
    const auto& mark = marks[at];
    const double part = axis.part_of(mark.at_s);
    const bool numbered = placement.row_of[at] < placement.rows;
    const double y = numbered ? mark_size * (static_cast<double>(placement.row_of[at]) + 0.5)
                              : mark_size * static_cast<double>(placement.rows);
    const std::string kind = mark.heals ? "heal" : "fault";
    lines += upright_line(kind, part, y, height);
    if (!numbered) continue;
    signs += "<svg class=\"mark " + kind + "\" x=\"" + width_percent(part) + "\">" +
             title_element(moment_text(mark.at_s, axis.length_s()) + ": " + mark.text) + mark_sign(mark, at + 1, y) +
             "</svg>";
  }
  return lines + signs;
}

double time_step(double length_s) {
  constexpr double ticks_max = 8;
  for (const double step : {0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0}) {
    if (length_s / step <= ticks_max) return step;
  }
  constexpr double hour_s = 3600;
  return hour_s * std::ceil(length_s / ticks_max / hour_s);
}

std::string tick_text(double at_s, double length_s) {
  constexpr double in_minutes_from_s = 180;
  if (length_s < in_minutes_from_s) return coordinate(at_s) + " s";
  const auto whole = std::llround(std::abs(at_s));
  const std::string seconds = std::to_string(whole % 60);
  return (at_s < 0 ? "-" : "") + std::to_string(whole / 60) + (seconds.size() < 2 ? ":0" : ":") + seconds;
}

/// Lines through all panels, and their times below: as two texts, for the lines lie behind all else.
struct TimeTicks {
  std::string lines;
  std::string labels;
};
TimeTicks time_ticks(const TimeAxis& axis, double top, double bottom) {
  const double step = time_step(axis.length_s());
  TimeTicks ticks;
  for (double at = std::ceil(axis.from_s() / step - 1e-9); at * step <= axis.to_s() + step * 1e-6; ++at) {
    const double part = axis.part_of(at * step);
    ticks.lines += upright_line(at == 0 ? "grid zero" : "grid", part, top, bottom);
    ticks.labels += text_at("time", part, 0, bottom + 16, tick_text(at * step, axis.length_s()));
  }
  return ticks;
}

/// Clear rectangles over the upper panels: where the pointer rests, what was measured there is shown.
std::string readings(const DrillResult& drill, const TimeAxis& axis, double y, double height) {
  constexpr std::size_t readings_max = 240;
  const auto intervals = ordered(drill.intervals);
  const double interval_s = interval_s_of(drill);
  const std::size_t together = intervals.size() / readings_max + 1;
  std::string boxes;
  for (std::size_t at = 0; at < intervals.size(); at += together) {
    const std::size_t end = std::min(at + together, intervals.size());
    Interval sum = intervals[at];
    for (std::size_t one = at + 1; one < end; ++one) {
      sum.acknowledged += intervals[one].acknowledged;
      sum.unknown += intervals[one].unknown;
      sum.p50_us = std::max(sum.p50_us, intervals[one].p50_us);
      sum.p99_us = std::max(sum.p99_us, intervals[one].p99_us);
      sum.max_us = std::max(sum.max_us, intervals[one].max_us);
    }
    const double end_s = intervals[end - 1].at_s + interval_s;
    const double per_s = static_cast<double>(sum.acknowledged) / (interval_s * static_cast<double>(end - at));
    std::string text = moment_text(sum.at_s, axis.length_s()) + ": " + rate_text(per_s) + " op/s";
    if (sum.max_us > 0) {
      text += ", p50 " + latency_text(static_cast<double>(sum.p50_us)) + ", p99 " +
              latency_text(static_cast<double>(sum.p99_us)) + ", longest " +
              latency_text(static_cast<double>(sum.max_us));
    }
    if (sum.unknown > 0) text += ", " + with_commas(sum.unknown) + " without an outcome";
    boxes += rectangle("reading", {axis.part_of(sum.at_s), axis.part_of(end_s), y, height}, text);
  }
  return boxes;
}

std::string description(const DrillResult& drill, const TimeAxis& axis) {
  const auto columns = columns_of(axis, throughput_of(drill));
  std::string text =
      "From " + moment_text(axis.from_s(), axis.length_s()) + " to " + moment_text(axis.to_s(), axis.length_s()) + ".";
  if (!drill.intervals.empty()) {
    text += " Throughput up to " + rate_text(greatest_of(columns)) + " operations a second; the longest pause was " +
            latency_text(drill.longest_pause_ms * 1000) + ".";
  }
  const auto views = views_of(drill, axis);
  if (!views.empty()) {
    text += " Views " + std::to_string(views.front().view) + " to " + std::to_string(views.back().view) + ".";
  }
  return text + " " + counted(drill.marks.size(), "mark") + ", listed below.";
}

std::string sample_of(std::string_view shapes) {
  return R"(<svg width="22" height="14" aria-hidden="true">)" + std::string(shapes) + "</svg>";
}

std::string legend_entry(std::string_view shapes, std::string_view text) {
  return "<li>" + sample_of(shapes) + std::string(text) + "</li>";
}

}  // namespace

std::vector<Mark> ordered_marks(const DrillResult& drill) {
  auto marks = drill.marks;
  std::stable_sort(marks.begin(), marks.end(), [](const auto& a, const auto& b) { return a.at_s < b.at_s; });
  return marks;
}

std::string time_line(const DrillResult& drill, const std::string& id) {
  if (drill.intervals.empty() && drill.samples.empty()) return "";
  const auto marks = ordered_marks(drill);
  Drawing drawing{drill, axis_of(drill), 0, "", ""};
  std::vector<double> parts;
  for (const auto& mark : marks) parts.push_back(drawing.axis.part_of(mark.at_s));
  const auto placement = placed(parts);
  drawing.height = mark_size * static_cast<double>(placement.rows) + 2;
  const double top = drawing.height;
  std::string over;
  if (!drill.intervals.empty()) {
    draw_throughput(drawing);
    draw_latency(drawing);
    over = readings(drill, drawing.axis, top, drawing.height - top);
  }
  draw_lanes(drawing);
  draw_memory(drawing);
  const auto ticks = time_ticks(drawing.axis, top, drawing.height);
  constexpr double labels_height = 22;
  constexpr std::size_t strong_max = 24;  // more lines than this would hide what lies behind them
  const std::string crowded = marks.size() > strong_max ? " crowded" : "";
  return "<div class=\"scroll\"><svg class=\"chart" + crowded + "\" role=\"img\" aria-labelledby=\"" + id + "-title " +
         id + "-text\" height=\"" + coordinate(drawing.height + labels_height) +
         "\" style=\"min-width:" + coordinate(placement.width_min) + "px\"><title id=\"" + id +
         "-title\">Time line of " + escaped(drill.name) + "</title><desc id=\"" + id + "-text\">" +
         escaped(description(drill, drawing.axis)) + "</desc>" + ticks.lines + drawing.svg + over +
         marks_svg(marks, drawing.axis, placement, drawing.height) + drawing.titles + ticks.labels + "</svg></div>";
}

std::string time_line_legend(const DrillResult& drill) {
  std::string entries;
  if (!drill.marks.empty()) {
    entries += legend_entry(
        R"(<line class="fault" x1="11" x2="11" y2="14"/><circle class="fault" cx="11" cy="7" r="5"/>)", "fault");
    entries += legend_entry(
        R"(<line class="heal" x1="11" x2="11" y2="14"/><rect class="heal" x="6" y="2" width="10" height="10"/>)",
        "heal");
  }
  if (!drill.intervals.empty()) {
    entries += legend_entry(R"(<rect class="pause" width="22" height="14"/>)", "no acknowledgement");
    entries += legend_entry(R"(<path class="unknown" d="M7 3v9M11 3v9M15 3v9"/>)", "calls without an outcome");
  }
  if (!drill.samples.empty()) {
    entries += legend_entry(R"(<rect class="primary" y="1" width="22" height="12"/>)", "primary of the view");
    entries += legend_entry(R"(<rect class="alive" y="5" width="22" height="4"/>)", "answers and votes");
    entries += legend_entry(R"(<rect class="mute" y="2" width="22" height="10"/>)", "does not vote");
    entries += legend_entry(R"(<rect class="silent" y="2" width="22" height="10"/>)", "does not answer");
    entries += legend_entry(R"(<path class="checkpoint" d="M5 5v4M11 5v4M17 5v4"/>)", "new stable checkpoint");
  }
  return entries.empty() ? "" : "<ul class=\"legend\">" + entries + "</ul>";
}

std::string spark_line(const DrillResult& drill) {
  if (drill.intervals.empty()) return "";
  constexpr std::size_t width = 160;
  constexpr double height = 26;
  const auto axis = axis_of(drill);
  const auto columns = columns_of(axis, throughput_of(drill), width);
  const auto scale = Scale::linear(greatest_of(columns), height);
  // Many marks would hide what they mark: then they are ticks above it.
  constexpr std::size_t through_max = 10;
  constexpr double tick = 5;
  const double bottom = drill.marks.size() > through_max ? tick : height;
  std::string lines;
  for (const auto& mark : drill.marks) {
    lines += upright_line(mark.heals ? "heal" : "fault", axis.part_of(mark.at_s), 0, bottom);
  }
  return R"(<svg class="spark" aria-hidden="true" height=")" + coordinate(height) + "\">" +
         stretched(0, height,
                   path("reach", area_points(columns, scale, &Column::high)) +
                       path("area", area_points(columns, scale, &Column::low)),
                   width) +
         lines + "</svg>";
}

std::string shared_patterns() {
  return R"svg(<svg width="0" height="0" class="patterns" aria-hidden="true"><defs>
<pattern id="hatch-silent" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="2.4" height="6" class="hatch-silent"/></pattern>
<pattern id="hatch-mute" width="4" height="4" patternUnits="userSpaceOnUse">
<circle cx="2" cy="2" r="1.1" class="hatch-mute"/></pattern></defs></svg>)svg";
}

}  // namespace tagma::drills
