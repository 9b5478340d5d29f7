#include "docker/drills/report_panels.h"

#include <algorithm>
#include <vector>

#include "docker/drills/report_svg.h"
#include "docker/drills/report_text.h"

namespace tagma::drills {
namespace {

constexpr double title_height = 28;
constexpr double label_offset = -8;  // of what stands left of the time axis

void draw_title(Drawing& drawing, const std::string& text) {
  drawing.titles += text_at("panel", 0, 0, drawing.height + title_height - 8, text);
  drawing.height += title_height;
}

/// Lines across, with their values at the left.
template <typename Text>
void draw_levels(Drawing& drawing, const Scale& scale, const Text& text) {
  for (const double tick : scale.ticks()) {
    const double y = drawing.height + scale.y_of(tick);
    drawing.svg += level_line("grid", y);
    drawing.svg += text_at("label", 0, label_offset, y + 4, text(tick));
  }
}

Box box_of(std::size_t from, std::size_t to, double y, double height) {
  const auto part = [](std::size_t column) { return static_cast<double>(column) / static_cast<double>(columns_max); };
  return {part(from), part(to), y, height};
}

/// The columns in which some interval had no acknowledgement, as boxes.
std::string pauses(const std::vector<Column>& columns, double y, double height) {
  std::string boxes;
  for (std::size_t at = 0; at < columns.size(); ++at) {
    const std::size_t from = at;
    while (at < columns.size() && columns[at].known && columns[at].low <= 0) ++at;
    if (at > from) boxes += rectangle("pause", box_of(from, at, y, height));
  }
  return boxes;
}

/// A tick for each column in which a call ended without an outcome.
std::string unknown_points(const Drawing& drawing, double y1, double y2) {
  std::vector<Stretch> stretches;
  for (const auto& interval : drawing.drill.intervals) {
    if (interval.unknown > 0) stretches.push_back({interval.at_s, interval.at_s, 1});
  }
  const auto columns = columns_of(drawing.axis, stretches);
  std::string points;
  for (std::size_t at = 0; at < columns.size(); ++at) {
    if (!columns[at].known) continue;
    points += "M" + std::to_string(at) + ".5 " + coordinate(y1) + "V" + coordinate(y2);
  }
  return points;
}

/// A power of ten of microseconds, without digits behind the point.
std::string level_text(double microseconds) {
  if (microseconds < 1e3) return fixed(microseconds, 0) + " µs";
  return microseconds < 1e6 ? fixed(microseconds / 1e3, 0) + " ms" : fixed(microseconds / 1e6, 0) + " s";
}

std::string period_text(const Drawing& drawing, double from_s, double to_s) {
  // No more exact than what is drawn.
  const int digits = drawing.axis.length_s() > columns_max / 10.0 ? 0 : 1;
  return fixed(from_s, digits) + " s to " + fixed(to_s, digits) + " s";
}

std::string replica_text(ReplicaId id) { return "replica " + std::to_string(id); }

void draw_views(Drawing& drawing, const std::vector<ViewStretch>& views) {
  constexpr double height = 18;
  constexpr double part_with_word = 0.12;
  constexpr double part_with_number = 0.035;
  bool second = false;
  drawing.svg += text_at("label", 0, label_offset, drawing.height + 13, "view");
  for (const auto& stretch : views) {
    const double from = drawing.axis.part_of(stretch.from_s);
    const double to = drawing.axis.part_of(stretch.to_s);
    const std::string number = std::to_string(stretch.view);
    drawing.svg += rectangle(second ? "view second" : "view", {from, to, drawing.height, height},
                             "view " + number + ", " + period_text(drawing, stretch.from_s, stretch.to_s));
    if (to - from >= part_with_number) {
      drawing.svg +=
          text_at("number", from, 5, drawing.height + 13, to - from >= part_with_word ? "view " + number : number);
    }
    second = !second;
  }
  drawing.height += height + 4;
}

void draw_lane(Drawing& drawing, const std::vector<ViewStretch>& views, ReplicaId id) {
  constexpr double height = 22;
  const double y = drawing.height;
  const auto lane = lane_of(drawing.drill, drawing.axis, id);
  const auto hint = [&](const std::string& what, const LaneStretch& stretch) {
    return replica_text(id) + " " + what + ", " +
           period_text(drawing, drawing.axis.moment_of(stretch.from), drawing.axis.moment_of(stretch.to));
  };
  drawing.svg += text_at("label", 0, label_offset, y + 13, replica_text(id));
  for (const auto& stretch : lane) {
    if (stretch.state == LaneState::unknown) continue;
    drawing.svg += rectangle("alive", box_of(stretch.from, stretch.to, y + 6, 4));
  }
  for (const auto& stretch : views) {
    if (stretch.view % std::max(drawing.drill.replicas, 1U) != id) continue;
    drawing.svg +=
        rectangle("primary", {drawing.axis.part_of(stretch.from_s), drawing.axis.part_of(stretch.to_s), y + 3, 10},
                  replica_text(id) + " primary of view " + std::to_string(stretch.view) + ", " +
                      period_text(drawing, stretch.from_s, stretch.to_s));
  }
  for (const auto& stretch : lane) {
    const bool silent = stretch.state == LaneState::silent;
    if (!silent && stretch.state != LaneState::not_voting) continue;
    const Box box = box_of(stretch.from, stretch.to, y + 4, 8);
    drawing.svg += rectangle("ground", box);
    drawing.svg +=
        rectangle(silent ? "silent" : "mute", box, hint(silent ? "did not answer" : "did not vote", stretch));
  }
  constexpr std::size_t ticks_max = 120;  // more are a band, in which what stands out is where there is none
  const auto checkpoints = checkpoints_of(drawing.drill, drawing.axis, id);
  std::string ticks;
  for (const std::size_t column : checkpoints) {
    ticks += "M" + std::to_string(column) + ".5 0v4";
  }
  if (!ticks.empty())
    drawing.svg +=
        stretched(y + 13, 4, path(checkpoints.size() > ticks_max ? "checkpoint dense" : "checkpoint", ticks));
  drawing.height += height;
}

}  // namespace

void draw_throughput(Drawing& drawing) {
  constexpr double height = 120;
  const auto columns = columns_of(drawing.axis, throughput_of(drawing.drill));
  const auto& cost = drawing.drill.cost;
  const auto scale = Scale::linear(std::max(greatest_of(columns), cost ? cost->baseline_per_s : 0), height);
  if (cost && cost->baseline_per_s > 0) {
    drawing.titles += text_at("panel plain note", 1, 0, drawing.height + title_height - 8,
                              "- - fault-free " + rate_text(cost->baseline_per_s));
  }
  draw_title(drawing, "acknowledged operations a second");
  drawing.svg += pauses(columns, drawing.height, height);
  draw_levels(drawing, scale, rate_text);
  drawing.svg += stretched(drawing.height, height,
                           path("reach", area_points(columns, scale, &Column::high)) +
                               path("area", area_points(columns, scale, &Column::low)) +
                               path("rate", step_points(columns, scale)) +
                               path("unknown", unknown_points(drawing, height - 9, height)));
  if (cost && cost->baseline_per_s > 0) {
    drawing.svg += level_line("baseline", drawing.height + scale.y_of(cost->baseline_per_s));
  }
  drawing.height += height;
}

void draw_latency(Drawing& drawing) {
  constexpr double height = 110;
  const auto median = columns_of(drawing.axis, latency_of(drawing.drill, &Interval::p50_us));
  const auto tail = columns_of(drawing.axis, latency_of(drawing.drill, &Interval::p99_us));
  const auto longest = columns_of(drawing.axis, latency_of(drawing.drill, &Interval::max_us));
  const double greatest = std::max({greatest_of(median), greatest_of(tail), greatest_of(longest)});
  if (greatest <= 0) return;
  double least = greatest;
  for (const auto* columns : {&median, &tail}) {
    for (const auto& column : *columns) {
      if (column.known) least = std::min(least, column.low);
    }
  }
  const auto scale = Scale::logarithmic(least, greatest, height);
  double x = 138;
  for (const auto& [style, name] : {std::pair{"p50", "p50"}, {"p99", "p99"}, {"longest", "longest"}}) {
    const std::string y = coordinate(drawing.height + title_height - 12);
    drawing.titles += path(style, "M" + coordinate(x) + " " + y + "h18");
    drawing.titles += text_at("panel plain", 0, x + 22, drawing.height + title_height - 8, name);
    x += 54;
  }
  draw_title(drawing, "latency (logarithmic)");
  draw_levels(drawing, scale, level_text);
  drawing.svg += stretched(drawing.height, height,
                           path("longest", step_points(longest, scale)) + path("p99", step_points(tail, scale)) +
                               path("p50", step_points(median, scale)));
  drawing.height += height;
}

void draw_lanes(Drawing& drawing) {
  if (drawing.drill.samples.empty()) return;
  const auto views = views_of(drawing.drill, drawing.axis);
  draw_title(drawing, "replicas");
  draw_views(drawing, views);
  for (ReplicaId id = 0; id < drawing.drill.replicas; ++id) draw_lane(drawing, views, id);
}

void draw_memory(Drawing& drawing) {
  constexpr double height = 24;
  constexpr double gap = 4;
  std::vector<std::vector<Column>> replicas;
  double greatest = 0;
  for (ReplicaId id = 0; id < drawing.drill.replicas; ++id) {
    replicas.push_back(columns_of(drawing.axis, memory_of(drawing.drill, id)));
    greatest = std::max(greatest, greatest_of(replicas.back()));
  }
  if (greatest <= 0) return;
  const auto scale = Scale::linear(greatest, height);
  draw_title(drawing, "resident memory, each row from 0 to " + rate_text(scale.top()) + " MB");
  for (ReplicaId id = 0; id < drawing.drill.replicas; ++id) {
    const auto& columns = replicas[id];
    drawing.svg += text_at("label", 0, label_offset, drawing.height + height - 6, replica_text(id));
    drawing.svg += stretched(
        drawing.height, height,
        path("held", area_points(columns, scale, &Column::high)) + path("memory", step_points(columns, scale)));
    drawing.height += height;
    drawing.svg += level_line("grid", drawing.height);
    drawing.height += gap;
  }
}

}  // namespace tagma::drills
